package main

import (
	"cmp"
	"strings"
	"unicode/utf8"
)

const (
	// foldMark begins what a terminal shows of a line behind its first row. Without it a message that is longer than the terminal is wide could go on
	// with what looks like somebody else's: the rows of a line begin with a time, or with this.
	foldMark = "  | "
	// leastWidth is the narrowest terminal for which lines are folded.
	leastWidth = 20
	// firstWide is the first character that may take two columns (UAX 11).
	firstWide = '\u1100'
	tabStop   = 8
)

// fold appends text, which is printable, to dst in rows of at most width columns, and a newline. Every row but the first of each line begins
// with foldMark. What may take two columns is taken to do so, and marks to take one: a row may be shorter than it could be, not longer. width 0, or too
// small: nothing is folded.
func fold(dst []byte, text string, width int) []byte {
	if width < leastWidth || len(text) <= width && !strings.ContainsRune(text, '\t') {
		return append(append(dst, text...), '\n')
	}
	column := 0
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == '\n' {
			column = 0
		} else if next := column + columns(r, column); next <= width {
			column = next
		} else {
			dst = append(append(dst, '\n'), foldMark...)
			column = len(foldMark) + columns(r, len(foldMark))
		}
		dst = append(dst, text[i:i+n]...)
		i += n
	}
	return append(dst, '\n')
}

// columns is how many a character takes at most behind so many.
func columns(r rune, before int) int {
	switch {
	case r == '\t':
		return tabStop - before%tabStop
	case r >= firstWide:
		return 2
	}
	return 1
}

// usualWidth is taken for the width of a terminal that does not tell it.
const usualWidth = 80

// oneRow gives as much of text, which is printable and one line, as fits into a row of width columns, and one is left over: behind the last some
// terminals have begun the next row.
func oneRow(text string, width int) string {
	left := cmp.Or(width, usualWidth) - 1
	for i, r := range text {
		if left -= columns(r, 0); left < 0 {
			return text[:i]
		}
	}
	return text
}
