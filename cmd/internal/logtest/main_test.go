//go:build linux

package logtest

import (
	"flag"
	"fmt"
	"hash/fnv"
	"os"
	"regexp"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"yodel/cmd/internal/programs"
)

// settings come from the environment; doc.go tells what they mean.
var settings struct {
	full   bool
	seed   uint64
	trials *regexp.Regexp // nil: all of the form
	bin    string
	keep   string // where the trials' folders are kept; empty: they are not
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	if code, done := enclose(); done {
		return code
	}
	cleanUp, err := prepare()
	defer cleanUp()
	if err != nil {
		fmt.Fprintln(os.Stderr, "logtest:", err)
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

// prepare reads the settings and finds or builds the programs.
func prepare() (cleanUp func(), err error) {
	cleanUp = func() {}
	if err := flag.Set("test.parallel", "4"); err != nil { // trials mostly wait
		return cleanUp, err
	}
	settings.full, settings.seed = os.Getenv("YODEL_LOG_FORM") == "full", 1
	if s := os.Getenv("YODEL_LOG_SEED"); s != "" {
		if settings.seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			return cleanUp, fmt.Errorf("YODEL_LOG_SEED: %w", err)
		}
	}
	if s := os.Getenv("YODEL_LOG_TRIALS"); s != "" {
		if settings.trials, err = regexp.Compile(s); err != nil {
			return cleanUp, fmt.Errorf("YODEL_LOG_TRIALS: %w", err)
		}
	}
	settings.keep = os.Getenv("YODEL_LOG_KEEP")
	settings.bin, cleanUp, err = programs.Find()
	return cleanUp, err
}

// seedOf is the seed of a trial: it does not depend on which others run.
func seedOf(trial string) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, trial)
	return settings.seed ^ h.Sum64()
}
