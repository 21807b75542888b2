package main

import (
	"errors"
	"testing"
	"time"

	"github.com/urfave/cli/v2"
)

// latencyIn parses a command line that has the flag.
func latencyIn(t *testing.T, args ...string) (d time.Duration, err error) {
	t.Helper()
	app := &cli.App{Flags: []cli.Flag{latencyFlag()}, Action: func(c *cli.Context) error {
		d, err = latencyOf(c)
		return nil
	}}
	if failed := app.Run(append([]string{"yodel"}, args...)); failed != nil {
		t.Fatal(failed)
	}
	return d, err
}

func TestLatencyIsAutoOrATime(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"auto": 0, "20ms": 20 * time.Millisecond, "0.2": 200 * time.Millisecond, "2s": 2 * time.Second, "1us": time.Microsecond,
	} {
		if got, err := latencyIn(t, "--latency", text); got != want || err != nil {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	if got, err := latencyIn(t); got != 0 || err != nil {
		t.Errorf("without the flag: got %v, %v, want auto", got, err)
	}
	for _, text := range []string{"", "0", "0ms", "-20ms", "2001ms", "Auto", "20 ms", "NaN", "1e9"} {
		if got, err := latencyIn(t, "--latency="+text); !errors.Is(err, errUsage) {
			t.Errorf("%q: got %v, %v, want a usage error", text, got, err)
		}
	}
}
