package main

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// hostile are texts that would do something to a log or a terminal.
var hostile = []string{
	"", "plain", "two words", "x\nlevel=ERROR msg=forged", "x\r\nMESSAGE=forged\nPRIORITY=0", "\x1b[2J\x1b]0;title\a", "\u202eevil\u2066", "a=b", `"quoted"`, `back\slash`,
	"\x7f\x9b31m", "\xff\xfe", "\u2028\u2029\u0085", "nul\x00", "\u200f\ufeff", "é→日本", strings.Repeat("long", 50_000),
}

// entries are what a journal has taken.
type entries struct {
	all []string
}

func (e *entries) Write(b []byte) (int, error) {
	e.all = append(e.all, string(b))
	return len(b), nil
}

// journalOf gives the entries that some logging makes.
func journalOf(level slog.Level, do func(log *slog.Logger)) []string {
	out := new(entries)
	g := newGatherer(out)
	g.apart = true
	do(g.logger(level))
	g.flush()
	return out.all
}

func TestJournalEntries(t *testing.T) {
	at := netip.MustParseAddrPort("10.0.0.1:5")
	for name, c := range map[string]struct {
		do   func(log *slog.Logger)
		want string
	}{
		"joined": {
			func(log *slog.Logger) { log.Info("joined", "room", "lobby", "nick", "alice b", "address", at) },
			"MESSAGE=joined room=lobby nick=\"alice b\" address=10.0.0.1:5\nPRIORITY=6\nSYSLOG_IDENTIFIER=yodeld\n" +
				"YODEL_ROOM=lobby\nYODEL_NICK=alice b\nYODEL_ADDRESS=10.0.0.1:5\n",
		},
		"duration": {
			func(log *slog.Logger) { log.Info("stopped talking", "duration", 4100*time.Millisecond) },
			"MESSAGE=stopped talking duration=4.1s\nPRIORITY=6\nSYSLOG_IDENTIFIER=yodeld\nYODEL_DURATION=4.1s\n",
		},
		"error": {
			func(log *slog.Logger) { log.Error("room log", "error", errors.New("no\nroom")) },
			"MESSAGE=room log error=\"no\\nroom\"\nPRIORITY=3\nSYSLOG_IDENTIFIER=yodeld\nYODEL_ERROR=no\\nroom\n",
		},
		"nothing but a message": {func(log *slog.Logger) { log.Warn("well") }, "MESSAGE=well\nPRIORITY=4\nSYSLOG_IDENTIFIER=yodeld\n"},
		"drops": {
			func(log *slog.Logger) { log.Info("dropped", "unknown kind", uint64(3)) },
			"MESSAGE=dropped \"unknown kind\"=3\nPRIORITY=6\nSYSLOG_IDENTIFIER=yodeld\nYODEL_UNKNOWN_KIND=3\n",
		},
		"groups": {
			func(log *slog.Logger) {
				log.With("a", 1).WithGroup("g").With("b", 2).Debug("x", "c", 3, slog.Group("d", "e", 4), slog.Group("", "f", 5))
			},
			"MESSAGE=x a=1 g.b=2 g.c=3 g.d.e=4 g.f=5\nPRIORITY=7\nSYSLOG_IDENTIFIER=yodeld\n" +
				"YODEL_A=1\nYODEL_G_B=2\nYODEL_G_C=3\nYODEL_G_D_E=4\nYODEL_G_F=5\n",
		},
		"attributes with the names of what is left out": {
			func(log *slog.Logger) { log.Info("x", "level", 7, "msg", "y") },
			"MESSAGE=x level=7 msg=y\nPRIORITY=6\nSYSLOG_IDENTIFIER=yodeld\nYODEL_LEVEL=7\nYODEL_MSG=y\n",
		},
	} {
		if diff := cmp.Diff([]string{c.want}, journalOf(slog.LevelDebug, c.do)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
	if got := journalOf(slog.LevelInfo, func(log *slog.Logger) { log.Debug("x") }); len(got) > 0 {
		t.Errorf("below the level: %q", got)
	}
}

func FuzzLogsAreNotForged(f *testing.F) {
	for _, text := range hostile {
		f.Add(text, text, "nick")
		f.Add("joined", text, text)
	}
	f.Fuzz(func(t *testing.T, message, value, key string) {
		say := func(log *slog.Logger) {
			log.With("with", value).Info(message, key, value, "error", errors.New(value), slog.Group("g", "in", value))
		}
		var text bytes.Buffer
		g := newGatherer(&text)
		say(g.logger(slog.LevelInfo))
		g.flush()
		if err := printableLine(text.String()); err != nil {
			t.Errorf("text: %v", err)
		}
		journal := journalOf(slog.LevelInfo, say)
		if len(journal) != 1 {
			t.Fatalf("%d entries", len(journal))
		}
		lines := strings.SplitAfter(journal[0], "\n")
		if n := len(lines) - 1; n < 4 || n > 7 || lines[n] != "" {
			t.Fatalf("%d fields in %q", n, journal[0])
		}
		for i, line := range lines[:len(lines)-1] {
			if err := printableLine(line); err != nil {
				t.Errorf("journal: %v", err)
			}
			name, _, _ := strings.Cut(line, "=")
			if i < 3 && name != []string{"MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER"}[i] || i >= 3 && !ourField.MatchString(name) {
				t.Errorf("field %d is %q", i, name)
			}
		}
		if len(journal[0]) > maxEntry+1024 {
			t.Errorf("an entry of %d bytes", len(journal[0]))
		}
	})
}

var ourField = regexp.MustCompile(`^YODEL_[A-Z0-9_]{0,58}$`)

// printableLine tells what is wrong with a line that is to have a line end at its end and nothing in it that is not printable.
func printableLine(line string) error {
	rest, whole := strings.CutSuffix(line, "\n")
	if !whole || !utf8.ValidString(rest) {
		return errors.New("not one line of UTF-8")
	}
	if i := strings.IndexFunc(rest, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
		return errors.New("not printable: " + escaped(rest[i:min(len(rest), i+20)]))
	}
	return nil
}

// The text that slog makes of a value is one token: a space or an equals sign in it is quoted.
func TestATextValueIsOneToken(t *testing.T) {
	var text bytes.Buffer
	g := newGatherer(&text)
	g.logger(slog.LevelInfo).Info("joined", "nick", "alice room=other", "room", "lobby")
	g.flush()
	if !strings.HasSuffix(text.String(), `msg=joined nick="alice room=other" room=lobby`+"\n") {
		t.Errorf("%q", &text)
	}
}

// What goes to journald is one datagram an entry; when it is away, the message goes to standard error.
func TestJournalSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	journald, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	j, err := newJournal(path, &stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.conn.Close() }()
	g := journalLines(j)
	log := g.logger(slog.LevelInfo)
	log.Info("one", "n", 1)
	log.Info("two")
	g.flush()
	b := make([]byte, maxEntry+1024)
	for _, want := range []string{"MESSAGE=one n=1\nPRIORITY=6\nSYSLOG_IDENTIFIER=yodeld\nYODEL_N=1\n", "MESSAGE=two\nPRIORITY=6\nSYSLOG_IDENTIFIER=yodeld\n"} {
		if err := journald.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := journald.Read(b)
		if err != nil || string(b[:n]) != want {
			t.Errorf("%q, %v; want %q", b[:n], err, want)
		}
	}
	log.Info("long", "stack", strings.Repeat("x\n", 1<<20), "more", strings.Repeat("x", 1<<20))
	g.flush()
	if n, err := journald.Read(b); err != nil || !strings.HasPrefix(string(b[:n]), "MESSAGE=long") {
		t.Errorf("of a long entry %d bytes came: %v", n, err)
	}
	_ = journald.Close()
	log.Info("three", "n", 3)
	g.flush()
	if stderr.String() != "three n=3\n" {
		t.Errorf("standard error: %q", &stderr)
	}
}

// A journal that does not read costs lines, which the log tells of, and stops nobody.
func TestAJournalThatDoesNotReadLosesEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{gate: make(chan struct{})}
		g := newGatherer(out)
		g.apart, g.tell = true, lostEntry
		log := g.logger(slog.LevelInfo)
		log.Info("first")
		<-time.After(time.Second) // held up from here on
		const each = 10_000
		for range maxGathered/each + 10 {
			log.Info(strings.Repeat("x", each))
		}
		close(out.gate)
		<-time.After(time.Second)
		synctest.Wait()
		all := out.written()
		last := all[len(all)-1]
		if n := len(all); n < maxGathered/each/2 || n > maxGathered/each+3 || !strings.HasPrefix(last, "MESSAGE=") ||
			!strings.Contains(last, "lines of the log are lost") || !strings.Contains(last, "PRIORITY=4\n") {
			t.Errorf("%d entries, the last: %.200q", n, last)
		}
	})
}

// One entry waits for a journal that does not read; it and those behind it are lost, are counted, and go nowhere else.
func TestAJournalThatDoesNotReadIsWaitedForOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	journald, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = journald.Close() }()
	var stderr bytes.Buffer
	j, err := newJournal(path, &stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.conn.Close() }()
	g := journalLines(j)
	log := g.logger(slog.LevelInfo)
	const n = 2000 // more than a socket holds
	for i := range n {
		log.Info("entry", "n", i)
	}
	g.flush()
	g.mu.Lock()
	defer g.mu.Unlock()
	if stderr.Len() > 0 || g.lost == 0 {
		t.Errorf("%d entries are lost; standard error has %.100q", g.lost, &stderr)
	}
}
