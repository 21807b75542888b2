package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"yodel/cmd/internal/programs"
)

// Five seconds of it pass, and print a row each quarter of a second.
func TestShortSoak(t *testing.T) {
	bin, cleanUp, err := programs.Find()
	defer cleanUp()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := run([]string{"-bin", bin, "-for", "5s"}, &out, &errs); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, &out, &errs)
	}
	if n := strings.Count(out.String(), "\n"); n != rows+3 {
		t.Errorf("%d lines:\n%s", n, &out)
	}
}

// A command line that cannot be obeyed is refused at once.
func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"-for", "0"}, {"-for", "999ms"}, {"-for", "-1m"}, {"-for", "soon"}, {"-unknown"}} {
		var out, errs bytes.Buffer
		if code := run(args, &out, &errs); code != 2 || errs.Len() == 0 || out.Len() > 0 {
			t.Errorf("%v: exit code %d, %q, %q", args, code, &out, &errs)
		}
	}
}

// Voice is missed in runs that are long enough for it, and only there.
func TestSilenceIsFound(t *testing.T) {
	for last, want := range map[time.Duration]int{judgeVoice - 1: 0, judgeVoice: 1} {
		l := newLedger()
		l.published.Add(1)
		l.receipt(live, "live 0")
		l.voice[0].packets.Add(1)
		if got := l.faults(last); len(got) != want {
			t.Errorf("%v: %v", last, got)
		}
	}
}

// What has grown is found, what goes up and down is not.
func TestFlatness(t *testing.T) {
	for _, c := range []struct {
		name string
		at   func(i int) figures
		want int
	}{
		{"flat", func(i int) figures { return figures{rss: 30_000 + i%3*5000, fds: 20} }, 0},
		{"warming up", func(i int) figures { return figures{rss: 30_000 + min(i, 5)*10_000, fds: 20} }, 0},
		{"memory", func(i int) figures { return figures{rss: 30_000 + i*1000, fds: 20} }, 1},
		{"descriptors", func(i int) figures { return figures{rss: 30_000, fds: 20 + i} }, 1},
	} {
		var table table
		for i := range rows {
			table.all = append(table.all, c.at(i))
		}
		if got := table.faults(warm); len(got) != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
