package wire

import (
	"fmt"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
)

// Longest names.
const (
	MaxRoomName = 64 // bytes
	MaxNick     = 32 // characters
)

// maxNickBytes is the most bytes of a nick as it comes, before it is brought into any form: MaxNick syllables of Hangul in conjoining letters
// (Unicode 3.12), three of three bytes each, are the longest way to write one. What is longer is not looked at, for a character may become eighteen
// (U+FDFA).
const maxNickBytes = 9 * MaxNick

// maxNickMarks is the most combining marks in a row in a nick: the scripts that have any stack three at most. More hide what is above and below.
const maxNickMarks = 3

// CheckRoom tells whether a room name is legal: 1 to 64 of the letters A–Z and a–z, digits, "-", "_" and ".".
// Names that differ in case are different rooms.
func CheckRoom(name string) error {
	if name == "" {
		return fmt.Errorf("%w: it is empty", ErrRoomName)
	}
	if len(name) > MaxRoomName {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrRoomName, len(name), MaxRoomName)
	}
	for i, c := range name {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			return fmt.Errorf("%w: %q at byte %d (letters, digits and -_. are allowed)", ErrRoomName, c, i)
		}
	}
	return nil
}

// MaxType is the most bytes of a media type.
const MaxType = 127

// CheckType tells whether a media type is legal: at most MaxType bytes, all of them printable ASCII (RFC 6838, 4.2, and parameters). Empty is text/plain.
func CheckType(mediaType string) error {
	if len(mediaType) > MaxType {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrType, len(mediaType), MaxType)
	}
	for i := range len(mediaType) {
		if c := mediaType[i]; c < ' ' || c > '~' {
			return fmt.Errorf("%w: byte %#x at %d is not printable ASCII", ErrType, c, i)
		}
	}
	return nil
}

// Nick brings a nick into the form in which it is shown (RFC 8266, 2.3 "enforcement").
// The error says what is wrong with it.
func Nick(nick string) (string, error) {
	if err := checkNick(nick); err != nil {
		return "", err
	}
	shown, err := precis.Nickname.String(nick)
	if err != nil {
		return "", fmt.Errorf("%w: %s", ErrNick, Printable(nick))
	}
	if shown == "" {
		return "", fmt.Errorf("%w: it is empty", ErrNick)
	}
	if n := utf8.RuneCountInString(shown); n > MaxNick {
		return "", fmt.Errorf("%w: %d characters, at most %d", ErrNick, n, MaxNick)
	}
	if n := marked(shown); n > maxNickMarks {
		return "", fmt.Errorf("%w: %d marks on one character, at most %d", ErrNick, n, maxNickMarks)
	}
	if Printable(shown) != shown {
		return "", fmt.Errorf("%w: it has invisible characters: %s", ErrNick, Printable(shown))
	}
	return shown, nil
}

// checkNick tells what is wrong with a nick that can be seen before it is brought into any form.
func checkNick(nick string) error {
	if len(nick) > maxNickBytes {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrNick, len(nick), maxNickBytes)
	}
	if !utf8.ValidString(nick) {
		return fmt.Errorf("%w: not UTF-8", ErrNick)
	}
	return nil
}

// marked gives the longest run of combining marks.
func marked(s string) (most int) {
	run := 0
	for _, r := range s {
		run = countMarks(run, r)
		most = max(most, run)
	}
	return most
}

// NickKey gives the comparison form of a nick (RFC 8266, 2.4): two nicks with one key are the same nick.
func NickKey(nick string) (string, error) {
	if err := checkNick(nick); err != nil {
		return "", err
	}
	key, err := precis.Nickname.CompareKey(nick)
	if err != nil {
		return "", fmt.Errorf("%w: %s", ErrNick, Printable(nick))
	}
	return key, nil
}
