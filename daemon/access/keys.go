package access

import (
	"fmt"
	"slices"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// Key is one that may come in, the nick that is its (and of no key that was not given it), and its roles.
type Key struct {
	Fingerprint secure.Fingerprint
	Nick        string // empty: none is given
	Roles       []string
}

// Source tells from where a key is known.
type Source string

// The sources. Denied and replaced keys stay out.
const (
	Authorized Source = "authorized_keys" // the operator's file
	Enrolled   Source = "enrolled"        // by an invite, or as the successor of one that was known
	Allowed    Source = "allowed"         // by the operator's word
	Denied     Source = "denied"
	Replaced   Source = "replaced" // another key took its place
)

// entry is a key of the state folder. It is never changed, only replaced.
type entry struct {
	source    Source
	nick      string
	roles     []string
	since     time.Time
	reason    string
	successor secure.Fingerprint
}

func (e *entry) comesIn() bool { return e.source != Denied && e.source != Replaced }

// why tells a key that stays out for which reason.
func (e *entry) why() error {
	switch {
	case e.source == Replaced:
		return fmt.Errorf("%w by %s", ErrReplaced, e.successor)
	case e.reason != "":
		return fmt.Errorf("%w: %s", ErrDenied, e.reason)
	}
	return ErrDenied
}

// check brings the nick and the roles of a key into their forms, or tells what is wrong with them.
func (k *Key) check() error {
	if k.Nick != "" {
		nick, err := wire.Nick(k.Nick)
		if err != nil {
			return fmt.Errorf("the nick %q: %w", k.Nick, err)
		}
		k.Nick = nick
	}
	var err error
	k.Roles, err = cleanRoles(k.Roles)
	return err
}

// cleanRoles gives roles without doubles.
func cleanRoles(roles []string) (clean []string, err error) {
	for _, r := range roles {
		if !ValidRole(r) {
			return nil, fmt.Errorf("%q is no role: 1 to %d of a-z, 0-9, '-' and '_'", r, maxRole)
		}
		if !slices.Contains(clean, r) {
			clean = append(clean, r)
		}
	}
	if len(clean) > maxRoles {
		return nil, fmt.Errorf("%d roles: at most %d", len(clean), maxRoles)
	}
	return clean, nil
}

// Allow lets a key in, also one that was denied or replaced. Nick and roles are the given ones, whatever an earlier Allow or an invite gave; those of the
// operator's file stay beside them.
func (b *Book) Allow(now time.Time, k Key) (undo func(), err error) {
	if err := k.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	if err := b.fits(k.Fingerprint); err != nil {
		return nil, err
	}
	return b.put(k.Fingerprint, &entry{source: Allowed, nick: k.Nick, roles: k.Roles, since: now}), nil
}

// Deny keeps a key out, whatever else lets it in, and with it the one that has its place if another has replaced it: denied are these. What they held is
// forgotten, but for their nicks.
func (b *Book) Deny(now time.Time, key secure.Fingerprint, reason string) (denied []secure.Fingerprint, err error) {
	if err := checkReason(reason); err != nil {
		return nil, err
	}
	denied = b.andHeir(key)
	if err := b.fits(denied...); err != nil {
		return nil, err
	}
	for _, k := range denied {
		b.put(k, &entry{source: Denied, since: now, reason: reason})
	}
	return denied, nil
}

// put sets the entry of a key. undo puts back what was there, unless it was changed again.
func (b *Book) put(key secure.Fingerprint, e *entry) (undo func()) {
	before := b.keys[key]
	b.set(key, e)
	return func() {
		if b.keys[key] == e {
			b.set(key, before)
		}
	}
}

func (b *Book) set(key secure.Fingerprint, e *entry) {
	if before := b.keys[key]; before != nil {
		b.nicks.given.remove(before.nick, key)
	}
	if e == nil {
		delete(b.keys, key)
		return
	}
	b.keys[key] = e
	b.nicks.given.add(e.nick, key)
	delete(b.strangers, key) // this says more
}

// fits makes room for keys that are not there yet.
func (b *Book) fits(keys ...secure.Fingerprint) error {
	n := len(b.keys)
	for _, k := range keys {
		if b.keys[k] == nil {
			n++
		}
	}
	for ; n > maxKeys; n-- {
		if !b.forgetReplaced() {
			return fmt.Errorf("%w keys are in the state folder: %d", ErrFull, maxKeys)
		}
	}
	return nil
}

// forgetReplaced forgets the oldest note that a key was replaced, of those that may go.
func (b *Book) forgetReplaced() bool {
	var oldest secure.Fingerprint
	var found *entry
	for key, e := range b.keys {
		if _, granted := b.granted[key]; e.source == Replaced && !granted && (found == nil || e.since.Before(found.since)) {
			oldest, found = key, e
		}
	}
	if found != nil {
		b.set(oldest, nil)
	}
	return found != nil
}
