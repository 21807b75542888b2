//go:build linux

package nettest

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
	full bool
	seed uint64
	rows *regexp.Regexp // nil: all of the form
	bin  string
	keep string // where the rows' folders are kept; empty: they are not
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	cleanUp, err := prepare()
	if err != nil {
		fmt.Fprintln(os.Stderr, "nettest:", err)
		return 1
	}
	defer cleanUp()
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
	if err := flag.Set("test.parallel", "5"); err != nil { // rows mostly wait
		return nil, err
	}
	settings.full, settings.seed = os.Getenv("YODEL_NET_FORM") == "full", 1
	if s := os.Getenv("YODEL_NET_SEED"); s != "" {
		if settings.seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			return nil, fmt.Errorf("YODEL_NET_SEED: %w", err)
		}
	}
	if s := os.Getenv("YODEL_NET_ROWS"); s != "" {
		if settings.rows, err = regexp.Compile(s); err != nil {
			return nil, fmt.Errorf("YODEL_NET_ROWS: %w", err)
		}
	}
	settings.keep = os.Getenv("YODEL_NET_KEEP")
	settings.bin, cleanUp, err = programs.Find()
	return cleanUp, err
}

// seedOf is the seed of a row: its fates do not depend on which other rows run.
func seedOf(row string) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, row)
	return settings.seed ^ h.Sum64()
}
