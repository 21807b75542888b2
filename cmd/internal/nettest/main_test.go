//go:build linux

package nettest

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
	suite := programs.Suite{Name: "nettest", Prefix: "YODEL_NET", Tests: "ROWS", Parallel: 5, Print: results.print} // rows mostly wait
	os.Exit(suite.Run(m, &settings))
}
