package main

import (
	"slices"
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 9, 2}, 3}} {
		given := slices.Clone(test.values)
		if got := median(test.values); got != test.want || !slices.Equal(given, test.values) {
			t.Errorf("median of %v: %v, want %v; afterwards %v", given, got, test.want, test.values)
		}
	}
}

func TestALineTellsWhetherTheBarWasMet(t *testing.T) {
	r := &row{name: "a load", most: 1.2}
	for _, test := range []struct {
		c    compared
		want string
	}{
		{
			compared{daemon: []float64{3600, 3300, 3500}, relay: []float64{3000, 3000, 3500}, ratio: []float64{1.2, 1.1, 1}},
			"| a load | 3500 | 3000 | 1.10 | 1.00–1.20 | 1.20 | yes |",
		},
		{
			compared{daemon: []float64{3900}, relay: []float64{3000}, ratio: []float64{1.3}, late: 1},
			"| 1.20 | **no**, 1 of 2 runs on a busy machine |",
		},
		{
			compared{daemon: []float64{3000}, relay: []float64{3000}, ratio: []float64{1}, lost: 7},
			"| 1.20 | **no**, 7 datagrams lost |",
		},
	} {
		if got := test.c.line(r); !strings.HasSuffix(got, test.want) {
			t.Errorf("%s\nwant …%s", got, test.want)
		}
	}
}

func TestRowsHaveNamesOfTheirOwn(t *testing.T) {
	var names []string
	for _, r := range rows {
		names = append(names, r.name)
	}
	for _, l := range limits {
		names = append(names, l.name)
	}
	for _, d := range durables {
		names = append(names, d.name)
	}
	slices.Sort(names)
	if twice := len(names) - len(slices.Compact(names)); twice != 0 {
		t.Errorf("%d rows share a name", twice)
	}
}
