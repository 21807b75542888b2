package access

import (
	"fmt"
	"strings"

	"yodel/wire/secure"
)

// maxRole is the length of the longest role.
const maxRole = 32

// Who is one line of a room's list of those who may do something: everyone, all with a role, or one key.
type Who struct {
	text string             // "*", a role, or a fingerprint
	key  secure.Fingerprint // zero: it is none
}

// Everyone is all who may come in.
var Everyone = Who{text: "*"}

// ParseWho reads "*", a role (1 to 32 of a-z, 0-9, '-' and '_') or a fingerprint (SHA256:…).
func ParseWho(text string) (Who, error) {
	if text == Everyone.text || ValidRole(text) {
		return Who{text: text}, nil
	}
	if key, err := secure.ParseFingerprint(text); err == nil {
		return Who{text, key}, nil
	}
	return Who{}, fmt.Errorf("%w: %q: \"*\", a role like crew, or SHA256:…", ErrWho, text)
}

// ValidRole tells whether a text can be a role.
func ValidRole(text string) bool {
	return text != "" && len(text) <= maxRole && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

func (w Who) String() string { return w.text }
