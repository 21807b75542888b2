package wire

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func millis(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func TestCheckRoom(t *testing.T) {
	for _, good := range []string{"a", "lobby", "A-b_c.9", strings.Repeat("x", 64), ".", "-"} {
		if err := CheckRoom(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "a b", "ä", "a/b", "a\n", strings.Repeat("x", 65), "a\x00", "#a", "日本"} {
		if err := CheckRoom(bad); !errors.Is(err, ErrRoomName) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestNick(t *testing.T) {
	for in, want := range map[string]string{
		"alice":                 "alice",
		"  alice   b  ":         "alice b",
		"Ålice":                 "Ålice",
		"日本":                    "日本",
		strings.Repeat("é", 32): strings.Repeat("é", 32),
	} {
		if got, err := Nick(in); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
	for _, bad := range []string{"", "   ", "a\x1bb", "a\u202eb", "a\nb", "\xff", strings.Repeat("x", 33), "\u200b"} {
		if got, err := Nick(bad); !errors.Is(err, ErrNick) {
			t.Errorf("%q: %q, %v", bad, got, err)
		}
	}
}

// A nick is as long as it is shown, however it comes.
func TestNicksInTheLongestForm(t *testing.T) {
	for in, want := range map[string]string{
		strings.Repeat("\u1112\u1161\u11ab", MaxNick): strings.Repeat("한", MaxNick),
		strings.Repeat("e\u0302\u0301", MaxNick):      strings.Repeat("ế", MaxNick),
		strings.Repeat("𝒜", MaxNick):                  strings.Repeat("A", MaxNick),
	} {
		if got, err := Nick(in); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
}

// What is much too long is refused before it is brought into a form that is longer still.
func TestLongNicksAreNotNormalised(t *testing.T) {
	long := strings.Repeat("\ufdfa", 20_000) // 18 characters each in NFKC
	for name, form := range map[string]func(string) (string, error){"Nick": Nick, "NickKey": NickKey} {
		if _, err := form(long); !errors.Is(err, ErrNick) || len(err.Error()) > 100 {
			t.Errorf("%s: %.200v", name, err)
		}
		if n := testing.AllocsPerRun(10, func() { _, _ = form(long) }); n > 10 {
			t.Errorf("%s: %v allocations for what is not looked at", name, n)
		}
	}
}

func BenchmarkNick(b *testing.B) {
	for name, nick := range map[string]string{"short": "alice", "dearest": strings.Repeat("\ufdfa", maxNickBytes/3)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _ = Nick(nick)
			}
		})
	}
}

func TestNicksThatAreTheSame(t *testing.T) {
	key := func(s string) string {
		k, err := NickKey(s)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	for _, same := range [][2]string{{"Alice", "alice"}, {"ÄB", "äb"}, {"a  b", "A b"}, {"ﬁ", "fi"}} {
		if key(same[0]) != key(same[1]) {
			t.Errorf("%q and %q are two nicks", same[0], same[1])
		}
	}
	if key("alice") == key("bob") {
		t.Error("alice and bob are one nick")
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"":                          "",
		"plain, ünïcödé, 日本, \t!":   "plain, ünïcödé, 日本, \t!",
		"\x1b[2J":                   `\x1b[2J`,
		"a\nb\rc":                   `a\nb\rc`,
		"\u009b31m":                 `\u009b31m`,
		"\u202egnp.exe":             `\u202egnp.exe`,
		"\x1b]52;c;AAAA\x07":        `\x1b]52;c;AAAA\a`,
		"bad \xff\xfe utf-8":        `bad \xff\xfe utf-8`,
		"line\u2028sep":             `line\u2028sep`,
		"\u2066x\u2069":             `\u2066x\u2069`,
		"family 👨\u200d👩 emoji":     "family 👨\u200d👩 emoji",
		"real replacement \ufffd":   "real replacement \ufffd",
		"a\u3164\uffa0\u115f\u2800": `a\u3164\uffa0\u115f\u2800`,
		"k\u034f\ufe01, ok \ufe0f":  "k\\u034f\\ufe01, ok \ufe0f",
		"e" + strings.Repeat("\u0301", 10) + "f\u0301": "e" + strings.Repeat("\u0301", 8) + `\u0301\u0301` + "f\u0301",
		"बिन्दु, שָׁלוֹם, ที่นี่":                      "बिन्दु, שָׁלוֹם, ที่นี่",
	} {
		if got := Printable(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b[31m\u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		out := Printable(s)
		if !utf8.ValidString(out) || strings.ContainsAny(out, "\x1b\n\r\x07\u202e\u009b\u2028") {
			t.Fatalf("%q became %q", s, out)
		}
		if again := Printable(out); again != out {
			t.Fatalf("%q is changed again to %q", out, again)
		}
	})
}

func FuzzNick(f *testing.F) {
	f.Add("Alice")
	f.Add(" ﬁ  Å ")
	f.Fuzz(func(t *testing.T, s string) {
		nick, err := Nick(s)
		if err != nil {
			return
		}
		if again, err := Nick(nick); err != nil || again != nick {
			t.Fatalf("%q became %q, and that %q, %v", s, nick, again, err)
		}
		if _, err := NickKey(nick); err != nil {
			t.Fatalf("%q has no comparison form: %v", nick, err)
		}
	})
}
