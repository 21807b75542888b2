package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestQuantile(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration((i*37)%100+1)) // 1 to 100, mixed
	}
	for _, test := range []struct {
		of      []time.Duration
		percent int
		want    time.Duration
	}{{nil, 50, 0}, {hundred[:1], 99, 1}, {hundred, 50, 50}, {hundred, 99, 99}, {hundred, 100, 100}, {hundred[:3], 50, 2}} {
		if got := quantile(test.of, test.percent); got != test.want {
			t.Errorf("quantile of %d values at %d %%: %d, want %d", len(test.of), test.percent, got, test.want)
		}
	}
}

func TestCheck(t *testing.T) {
	good := row{Protocol: "yodel", Loss: 20, P50: 38, P99: 100, Datagrams: 1.8, Ratio: 3}
	for _, test := range []struct {
		name   string
		change func(r *row)
		broken string // a part of the error; empty: none
	}{
		{"at the bars", func(*row) {}, ""},
		{"p50", func(r *row) { r.P50 = 38.1 }, "p50"},
		{"p99", func(r *row) { r.P99 = 101 }, "p99"},
		{"datagrams", func(r *row) { r.Datagrams = 1.81 }, "datagrams"},
		{"bytes of a clean path", func(r *row) { r.Loss, r.P50, r.P99, r.Ratio = 0, 30, 40, 1.11 }, "bytes"},
		{"failed", func(r *row) { r.Error = "no route" }, "no route"},
		{"another protocol", func(r *row) { r.Protocol, r.P50 = "tcp", 999 }, ""},
		{"a loss without a bar", func(r *row) { r.Loss, r.P50 = 21, 999 }, ""},
	} {
		r := good
		test.change(&r)
		err := r.check()
		if (err != nil) != (test.broken != "") || err != nil && (!errors.Is(err, errBar) || !strings.Contains(err.Error(), test.broken)) {
			t.Errorf("%s: %v, want %q", test.name, err, test.broken)
		}
	}
}
