//go:build linux

package hostile

import (
	"flag"
	"os"
	"testing"

	"yodel/cmd/internal/programs"
)

// settings come from the environment; doc.go tells what they mean.
var settings programs.Settings

func TestMain(m *testing.M) {
	flag.Parse()
	suite := programs.Suite{Name: "hostile", Prefix: "YODEL_HOSTILE", Tests: "ATTACKS", Parallel: 1, Print: results.print}
	os.Exit(suite.Run(m, &settings))
}
