package peer

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience bounds the waits for what comes at once on an idle machine.
const patience = time.Minute

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
