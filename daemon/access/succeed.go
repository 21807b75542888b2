package access

import (
	"fmt"
	"slices"
	"time"

	"yodel/wire/secure"
)

// Succeed gives what a key has to another one: its admission, its roles, its nicks. The old one stays out from then on. The new one must be fresh: neither
// known nor banned, without nicks; and, which its owner checks, the caller's. What was done before is done again. undo is nil when nothing
// waits to be stored: the old key is not known, and has nothing but nicks. The errors are ErrDenied, ErrRequest and ErrFull.
func (b *Book) Succeed(now time.Time, old, successor secure.Fingerprint) (undo func(), err error) {
	if by, replaced := b.successor(old); replaced {
		if by == successor && b.knows(old) {
			return func() {}, nil
		}
		if by == successor {
			return nil, nil
		}
		return nil, fmt.Errorf("%w: %w by %s", ErrDenied, ErrReplaced, by)
	}
	if err := b.mayFollow(now, old, successor); err != nil {
		return nil, err
	}
	if !b.knows(old) {
		b.strangers.note(old, former{since: now, successor: successor})
		b.nicks.move(old, successor)
		return nil, nil
	}
	if err := b.fits(old, successor); err != nil {
		return nil, err
	}
	undoNew := b.put(successor, b.heir(now, old))
	undoOld := b.put(old, &entry{source: Replaced, since: now, successor: successor})
	undoNicks := b.nicks.move(old, successor)
	b.nicks.stored = nil // they are stored with the keys
	return func() {
		b.nicks.stored = nil
		undoNicks()
		undoOld()
		undoNew()
	}, nil
}

// mayFollow tells why a key does not take the place of another.
func (b *Book) mayFollow(now time.Time, old, successor secure.Fingerprint) error {
	if e := b.keys[old]; e != nil && !e.comesIn() {
		return fmt.Errorf("%w: %w", ErrDenied, e.why())
	}
	if e := b.keys[successor]; e != nil && !e.comesIn() {
		return fmt.Errorf("%w: the new key is %s", ErrDenied, e.source)
	}
	for i, key := range []secure.Fingerprint{old, successor} {
		if found := b.bans.keys[key]; found != nil && !found.over(now) {
			return fmt.Errorf("%w: %w", ErrDenied, found.why([]string{"key", "new key"}[i]))
		}
	}
	_, replaced := b.successor(successor)
	switch {
	case old == successor:
		return fmt.Errorf("%w: a key cannot replace itself", ErrRequest)
	case replaced || b.knows(successor):
		return fmt.Errorf("%w: the new key is known already", ErrRequest)
	case len(b.nicks.held[successor]) > 0:
		return fmt.Errorf("%w: the new key has nicks already", ErrRequest)
	}
	return nil
}

// heir is what a known key's successor has.
func (b *Book) heir(now time.Time, old secure.Fingerprint) *entry {
	e := &entry{source: Enrolled, since: now}
	if had := b.keys[old]; had != nil {
		e.source = had.source
		e.inherit(had.nick, had.roles)
	}
	granted := b.granted[old]
	e.inherit(granted.Nick, granted.Roles)
	return e
}

func (e *entry) inherit(nick string, roles []string) {
	if nick != "" {
		e.nick = nick
	}
	for _, r := range roles {
		if !slices.Contains(e.roles, r) && len(e.roles) < maxRoles {
			e.roles = append(e.roles, r)
		}
	}
}

// successor tells which key has replaced another.
func (b *Book) successor(key secure.Fingerprint) (by secure.Fingerprint, replaced bool) {
	if e := b.keys[key]; e != nil {
		return e.successor, e.source == Replaced
	}
	note, replaced := b.strangers[key]
	return note.successor, replaced && !b.knows(key)
}

// Replaced tells whether one key has replaced another.
func (b *Book) Replaced(old, by secure.Fingerprint) bool {
	successor, replaced := b.successor(old)
	return replaced && successor == by
}

// andHeir gives a key, and the one that has its place now if another has replaced it.
func (b *Book) andHeir(key secure.Fingerprint) []secure.Fingerprint {
	last := key
	for range maxKeys + maxStrangers { // no more than there are
		next, replaced := b.successor(last)
		if !replaced {
			break
		}
		last = next
	}
	if last == key {
		return []secure.Fingerprint{key}
	}
	return []secure.Fingerprint{key, last}
}

// strangers are the keys that were let in because everyone is, and that others have replaced. They are in memory only, and few: anybody makes such keys.
type strangers map[secure.Fingerprint]former

type former struct {
	since     time.Time
	successor secure.Fingerprint
}

// note notes one, in place of the oldest when there are too many.
func (s strangers) note(key secure.Fingerprint, made former) {
	if len(s) >= maxStrangers {
		var oldest secure.Fingerprint
		found := false
		for k, x := range s {
			if !found || x.since.Before(s[oldest].since) {
				oldest, found = k, true
			}
		}
		delete(s, oldest)
	}
	s[key] = made
}
