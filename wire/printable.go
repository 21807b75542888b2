package wire

import (
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Printable makes text from others safe for a terminal and a log line: control characters, escape
// sequences, bidirectional overrides, other invisible characters and bytes that are not UTF-8 become Go
// escapes such as \x1b or \u202e; of marks that are drawn on one character so do those behind the eighth. A tab stays. Text without any of
// these is returned as it is. Letters that are written from right to left stay, and a terminal may order a line by them.
func Printable(s string) string { return Escape(s, appendEscape) }

// Escape is Printable with escapes of the caller's: escape appends that of one character, or of one byte that is not UTF-8.
func Escape(s string, escape func(dst []byte, char string) []byte) string {
	if clean(s) {
		return s
	}
	var b []byte
	marks := 0
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		marks = countMarks(marks, r)
		if isByte := r == utf8.RuneError && n == 1; isByte || !harmless(r) || marks > maxMarks {
			b = escape(b, s[i:i+n])
		} else {
			b = append(b, s[i:i+n]...)
		}
		i += n
	}
	return string(b)
}

// appendEscape appends a Go escape.
func appendEscape(dst []byte, char string) []byte {
	r, n := utf8.DecodeRuneInString(char)
	if r == utf8.RuneError && n == 1 {
		return append(append(dst, `\x`...), strconv.FormatUint(uint64(char[0])|0x100, 16)[1:]...)
	}
	q := strconv.QuoteRuneToASCII(r)
	return append(dst, q[1:len(q)-1]...)
}

func clean(s string) bool {
	ascii := 0
	for ascii < len(s) && s[ascii] >= ' ' && s[ascii] <= '~' {
		ascii++
	}
	s = s[ascii:]
	marks := 0
	for i, r := range s {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return false
			}
		}
		if marks = countMarks(marks, r); marks > maxMarks || !harmless(r) {
			return false
		}
	}
	return true
}

// maxMarks is how many marks may follow one character. Writing needs up to five (Tibetan, pointed Hebrew); more are there to cover the lines
// around.
const maxMarks = 8

// countMarks counts the marks and joiners in a row.
func countMarks(before int, r rune) int {
	if r > unicode.MaxLatin1 && (unicode.Is(unicode.M, r) || r == zeroWidthJoiner || r == zeroWidthNonJoiner) {
		return before + 1
	}
	return 0
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
	return unicode.IsGraphic(r) && (r <= unicode.MaxLatin1 || !invisible(r))
}

const (
	brailleBlank = '\u2800'
	textStyle    = '\ufe0e' // variation selectors that choose between text and emoji
	emojiStyle   = '\ufe0f'
)

// invisible tells of characters of which nothing is seen, though they count as graphic: fillers of Hangul, blanks of Braille, variation
// selectors (UAX 44, Default_Ignorable_Code_Point).
func invisible(r rune) bool {
	switch r {
	case textStyle, emojiStyle:
		return false
	case brailleBlank:
		return true
	}
	return unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}
