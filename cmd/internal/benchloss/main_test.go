//go:build linux

package main

import (
	"slices"
	"testing"

	"go.uber.org/goleak"

	"yodel/cmd/internal/netem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParseLosses(t *testing.T) {
	for _, test := range []struct {
		in   string
		want []float64 // nil: an error
	}{{"0", []float64{0}}, {"0,2.5,40", []float64{0, 2.5, 40}}, {"", nil}, {"5,", nil}, {"100", nil}, {"-1", nil}, {"NaN", nil}} {
		got, err := parseLosses(test.in)
		if (err != nil) != (test.want == nil) || err == nil && !slices.Equal(got, test.want) {
			t.Errorf("%q: %v, %v", test.in, got, err)
		}
	}
}

// A short run over the real path: every protocol delivers all messages in order, no sooner than the path lets them, and is counted.
func TestShortRun(t *testing.T) {
	netem.Need(t, "THE COMPARISON OVER A LOSSY PATH")
	p := plan{n: 60, size: 200, rate: 200, seed: 3}
	rows, err := measure(&p, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(protocols) {
		t.Fatalf("%d rows", len(rows))
	}
	least := milliseconds(oneWay - jitter)
	for _, r := range rows {
		t.Log(&r)
		switch {
		case r.Error != "":
			t.Errorf("%s: %s", r.Protocol, r.Error)
		case r.Messages != p.n || r.P50 < least || r.P99 < r.P50 || r.Max < r.P99:
			t.Errorf("%+v", r)
		case r.Datagrams < 0.2 || r.Bytes < float64(p.size):
			t.Errorf("not counted: %+v", r)
		case (r.Ratio > 1) != (r.Protocol == "yodel"):
			t.Errorf("bytes in proportion to none repeated: %+v", r)
		}
	}
}
