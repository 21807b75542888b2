package daemon

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

const (
	// nickKept is how long a nick stays with its holder after the last use.
	nickKept = 30 * 24 * time.Hour
	// maxNicks is how many nicks one identity may hold.
	maxNicks = 32
)

var (
	errNickTaken = errors.New("nick is taken")
	errNicks     = errors.New("too many nicks")
)

// nicks are the holders of nicks by comparison form (RFC 8266, 2.4).
type nicks struct {
	holders map[string]*holder
	held    map[secure.Fingerprint][]string // the keys of the nicks that an identity holds
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
	h := n.holders[key]
	switch {
	case h != nil && h.who == who:
		h.used = now
		return shown, key, nil
	case h != nil && now.Sub(h.used) < nickKept:
		return "", "", fmt.Errorf("%w: %s", errNickTaken, shown)
	case len(n.held[who]) >= maxNicks && n.expire(now, who) >= maxNicks:
		return "", "", fmt.Errorf("%w: this identity holds %d", errNicks, maxNicks)
	case h != nil:
		n.release(key, h.who)
	}
	n.holders[key] = &holder{who: who, used: now}
	n.held[who] = append(n.held[who], key)
	return shown, key, nil
}

// expire takes an identity's nicks that have not been used for long, and gives how many it holds then.
func (n nicks) expire(now time.Time, who secure.Fingerprint) int {
	for _, key := range slices.Clone(n.held[who]) {
		if now.Sub(n.holders[key].used) >= nickKept {
			n.release(key, who)
		}
	}
	return len(n.held[who])
}

func (n nicks) release(key string, who secure.Fingerprint) {
	delete(n.holders, key)
	left := slices.DeleteFunc(n.held[who], func(k string) bool { return k == key })
	if n.held[who] = left; len(left) == 0 {
		delete(n.held, who)
	}
}

// touch notes that a nick is in use.
func (n nicks) touch(now time.Time, key string) {
	if h := n.holders[key]; h != nil {
		h.used = now
	}
}
