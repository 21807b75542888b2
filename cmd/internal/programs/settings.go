package programs

import (
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// Settings are what a suite takes from the environment.
type Settings struct {
	Full bool           // PREFIX_FORM=full: all of it, not the short form
	Seed uint64         // PREFIX_SEED, else 1
	Only *regexp.Regexp // PREFIX_ and what the suite calls its tests; nil: all of the form
	Bin  string         // folder of the programs, see Find
	Keep string         // PREFIX_KEEP: where the tests' folders are kept; empty: they are not
}

// prepare reads the settings with a prefix, finds or builds the programs, and has so many tests run at a time. cleanUp removes what was made, also
// after an error.
func prepare(prefix, tests string, parallel int) (s Settings, cleanUp func(), err error) {
	cleanUp = func() {}
	if err := flag.Set("test.parallel", strconv.Itoa(parallel)); err != nil {
		return s, cleanUp, err
	}
	s = Settings{Full: os.Getenv(prefix+"_FORM") == "full", Seed: 1, Keep: os.Getenv(prefix + "_KEEP")}
	if text := os.Getenv(prefix + "_SEED"); text != "" {
		if s.Seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			return s, cleanUp, fmt.Errorf("%s_SEED: %w", prefix, err)
		}
	}
	if text := os.Getenv(prefix + "_" + tests); text != "" {
		if s.Only, err = regexp.Compile(text); err != nil {
			return s, cleanUp, fmt.Errorf("%s_%s: %w", prefix, tests, err)
		}
	}
	s.Bin, cleanUp, err = Find()
	return s, cleanUp, err
}

// SeedOf is the seed of one test: it does not depend on which others run.
func (s *Settings) SeedOf(test string) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, test)
	return s.Seed ^ h.Sum64()
}

// Folder is where a test's programs keep their files, what they said and what was heard.
func (s *Settings) Folder(t *testing.T) string {
	t.Helper()
	if s.Keep == "" {
		return t.TempDir()
	}
	dir, err := filepath.Abs(filepath.Join(s.Keep, filepath.Base(t.Name())))
	if err == nil {
		err = errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
