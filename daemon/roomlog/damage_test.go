package roomlog

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"
)

// TestADamagedPageStopsNoLimits overwrites the page of the oldest entries of a room, which the limits want to remove.
func TestADamagedPageStopsNoLimits(t *testing.T) {
	const n = 2000
	for name, o := range map[string]Options{
		"by number":    {Keep: Keep{Entries: 10}},
		"by age":       {Keep: Keep{Age: time.Hour}},
		"of all rooms": {Total: 1000, Rooms: map[string]Keep{"b": {Entries: 10}}},
	} {
		l := begin(t, Options{})
		for i := range uint64(n) {
			l.Append(message("a", i, fmt.Sprintf("number %04d %s", i, strings.Repeat("x", 100))), func(Result) {})
		}
		for i := range uint64(100) {
			e := message("b", i, "x")
			if i >= 90 {
				e.At = time.Now().UnixNano()
			}
			l.append(e)
		}
		l.end()
		l.damagePageOf("number 0000")
		var out lines
		o.Dir, o.Logger = l.options.Dir, slog.New(slog.NewTextHandler(&out, nil))
		l = reopen(t, o)
		l.settles("b", 10)
		const line = "the oldest messages cannot be removed"
		eventually(t, "the operator is told", func() bool { return out.count(line) > 0 })
		l.add("a", n, "new")
		if all := l.all("a", 0); len(all) < n-100 || out.count(line) != 1 {
			t.Errorf("%s: %d entries are left of %d; %d lines", name, len(all), n, out.count(line))
		}
		l.end()
	}
}

func TestAFileThatOthersReadIsTold(t *testing.T) {
	var out lines
	l := begin(t, Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
	for want, mode := range []os.FileMode{0o600, 0o640} {
		l.end()
		if err := os.Chmod(l.file(), mode); err != nil {
			t.Fatal(err)
		}
		l = l.again()
		if n := out.count("others may read"); n != want {
			t.Errorf("mode %o: %d lines, want %d", mode, n, want)
		}
	}
}
