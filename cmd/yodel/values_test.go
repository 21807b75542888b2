package main

import (
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yodel/wire"
)

func TestParseSince(t *testing.T) {
	zone := time.FixedZone("east", 2*3600)
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, zone)
	tests := []struct {
		text string
		want time.Time
	}{
		{"90s", now.Add(-90 * time.Second)},
		{"1h30m", now.Add(-90 * time.Minute)},
		{"2d", now.Add(-48 * time.Hour)},
		{"0s", now},
		{"15:04", time.Date(2026, 3, 4, 15, 4, 0, 0, zone)},
		{"15:04:05", time.Date(2026, 3, 4, 15, 4, 5, 0, zone)},
		{"2026-01-31", time.Date(2026, 1, 31, 0, 0, 0, 0, zone)},
		{"2026-01-31 08:00", time.Date(2026, 1, 31, 8, 0, 0, 0, zone)},
		{"2026-01-31 08:00:01", time.Date(2026, 1, 31, 8, 0, 1, 0, zone)},
		{"2026-01-31T08:00:01", time.Date(2026, 1, 31, 8, 0, 1, 0, zone)},
		{"2026-01-31T08:00:00.5Z", time.Date(2026, 1, 31, 8, 0, 0, 5e8, time.UTC)},
		{"2026-01-31T08:00:00-05:00", time.Date(2026, 1, 31, 13, 0, 0, 0, time.UTC)},
		{"@86400", time.Unix(86400, 0)},
	}
	for _, tt := range tests {
		got, err := parseSince(tt.text, now)
		if err != nil || !got.Equal(tt.want) {
			t.Errorf("%q: got %v, %v, want %v", tt.text, got, err, tt.want)
		}
	}
	for _, text := range []string{"", "x", "d", "-1h", "25:00", "2026-13-01", "10", "@", "-2d"} {
		if got, err := parseSince(text, now); !errors.Is(err, errUsage) {
			t.Errorf("%q: got %v, %v, want a usage error", text, got, err)
		}
	}
}

