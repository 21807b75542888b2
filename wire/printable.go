package wire

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable makes text from others safe for a terminal and a log line: control characters, escape
// sequences, bidirectional overrides, other invisible characters and bytes that are not UTF-8 become Go
// escapes such as \x1b or \u202e. A tab stays. Text without any of these is returned as it is.
func Printable(s string) string {
	if clean(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[i])|0x100, 16)[1:])
		case harmless(r):
			b.WriteString(s[i : i+n])
		default:
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
		i += n
	}
	return b.String()
}

func clean(s string) bool {
	ascii := 0
	for ascii < len(s) && s[ascii] >= ' ' && s[ascii] <= '~' {
		ascii++
	}
	s = s[ascii:]
	for i, r := range s {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return false
			}
		}
		if !harmless(r) {
			return false
		}
	}
	return true
}

// joiners shape scripts and emoji; they neither move the cursor nor turn the direction of text.
const (
	zeroWidthNonJoiner = '\u200c'
	zeroWidthJoiner    = '\u200d'
)

func harmless(r rune) bool {
	switch r {
	case '\t', ' ', zeroWidthJoiner, zeroWidthNonJoiner:
		return true
	}
	return unicode.IsGraphic(r) && !unicode.Is(unicode.Cf, r)
}
