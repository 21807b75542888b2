package wire

import (
	"strings"
	"testing"
	"unicode"
)

func TestNicksThatLookAlike(t *testing.T) {
	for _, c := range []struct {
		nick, other string
		same        bool
	}{
		{"alice", "аliсе", true}, // Cyrillic а, с, е
		{"ALICE", "ΑLICΕ", true}, // Greek Α, Ε
		{"TOM", "ТОМ", true},
		{"paypal", "рауρаӏ", true},
		{"bob", "ʙоʙ", true},
		{"jo", "յօ", true},
		{"İstanbul", "istanbul", false}, // differs by a mark
		{"jose", "josé", false},
		{"alice", "alicia", false},
		{"n1", "nl", false},
		{"Юля", "юра", false},
		{"Ёж", "ëж", true},
		{"семья", "семвя", false},
		{"көк", "кок", false},
		{"ҳам", "хам", false},
		{"үй", "уй", false},
		{"Σοσο", "Σοσσ", false},
		{"ուղ", "ուո", false},
	} {
		look := func(nick string) string {
			shown, err := Nick(nick)
			if err != nil {
				t.Fatal(err)
			}
			key, err := NickKey(shown)
			if err != nil {
				t.Fatal(err)
			}
			return Lookalike(key)
		}
		if a, b := look(c.nick), look(c.other); (a == b) != c.same {
			t.Errorf("%q is %q, %q is %q", c.nick, a, c.other, b)
		}
	}
}

// No two letters of a script become the same one, but those that are drawn as its two cases.
func TestLettersOfAScriptStayApart(t *testing.T) {
	for name, script := range map[string]*unicode.RangeTable{"Cyrillic": unicode.Cyrillic, "Greek": unicode.Greek, "Armenian": unicode.Armenian} {
		letters := make(map[string]string)
		for r := rune(0); r < 0x600; r++ {
			key, err := NickKey(string(r))
			if look := Lookalike(key); err == nil && unicode.Is(script, r) && look != key {
				if was, is := letters[look]; is && was != key && was+key != "нһ" {
					t.Errorf("%s: %q and %q are %q", name, was, key, look)
				}
				letters[look] = key
			}
		}
		if len(letters) < 9 {
			t.Errorf("%s: only %v", name, letters)
		}
	}
}

// What is not seen, or hides what is beside it, is in no nick.
func TestNicksThatHide(t *testing.T) {
	for _, nick := range []string{
		"al\u200dice", "al\u200bice", "a\u3164b", "alice\u2800", "a\u034fb", "a\u00adb", "\u202eecila", "a\u2066b", "a\x00b", "a\x1b[2Jb", "a\nb", "a\u180eb",
		"a\ufe0fb", "a\u115fb", "a\U000e0041b", "a\u0301\u0302\u0303\u0304\u0305\u0306", "a\xffb", "\u009bm", strings.Repeat("a", 64<<10),
		strings.Repeat("e\u0301", MaxNick+1), "",
	} {
		if shown, err := Nick(nick); err == nil {
			t.Errorf("%+q is shown as %+q", nick, shown)
		} else if s := err.Error(); Printable(s) != s {
			t.Errorf("%+q: the error has it: %+q", nick, s)
		}
	}
	for _, nick := range []string{"José", "ผู้ใช้", "नमस्ते", "Phạm Thị", "שָׁלוֹם", "\U0001f469\U0001f3fd"} {
		if _, err := Nick(nick); err != nil {
			t.Errorf("%q: %v", nick, err)
		}
	}
}

func TestMediaTypes(t *testing.T) {
	for mediaType, ok := range map[string]bool{
		"": true, "text/plain; charset=utf-8": true, "application/vnd.x+json": true, strings.Repeat("x", MaxType): true,
		strings.Repeat("x", MaxType+1): false, "text/\x1b[2J": false, "a\nb": false, "text/plaın": false, "a\x7f": false, "a\x00": false,
	} {
		if err := CheckType(mediaType); (err == nil) != ok {
			t.Errorf("%q: %v", mediaType, err)
		}
	}
}
