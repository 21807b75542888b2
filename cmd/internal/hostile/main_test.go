//go:build linux

package hostile

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"yodel/cmd/internal/programs"
)

// settings come from the environment; doc.go tells what they mean.
var settings programs.Settings

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	var cleanUp func()
	var err error
	settings, cleanUp, err = programs.Prepare("YODEL_HOSTILE", "ATTACKS", 1)
	defer cleanUp()
	if err != nil {
		fmt.Fprintln(os.Stderr, "hostile:", err)
		return 1
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	results.print(os.Stdout)
	return code
}
