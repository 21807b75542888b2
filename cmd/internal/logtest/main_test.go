//go:build linux

package logtest

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
	if code, done := enclose(); done {
		os.Exit(code)
	}
	suite := programs.Suite{Name: "logtest", Prefix: "YODEL_LOG", Tests: "TRIALS", Parallel: 4, Print: results.print} // trials mostly wait
	os.Exit(suite.Run(m, &settings))
}