func TestParsePosition(t *testing.T) {
	got, err := parsePosition("00ff:12")
	if diff := cmp.Diff(position{[]byte{0, 0xff}, 12}, got, cmp.AllowUnexported(position{})); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if got, err := parsePosition("0"); got.pos != 0 || len(got.log) != 0 || err != nil {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{"10": 10 * time.Second, "1.5": 1500 * time.Millisecond, "500ms": 5e8, "0": 0} {
		var v duration
		if err := v.Set(text); err != nil || v.d != want {
			t.Errorf("%q: got %v, %v, want %v", text, v.d, err, want)
		}
	}
	for _, text := range []string{"", "-1", "-1s", "x", "1 s"} {
		if err := new(duration).Set(text); !errors.Is(err, errDuration) {
			t.Errorf("%q: got %v, want errDuration", text, err)
		}
	}
}

func TestLegalNick(t *testing.T) {
	tests := map[string]string{
		"alice": "alice", `CORP\bob`: "bob", "a\x01b": "ab", "": "", "\x01": "", "x  y": "x y",
		strings.Repeat("é", 40): strings.Repeat("é", 32),
	}
	for in, want := range tests {
		if got := legalNick(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestLoginNickIsLegal(t *testing.T) {
	nick := loginNick()
	if shown, err := wire.Nick(nick); err != nil || shown != nick {
		t.Errorf("%q becomes %q, %v", nick, shown, err)
	}
}

func readAll(t *testing.T, input string) (texts []string, end line) {
	t.Helper()
	for l := range drain(readLines(t.Context(), strings.NewReader(input))) {
		if l.err != nil {
			return texts, l
		}
		texts = append(texts, string(l.text))
	}
	t.Fatal("no end")
	return nil, line{}
}

// drain ranges over lines up to the one with an error.
func drain(lines <-chan line) func(func(line) bool) {
	return func(yield func(line) bool) {
		for {
			l := <-lines
			if !yield(l) || l.err != nil {
				return
			}
		}
	}
}

func TestReadLines(t *testing.T) {
	full := strings.Repeat("x", wire.MaxBody)
	tests := []struct {
		name, input string
		want        []string
		err         error
		number      int
	}{
		{"nothing", "", nil, io.EOF, 1},
		{"ended", "a\nb\n", []string{"a", "b"}, io.EOF, 3},
		{"not ended", "a\nb", []string{"a", "b"}, io.EOF, 3},
		{"CRLF", "a\r\nb\r\n", []string{"a", "b"}, io.EOF, 3},
		{"empty", "\n\na\n", []string{"", "", "a"}, io.EOF, 4},
		{"CR inside", "a\rb\n", []string{"a\rb"}, io.EOF, 2},
		{"longest", full + "\r\n" + full, []string{full, full}, io.EOF, 3},
		{"too long", "a\n" + full + "x\nb\n", []string{"a"}, errLineTooLong, 2},
		{"much too long", strings.Repeat("x", 3<<20), nil, errLineTooLong, 1},
		{"not UTF-8", "a\n\xff\nb\n", []string{"a"}, errNotUTF8, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, end := readAll(t, tt.input)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if !errors.Is(end.err, tt.err) || end.number != tt.number {
				t.Errorf("ended at line %d with %v, want %d with %v", end.number, end.err, tt.number, tt.err)
			}
		})
	}
}

func TestTooLongTellsTheSize(t *testing.T) {
	for size, want := range map[int]string{
		wire.MaxBody + 1:     "line 1: message too long: 61441 bytes, at most 61440",
		wire.MaxBody + 2:     "line 1: message too long: 61442 bytes, at most 61440",
		3*wire.MaxBody + 123: "line 1: message too long: 184443 bytes, at most 61440",
	} {
		for _, ending := range []string{"", "\n", "\r\n"} {
			if _, end := readAll(t, strings.Repeat("x", size)+ending); end.err == nil || end.err.Error() != want {
				t.Errorf("%d bytes and %q: got %v, want %s", size, ending, end.err, want)
			}
		}
	}
}

func TestEndingLimit(t *testing.T) {
	e := newEnding(25*time.Millisecond, 0)
	frame := make([]int16, 960)
	if n, done := e.take(frame); n != 960 || done {
		t.Errorf("first frame: %d, %v", n, done)
	}
	if n, done := e.take(frame); n != 240 || !done {
		t.Errorf("second frame: %d, %v, want 240, true", n, done)
	}
}

func TestEndingSilence(t *testing.T) {
	e := newEnding(0, 100*time.Millisecond)
	still, noise := make([]int16, 960), make([]int16, 960)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for i := range still {
		still[i] = int16(rng.IntN(60) - 30) // under -60 dBFS
		noise[i] = int16(rng.IntN(2000) - 1000)
	}
	noise[0] = 1000
	feed := func(frame []int16, times int) (ended int) {
		for i := range times {
			if _, done := e.take(frame); done {
				return i + 1
			}
		}
		return 0
	}
	if n := feed(still, 100); n != 0 {
		t.Errorf("ended after %d frames before anything was heard", n)
	}
	if n := feed(noise, 10); n != 0 {
		t.Errorf("ended after %d frames of noise", n)
	}
	if n := feed(still, 4); n != 0 {
		t.Errorf("ended after %d frames of silence, want 5", n)
	}
	if n := feed(noise, 1) + feed(still, 10); n != 5 {
		t.Errorf("ended after %d frames of silence, want 5", n)
	}
}

func TestEndingNever(t *testing.T) {
	e := newEnding(0, 0)
	for range 1000 {
		if n, done := e.take(make([]int16, 960)); n != 960 || done {
			t.Fatalf("got %d, %v", n, done)
		}
	}
}

func TestNames(t *testing.T) {
	if got := exact(250*time.Millisecond) + ", " + exact(10*time.Second) + ", " + tenth(4080*time.Millisecond); got != "0.25 s, 10 s, 4.1 s" {
		t.Error(got)
	}
}
