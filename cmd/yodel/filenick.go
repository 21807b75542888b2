package main

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"yodel/wire"
)

const (
	// maxFileNick is how many bytes of a nick are in a file's name.
	maxFileNick = 64
	// nobody stands for a nick of which nothing is left.
	nobody = "nobody"
)

// fileNick is a nick as a part of a file's name, good on every system: letters and digits of any script that can be seen, with their marks, and
// ._- stay, everything else becomes _. It does not begin with a dot or a dash, and is not empty. Different nicks may have the same.
func fileNick(nick string) string {
	name := strings.Map(func(r rune) rune {
		if inFileName(r) {
			return r
		}
		return '_'
	}, nick)
	name = strings.TrimLeft(name, ".-")
	for len(name) > maxFileNick {
		_, n := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-n]
	}
	if name == "" {
		return nobody
	}
	return name
}

// inFileName tells whether a character stays. Some letters cannot be seen, and those do not.
func inFileName(r rune) bool {
	if r == '.' || r == '-' {
		return true
	}
	return unicode.In(r, unicode.L, unicode.Nd, unicode.M) && wire.Printable(string(r)) == string(r)
}
