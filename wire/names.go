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

// Nick brings a nick into the form in which it is shown (RFC 8266, 2.3 "enforcement").
// The error says what is wrong with it.
func Nick(nick string) (string, error) {
	if !utf8.ValidString(nick) {
		return "", fmt.Errorf("%w: not UTF-8", ErrNick)
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
	if Printable(shown) != shown {
		return "", fmt.Errorf("%w: it has invisible characters: %s", ErrNick, Printable(shown))
	}
	return shown, nil
}

// NickKey gives the comparison form of a nick (RFC 8266, 2.4): two nicks with one key are the same nick.
func NickKey(nick string) (string, error) {
	key, err := precis.Nickname.CompareKey(nick)
	if err != nil {
		return "", fmt.Errorf("%w: %s", ErrNick, Printable(nick))
	}
	return key, nil
}
