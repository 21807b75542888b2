package load

import (
	"slices"
	"testing"
)

func TestFlowTakesEachPacketOnce(t *testing.T) {
	for _, test := range []struct {
		name    string
		numbers []int64
		news    []bool
	}{
		{"in order", []int64{7, 8, 9}, []bool{true, true, true}},
		{"twice", []int64{7, 7, 8, 7, 8}, []bool{true, false, true, false, false}},
		{"gaps and late ones", []int64{5, 9, 6, 6, 8, 4}, []bool{true, true, true, false, true, true}},
		{"a jump over the memory", []int64{5, 500, 437, 436, 5}, []bool{true, true, true, false, false}},
	} {
		var f flow
		var news []bool
		for _, n := range test.numbers {
			news = append(news, f.take(n))
		}
		if !slices.Equal(news, test.news) {
			t.Errorf("%s: %v, want %v", test.name, news, test.news)
		}
	}
}

func TestTurns(t *testing.T) {
	for _, test := range []struct {
		burst bool
		due   []int64
	}{
		{false, []int64{100, 106, 113, 120, 126, 133, 140}},
		{true, []int64{100, 100, 100, 120, 120, 120, 140}},
	} {
		turns := turns{n: 3, begin: 100, period: 20, burst: test.burst}
		for i, want := range test.due {
			if due := turns.due(); due != want {
				t.Errorf("burst %v: turn %d is due at %d, want %d", test.burst, i, due, want)
			}
			if who := turns.take(); who != i%3 {
				t.Errorf("burst %v: turn %d is that of %d", test.burst, i, who)
			}
		}
	}
}
