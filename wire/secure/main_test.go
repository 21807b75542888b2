package secure

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// childVar makes the test binary a second process of the test that set it: it does one thing with the
// file named in childPath and prints the outcome.
const (
	childVar  = "YODEL_SECURE_CHILD"
	childPath = "YODEL_SECURE_CHILD_PATH"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(childVar); role != "" {
		os.Exit(child(role, os.Getenv(childPath)))
	}
	goleak.VerifyTestMain(m)
}

func child(role, path string) int {
	switch role {
	case "identity":
		id, created, err := LoadOrCreateIdentity(path)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println(id.Fingerprint(), created)
	case "known":
		added, err := KnownHosts{path}.Check("localhost:9635", Fingerprint{1})
		if err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println("known", added)
	}
	return 0
}
