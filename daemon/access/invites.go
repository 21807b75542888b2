package access

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"time"

	"yodel/wire"
)

// NewInvite is an invite that is to be made.
type NewInvite struct {
	Uses    int       // how many keys it lets in; 0: any number
	Expires time.Time // zero: never
	Roles   []string  // of the keys that it lets in
}

// tokenHash is the SHA-256 of a token: who reads the state folder cannot use what is in it.
type tokenHash [sha256.Size]byte

// invite is one that was made.
type invite struct {
	uses, used int
	created    time.Time
	expires    time.Time
	roles      []string
}

// Invite notes an invite with a token, which is random.
func (b *Book) Invite(now time.Time, token [wire.InviteToken]byte, n NewInvite) (undo func(), err error) {
	roles, err := cleanRoles(n.Roles)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	case n.Uses < 0:
		return nil, fmt.Errorf("%w: an invite for %d keys", ErrRequest, n.Uses)
	case !n.Expires.IsZero() && !n.Expires.After(now):
		return nil, fmt.Errorf("%w: an invite that expires at once", ErrRequest)
	case len(b.invites) >= maxInvites && !b.forgetInvite(now):
		return nil, fmt.Errorf("%w invites are good: %d", ErrFull, maxInvites)
	}
	sum := hashOf(token)
	b.invites[sum] = &invite{uses: n.Uses, created: now, expires: n.Expires, roles: roles}
	return func() { delete(b.invites, sum) }, nil
}

// check tells why an invite lets nobody in any more.
func (i *invite) check(now time.Time) error {
	switch {
	case !i.expires.IsZero() && !now.Before(i.expires):
		return ErrExpired
	case i.uses > 0 && i.used >= i.uses:
		return ErrUsedUp
	}
	return nil
}

// forgetInvite forgets the oldest one that lets nobody in.
func (b *Book) forgetInvite(now time.Time) bool {
	var oldest tokenHash
	found := false
	for sum, i := range b.invites {
		if i.check(now) != nil && (!found || i.created.Before(b.invites[oldest].created)) {
			oldest, found = sum, true
		}
	}
	delete(b.invites, oldest)
	return found
}

// enrol lets a key in by an invite. undo gives the use back.
func (b *Book) enrol(now time.Time, c Caller) (undo func(), err error) {
	from := PrefixOf(c.Addr)
	if b.tries.full(now, from) {
		return nil, ErrTries
	}
	var i *invite
	if len(c.Token) == wire.InviteToken {
		i = b.invites[hashOf([wire.InviteToken]byte(c.Token))]
	}
	if i == nil {
		b.tries.add(now, from)
		return nil, ErrForeign
	}
	if err := i.check(now); err != nil {
		return nil, err
	}
	if err := b.fits(c.Key); err != nil {
		return nil, err
	}
	i.used++
	remove := b.put(c.Key, &entry{source: Enrolled, roles: i.roles, since: now})
	return func() {
		i.used--
		remove()
	}, nil
}

// PrefixOf gives what one subscriber has: an IPv4 address, or an IPv6 /64.
func PrefixOf(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return netip.PrefixFrom(addr, 32)
	}
	return netip.PrefixFrom(addr, 64).Masked()
}

// tries are the wrong tokens that came of late, by prefix.
type tries map[netip.Prefix]*trier

type trier struct {
	n     int
	since time.Time
}

// full tells whether a prefix has brought as many as it may.
func (t tries) full(now time.Time, from netip.Prefix) bool {
	was := t[from]
	return was != nil && was.n >= maxWrong && now.Sub(was.since) < wrongFor
}

func (t tries) add(now time.Time, from netip.Prefix) {
	if was := t[from]; was != nil && now.Sub(was.since) < wrongFor {
		was.n++
		return
	}
	if t[from] == nil && len(t) >= maxTriers {
		for some := range t {
			delete(t, some)
			break
		}
	}
	t[from] = &trier{n: 1, since: now}
}

func hashOf(token [wire.InviteToken]byte) tokenHash { return sha256.Sum256(token[:]) }
