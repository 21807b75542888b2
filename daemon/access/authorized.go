package access

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode/utf8"

	"yodel/wire/secure"
)

// ReadAuthorizedKeys reads the operator's file; one that is not there gives no keys. The error names the file, and the line where it is one of a line
// (ErrLine).
func ReadAuthorizedKeys(path string) ([]Key, error) {
	text, err := readFile(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	keys, line, err := parseKeys(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s:%d: %w", path, line, err)
	}
	return keys, nil
}

// parseKeys reads the lines of the file, of which each is
//
//	FINGERPRINT [NICK [ROLE[,ROLE…]]]  # comment
//
// NICK is "-" for none, and in double quotes where it has blanks, with \" and \\ in them. line is where the error is. A byte order mark may be at the beginning.
func parseKeys(text string) (keys []Key, line int, err error) {
	seen := make(map[secure.Fingerprint]int)
	for content := range strings.SplitSeq(strings.TrimPrefix(text, "\ufeff"), "\n") {
		line++
		k, err := parseLine(strings.TrimSuffix(content, "\r"))
		switch {
		case err != nil:
			return nil, line, fmt.Errorf("%w: %w", ErrLine, err)
		case k == nil:
			continue
		case seen[k.Fingerprint] > 0:
			return nil, line, fmt.Errorf("%w: %s is on line %d already", ErrLine, k.Fingerprint, seen[k.Fingerprint])
		case len(keys) >= maxLines:
			return nil, line, fmt.Errorf("%w: %w keys: at most %d", ErrLine, ErrFull, maxLines)
		}
		seen[k.Fingerprint] = line
		keys = append(keys, *k)
	}
	return keys, 0, nil
}

// parseLine reads one line; nil: nothing is on it but blanks and a comment.
func parseLine(text string) (*Key, error) {
	if len(text) > maxLine || !utf8.ValidString(text) {
		return nil, fmt.Errorf("%d bytes: at most %d, of UTF-8", len(text), maxLine)
	}
	words, err := split(text)
	if err != nil || len(words) == 0 {
		return nil, err
	}
	if len(words) > 3 {
		return nil, fmt.Errorf("%q behind fingerprint, nick and roles: expected a # before a comment, quotes around a nick with blanks, commas between roles", words[3])
	}
	k := new(Key)
	if k.Fingerprint, err = secure.ParseFingerprint(words[0]); err != nil {
		return nil, err
	}
	if len(words) > 1 && words[1] != "-" {
		if k.Nick = words[1]; k.Nick == "" {
			return nil, errors.New(`an empty nick: expected - for none`)
		}
	}
	if len(words) > 2 {
		k.Roles = strings.Split(words[2], ",")
	}
	return k, k.check()
}

const blanks = " \t"

// split gives the words of a line, up to a comment.
func split(text string) (words []string, err error) {
	for {
		text = strings.TrimLeft(text, blanks)
		switch {
		case text == "" || text[0] == '#':
			return words, nil
		case text[0] == '"':
			var word string
			if word, text, err = quoted(text[1:]); err != nil {
				return nil, err
			}
			words = append(words, word)
		default:
			end := strings.IndexAny(text, blanks)
			if end < 0 {
				end = len(text)
			}
			words, text = append(words, text[:end]), text[end:]
		}
	}
}

// quoted reads up to the closing quotes.
func quoted(text string) (word, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\'):
			i++
			b.WriteByte(text[i])
		case c != '"':
			b.WriteByte(c)
		case i+1 < len(text) && !strings.ContainsRune(blanks, rune(text[i+1])):
			return "", "", fmt.Errorf("%q right behind the quotes", text[i+1:])
		default:
			return b.String(), text[i+1:], nil
		}
	}
	return "", "", errors.New("quotes without an end")
}
