package daemon

import (
	"errors"
	"fmt"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// nickKept is how long a nick stays with its holder after the last use.
const nickKept = 30 * 24 * time.Hour

var errNickTaken = errors.New("nick is taken")

// nicks are the holders of nicks by comparison form (RFC 8266, 2.4).
type nicks map[string]*holder

type holder struct {
	who  secure.Fingerprint
	used time.Time
}

// claim gives the nick to an identity, in the form in which it is shown. The first holder keeps it.
func (n nicks) claim(now time.Time, nick string, who secure.Fingerprint) (string, error) {
	shown, err := wire.Nick(nick)
	if err != nil {
		return "", err
	}
	key, err := wire.NickKey(shown)
	if err != nil {
		return "", err
	}
	if h := n[key]; h != nil && h.who != who && now.Sub(h.used) < nickKept {
		return "", fmt.Errorf("%w: %s", errNickTaken, shown)
	}
	n[key] = &holder{who: who, used: now}
	return shown, nil
}

// touch notes that a nick is in use.
func (n nicks) touch(now time.Time, nick string) {
	if key, err := wire.NickKey(nick); err == nil && n[key] != nil {
		n[key].used = now
	}
}
