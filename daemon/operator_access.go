package daemon

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"yodel/daemon/access"
	"yodel/wire"
	"yodel/wire/secure"
)

// Withdrawn is what a denial or a ban came to.
type Withdrawn struct {
	Keys  []secure.Fingerprint // that are kept out: the one that was named, and the one that has its place; none of a prefix
	Ended int                  // sessions
}

// CreateInvite makes an invite, and gives its token, which is stored nowhere. It returns when the invite is on the disk. Expires zero is never, Uses 0
// any number of keys. The errors are access.ErrRequest, access.ErrFull, ErrNotStored and those of asking.
func (d *Daemon) CreateInvite(ctx context.Context, n access.NewInvite) (token [wire.InviteToken]byte, err error) {
	_, _ = rand.Read(token[:]) // never fails
	_, err = alter(ctx, d, func(b *access.Book, now time.Time) (none struct{}, undo func(), err error) {
		undo, err = b.Invite(now, token, n)
		return none, undo, err
	})
	return token, err
}

// AllowKey lets a key in, with a nick that is its and roles (see access.Book.Allow), also one that was denied. Errors as of CreateInvite.
func (d *Daemon) AllowKey(ctx context.Context, k access.Key) error {
	_, err := alter(ctx, d, func(b *access.Book, now time.Time) (none struct{}, undo func(), err error) {
		undo, err = b.Allow(now, k)
		return none, undo, err
	})
	return err
}

// DenyKey keeps a key out, whatever else lets it in, and the one that has its place if another has replaced it, and ends their sessions. With ErrNotStored
// it is in force until the daemon is started again.
func (d *Daemon) DenyKey(ctx context.Context, key secure.Fingerprint, reason string) (Withdrawn, error) {
	a, err := alter(ctx, d, func(b *access.Book, now time.Time) ([]secure.Fingerprint, func(), error) {
		keys, err := b.Deny(now, key, reason)
		return keys, nil, err
	})
	return Withdrawn{a.of, a.ended}, err
}

// Keys gives all keys that the daemon knows, by fingerprint.
func (d *Daemon) Keys(ctx context.Context) ([]access.KeyInfo, error) {
	keys, err := ask(ctx, d, func(h *hub, _ time.Time) *access.Keys { return h.gate.book.Keys() })
	if err != nil {
		return nil, err
	}
	return keys.List(), nil
}

// Ban keeps a key or a prefix out, with a key also the one that has its place if another has replaced it, and ends the sessions that are of them. With
// ErrNotStored it is in force until the daemon is started again.
func (d *Daemon) Ban(ctx context.Context, b access.Ban) (Withdrawn, error) {
	a, err := alter(ctx, d, func(book *access.Book, now time.Time) ([]secure.Fingerprint, func(), error) {
		keys, err := book.Ban(now, b)
		return keys, nil, err
	})
	return Withdrawn{a.of, a.ended}, err
}

// Unban ends the ban of a key or of exactly that prefix, whichever is set in b, and tells whether there was one.
func (d *Daemon) Unban(ctx context.Context, b access.Ban) (was bool, err error) {
	a, err := alter(ctx, d, func(book *access.Book, now time.Time) (bool, func(), error) {
		undo, err := book.Unban(now, b)
		return undo != nil, undo, err
	})
	return a.of, err
}

// Bans gives the bans that are in force.
func (d *Daemon) Bans(ctx context.Context) ([]access.BanInfo, error) {
	return ask(ctx, d, func(h *hub, now time.Time) []access.BanInfo { return h.gate.book.Bans(now) })
}

// altered is what a change of the book came to.
type altered[T any] struct {
	of    T
	ended int // sessions
	err   error
}

// alter has the hub's loop change the book by f, and waits until that is on the disk and all sessions are judged by it, until ctx ends or the daemon stops.
// f gives what takes the change back if it cannot be stored; nil: it stays.
func alter[T any](ctx context.Context, d *Daemon, f func(b *access.Book, now time.Time) (T, func(), error)) (altered[T], error) {
	a, err := await(ctx, d, func(h *hub, now time.Time, reply func(altered[T])) {
		of, undo, err := f(h.gate.book, now)
		if err != nil {
			reply(altered[T]{err: err})
			return
		}
		h.gate.save(now, undo, func(_ time.Time, err error) {
			if err != nil {
				err = fmt.Errorf("%w: %w", ErrNotStored, err)
			}
			h.judging.everyone(func(_ time.Time, ended int) { reply(altered[T]{of, ended, err}) })
		})
	})
	return a, cmp.Or(err, a.err)
}
