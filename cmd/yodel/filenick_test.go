package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"yodel/wire"
)

func TestFileNick(t *testing.T) {
	tests := map[string]string{
		"alice":                       "alice",
		"Alice B. O'Hara-2":           "Alice_B._O_Hara-2",
		"Жанна":                       "Жанна",
		"नमस्ते":                      "नमस्ते",
		"日本":                          "日本",
		"٣":                           "٣",
		"":                            nobody,
		".":                           nobody,
		"..":                          nobody,
		"-":                           nobody,
		"../../etc/passwd":            "_.._etc_passwd",
		`..\..\x`:                     "_.._x",
		"/abs":                        "_abs",
		"-rf":                         "rf",
		".-.hidden":                   "hidden",
		"a\x00b":                      "a_b",
		"a\nb\x1b[31m":                "a_b__31m",
		"\u202eevil\u2066":            "_evil_",
		"no\u00a0break":               "no_break",
		"zero\u200bwidth":             "zero_width",
		"filler\u3164":                "filler_",
		"\xff\xfe":                    "__",
		"con:":                        "con_",
		"*?\"<>|$`~":                  "_________",
		"🙂":                           "_",
		strings.Repeat("x", 65):       strings.Repeat("x", 64),
		strings.Repeat("日", 22):       strings.Repeat("日", 21),
		"x" + strings.Repeat("é", 40): "x" + strings.Repeat("é", 31),
	}
	for nick, want := range tests {
		if got := fileNick(nick); got != want {
			t.Errorf("%q: got %q, want %q", nick, got, want)
		}
	}
}

// FuzzFileNick holds that whatever the nick, it is a part of one plain name, and that a file can have it.
func FuzzFileNick(f *testing.F) {
	for _, nick := range []string{"alice", "..", "a/b", "\x00", "\u202e", "日本", strings.Repeat("é", 99), "-x", "\xff"} {
		f.Add(nick)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, nick string) {
		name := fileNick(nick)
		switch {
		case name == "" || len(name) > maxFileNick || !utf8.ValidString(name):
			t.Fatalf("%q: %q", nick, name)
		case strings.ContainsAny(name, "/\\:\x00 ") || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "-"):
			t.Fatalf("%q: %q", nick, name)
		case filepath.Base(name) != name || !filepath.IsLocal(name):
			t.Fatalf("%q: %q is a path", nick, name)
		case fileNick(name) != name:
			t.Fatalf("%q: %q becomes %q", nick, name, fileNick(name))
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatalf("%q: %v", nick, err)
		}
		for _, r := range name {
			if wire.Printable(string(r)) != string(r) {
				t.Fatalf("%q: %q has what cannot be seen", nick, name)
			}
		}
	})
}
