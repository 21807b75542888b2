package access

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
	"unicode/utf8"

	"yodel/wire/secure"
)

// Book is all that a daemon knows of who may come in, and as what. It has no goroutine, lock or clock: one goroutine uses it. What is changed in it is to
// be stored by its owner (Snapshot, Store); undo takes a change back that could not be.
type Book struct {
	mode      Mode
	granted   map[secure.Fingerprint]Key // of the operator's file; never changed, only replaced
	keys      map[secure.Fingerprint]*entry
	strangers strangers

	bans    bans
	invites map[tokenHash]*invite
	tries   tries
	nicks   nicks
}

// NewBook makes a book in which nobody is.
func NewBook(mode Mode) *Book {
	return &Book{
		mode: mode, keys: make(map[secure.Fingerprint]*entry), strangers: make(strangers), bans: newBans(),
		invites: make(map[tokenHash]*invite), tries: make(tries), nicks: newNicks(),
	}
}

// SetMode changes who may come in.
func (b *Book) SetMode(mode Mode) { b.mode = mode }

// Grant sets what the operator's file says: keys, their nicks and their roles.
func (b *Book) Grant(keys []Key) {
	before := b.granted
	b.granted = make(map[secure.Fingerprint]Key, len(keys))
	for _, k := range keys {
		b.granted[k.Fingerprint] = k
		if before[k.Fingerprint].Nick != k.Nick {
			b.nicks.given.add(k.Nick, k.Fingerprint)
		}
	}
	for who, k := range before {
		if b.granted[who].Nick != k.Nick {
			b.nicks.given.remove(k.Nick, who)
		}
	}
}

// Caller is somebody who wants to come in.
type Caller struct {
	Key   secure.Fingerprint
	Addr  netip.Addr
	Token []byte // of an invite; empty: none
}

// Admit tells whether somebody may come in: nil, or why not. An invite that is good, and needed, enrols the key: undo is then not nil, and the caller
// is to be let in when the change is stored. In an open daemon a good one enrols too, and a bad one keeps nobody out. A key that is known uses up nothing.
func (b *Book) Admit(now time.Time, c Caller) (undo func(), err error) {
	err = b.Standing(now, c.Key, c.Addr)
	switch {
	case len(c.Token) == 0 || b.knows(c.Key):
		return nil, err
	case err == nil:
		undo, _ = b.enrol(now, c)
		return undo, nil
	case b.mode == Invite && errors.Is(err, ErrUnknown):
		return b.enrol(now, c)
	}
	return nil, err
}

// Standing tells whether a key may be there, at an address and without an invite: nil, or why not. In this order: bans, denials, who is known, the mode.
func (b *Book) Standing(now time.Time, key secure.Fingerprint, addr netip.Addr) error {
	if err := b.bans.check(now, key, addr); err != nil {
		return err
	}
	if e := b.keys[key]; e != nil && !e.comesIn() {
		return e.why()
	}
	if by, replaced := b.successor(key); replaced {
		return fmt.Errorf("%w by %s", ErrReplaced, by)
	}
	switch {
	case b.mode == Open || b.knows(key):
		return nil
	case b.mode == Invite:
		return fmt.Errorf("%w, or that bring an invite", ErrUnknown)
	}
	return ErrUnknown
}

// knows tells whether the operator's file or the state folder has the key; also as one that may not come in.
func (b *Book) knows(key secure.Fingerprint) bool {
	_, granted := b.granted[key]
	return granted || b.keys[key] != nil
}

// May tells whether a key is one of a list. A nil list is everyone.
func (b *Book) May(key secure.Fingerprint, list []Who) bool {
	return list == nil || slices.ContainsFunc(list, func(w Who) bool {
		return w == Everyone || w.key != (secure.Fingerprint{}) && w.key == key || b.has(key, w.text)
	})
}

// has tells whether a key has a role.
func (b *Book) has(key secure.Fingerprint, role string) bool {
	if slices.Contains(b.granted[key].Roles, role) {
		return true
	}
	e := b.keys[key]
	return e != nil && slices.Contains(e.roles, role)
}

// checkReason tells what is wrong with a reason that somebody is to be told.
func checkReason(reason string) error {
	if len(reason) > MaxReason || !utf8.ValidString(reason) {
		return fmt.Errorf("%w: a reason of %d bytes: at most %d, of UTF-8", ErrRequest, len(reason), MaxReason)
	}
	return nil
}
