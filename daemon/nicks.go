package daemon

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// nickKept is how long a nick stays with its holder after the last use.
const nickKept = 30 * 24 * time.Hour

var (
	errNickTaken = errors.New("nick is taken")
	errNicks     = errors.New("too many nicks")
)

// nicks are the holders of nicks, by what they look like (wire.Lookalike of the comparison form of RFC 8266, 2.4): an identity that holds one
// holds all that look the same.
type nicks struct {
	holders map[string]*holder
	held    map[secure.Fingerprint][]string // the looks that an identity holds
}

type holder struct {
	who  secure.Fingerprint
	used time.Time
}

func newNicks() nicks {
	return nicks{holders: make(map[string]*holder), held: make(map[secure.Fingerprint][]string)}
}

// claim gives the nick to an identity, in the form in which it is shown and in the one to compare. The first holder
// keeps it.
func (n nicks) claim(now time.Time, nick string, who secure.Fingerprint) (shown, key string, err error) {
	if shown, err = wire.Nick(nick); err != nil {
		return "", "", err
	}
	if key, err = wire.NickKey(shown); err != nil {
		return "", "", err
	}
	look := wire.Lookalike(key)
	h := n.holders[look]
	switch {
	case h != nil && h.who == who:
		h.used = now
		return shown, key, nil
	case h != nil && now.Sub(h.used) < nickKept:
		return "", "", fmt.Errorf("%w, or looks like one that is: %s", errNickTaken, shown)
	case len(n.held[who]) >= maxNicks && n.expire(now, who) >= maxNicks:
		return "", "", fmt.Errorf("%w: this identity holds %d", errNicks, maxNicks)
	case h != nil:
		n.release(look, h.who)
	}
	n.holders[look] = &holder{who: who, used: now}
	n.held[who] = append(n.held[who], look)
	return shown, key, nil
}

// expire takes an identity's nicks that have not been used for long, and gives how many it holds then.
func (n nicks) expire(now time.Time, who secure.Fingerprint) int {
	for _, look := range slices.Clone(n.held[who]) {
		if now.Sub(n.holders[look].used) >= nickKept {
			n.release(look, who)
		}
	}
	return len(n.held[who])
}

func (n nicks) release(look string, who secure.Fingerprint) {
	delete(n.holders, look)
	left := slices.DeleteFunc(n.held[who], func(l string) bool { return l == look })
	if n.held[who] = left; len(left) == 0 {
		delete(n.held, who)
	}
}

// touch notes that a nick, by its comparison form, is in use.
func (n nicks) touch(now time.Time, key string) {
	if h := n.holders[wire.Lookalike(key)]; h != nil {
		h.used = now
	}
}
