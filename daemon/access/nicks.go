package access

import (
	"container/list"
	"fmt"
	"slices"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// nicks are the holders of nicks, by what they look like (wire.Lookalike of the comparison form of RFC 8266, 2.4): an identity that holds one
// holds all that look the same.
type nicks struct {
	holders map[string]*list.Element // of *holder
	order   list.List                // the one that was used longest ago first
	held    map[secure.Fingerprint][]string
	present map[string]int // how many sessions have one
	given   given
	changed bool     // since a snapshot took them …
	stored  []holder // … as they were then; nil: a snapshot is to take them
}

type holder struct {
	look string
	who  secure.Fingerprint
	used time.Time
}

func newNicks() nicks {
	return nicks{holders: make(map[string]*list.Element), held: make(map[secure.Fingerprint][]string), present: make(map[string]int), given: make(given)}
}

// given tells to which keys a nick, as it looks, is given. A key stands there twice to which it is given in two places.
type given map[string][]secure.Fingerprint

// lookOf gives what a nick looks like; ok is false for none.
func lookOf(nick string) (look string, ok bool) {
	if nick == "" {
		return "", false
	}
	key, err := wire.NickKey(nick)
	return wire.Lookalike(key), err == nil
}

func (g given) add(nick string, who secure.Fingerprint) {
	if look, ok := lookOf(nick); ok {
		g[look] = append(g[look], who)
	}
}

func (g given) remove(nick string, who secure.Fingerprint) {
	look, ok := lookOf(nick)
	at := slices.Index(g[look], who)
	if !ok || at < 0 {
		return
	}
	if g[look] = slices.Delete(g[look], at, at+1); len(g[look]) == 0 {
		delete(g, look)
	}
}

// Claim gives a nick to an identity, in the form in which it is shown and in the one to compare. One that keys were given is theirs, all others are
// their first holder's. The errors are ErrNickTaken, ErrNicks and those of wire.Nick.
func (b *Book) Claim(now time.Time, nick string, who secure.Fingerprint) (shown, key string, err error) {
	if shown, err = wire.Nick(nick); err != nil {
		return "", "", err
	}
	if key, err = wire.NickKey(shown); err != nil {
		return "", "", err
	}
	look := wire.Lookalike(key)
	if given := b.nicks.given[look]; given != nil {
		if !slices.Contains(given, who) {
			return "", "", fmt.Errorf("%w: %s was given to another key", ErrNickTaken, shown)
		}
		return shown, key, nil
	}
	if err := b.nicks.hold(now, look, who); err != nil {
		return "", "", fmt.Errorf("%w: %s", err, shown)
	}
	return shown, key, nil
}

// hold makes an identity the holder of a nick, or tells why not.
func (n *nicks) hold(now time.Time, look string, who secure.Fingerprint) error {
	at := n.holders[look]
	switch {
	case at != nil && at.Value.(*holder).who == who:
		n.touch(now, look)
		return nil
	case at != nil && (n.present[look] > 0 || now.Sub(at.Value.(*holder).used) < nickKept):
		return fmt.Errorf("%w, or looks like one that is", ErrNickTaken)
	case len(n.held[who]) >= maxNicks && n.expire(now, who) >= maxNicks:
		return fmt.Errorf("%w: this identity holds %d", ErrNicks, maxNicks)
	case at != nil:
		n.release(look)
	case n.order.Len() >= maxHolders && !n.yield(now):
		return fmt.Errorf("%w are in use: %d", ErrNicks, maxHolders)
	}
	n.add(&holder{look, who, now})
	return nil
}

func (n *nicks) add(h *holder) {
	n.holders[h.look] = n.order.PushBack(h)
	n.held[h.who] = append(n.held[h.who], h.look)
	n.changed = true
}

// yieldTries is at how many nicks that sessions have is looked for one that none has.
const yieldTries = 1000

// yield takes the nick that was used longest ago from its holder, and tells whether there was one that no session has.
func (n *nicks) yield(now time.Time) bool {
	for range yieldTries {
		look := n.order.Front().Value.(*holder).look
		if n.present[look] == 0 {
			n.release(look)
			return true
		}
		n.touch(now, look)
	}
	return false
}

// expire takes an identity's nicks that have not been used for long, and gives how many it holds then.
func (n *nicks) expire(now time.Time, who secure.Fingerprint) int {
	for _, look := range slices.Clone(n.held[who]) {
		if n.present[look] == 0 && now.Sub(n.holders[look].Value.(*holder).used) >= nickKept {
			n.release(look)
		}
	}
	return len(n.held[who])
}

func (n *nicks) release(look string) {
	at := n.holders[look]
	who := n.order.Remove(at).(*holder).who
	delete(n.holders, look)
	left := slices.DeleteFunc(n.held[who], func(l string) bool { return l == look })
	if n.held[who] = left; len(left) == 0 {
		delete(n.held, who)
	}
	n.changed = true
}

// move gives all that an identity holds to another one, as far as that may hold them.
func (n *nicks) move(from, to secure.Fingerprint) (undo func()) {
	looks := slices.Clone(n.held[from])
	n.give(looks, from, to)
	return func() { n.give(looks, to, from) }
}

func (n *nicks) give(looks []string, from, to secure.Fingerprint) {
	for _, look := range looks {
		if at := n.holders[look]; at != nil && at.Value.(*holder).who == from && len(n.held[to]) < maxNicks {
			used := at.Value.(*holder).used
			n.release(look)
			n.add(&holder{look, to, used})
		}
	}
}

func (n *nicks) touch(now time.Time, look string) {
	if at := n.holders[look]; at != nil {
		at.Value.(*holder).used = now
		n.order.MoveToBack(at)
		n.changed = true
	}
}

// Touch notes that a nick, by its comparison form, is in use.
func (b *Book) Touch(now time.Time, key string) { b.nicks.touch(now, wire.Lookalike(key)) }

// Arrive notes that one more session has a nick, by its comparison form; "" is none. While one has it nobody else gets it.
func (b *Book) Arrive(key string) {
	if key != "" {
		b.nicks.present[wire.Lookalike(key)]++
	}
}

// Depart notes that a session has a nick no longer.
func (b *Book) Depart(now time.Time, key string) {
	if key == "" {
		return
	}
	look := wire.Lookalike(key)
	b.nicks.touch(now, look)
	if b.nicks.present[look]--; b.nicks.present[look] <= 0 {
		delete(b.nicks.present, look)
	}
}

// Keeps tells whether a nick, by its comparison form, is still that of an identity which had it: it was not given to others meanwhile.
func (b *Book) Keeps(now time.Time, key string, who secure.Fingerprint) bool {
	if key == "" {
		return true
	}
	look := wire.Lookalike(key)
	if given := b.nicks.given[look]; given != nil {
		return slices.Contains(given, who)
	}
	if at := b.nicks.holders[look]; at != nil {
		return at.Value.(*holder).who == who
	}
	b.nicks.add(&holder{look, who, now}) // it was given to this one, and is no longer
	return true
}

// Holders is how many nicks somebody holds.
func (b *Book) Holders() int { return b.nicks.order.Len() }

// NicksChanged tells whether there is something of nicks to be stored since the latest snapshot with fresh ones.
func (b *Book) NicksChanged() bool { return b.nicks.changed }

// NicksNotStored tells that the latest snapshot could not be stored.
func (b *Book) NicksNotStored() { b.nicks.changed = true }
