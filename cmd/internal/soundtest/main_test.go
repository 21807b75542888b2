//go:build linux

package soundtest

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
	suite := programs.Suite{Name: "soundtest", Prefix: "YODEL_SOUND", Tests: "ROWS", Parallel: 4, Print: results.print} // rows mostly wait
	os.Exit(suite.Run(m, &settings))
}
