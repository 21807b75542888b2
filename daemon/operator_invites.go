package daemon

import (
	"context"
	"time"

	"yodel/daemon/access"
)

// Invites gives the invites that let somebody in, the oldest first.
func (d *Daemon) Invites(ctx context.Context) ([]access.InviteInfo, error) {
	list, err := ask(ctx, d, func(h *hub, now time.Time) func() []access.InviteInfo { return h.gate.book.Invites(now) })
	if err != nil {
		return nil, err
	}
	return list(), nil
}

// RevokeInvite takes back the invite whose ID begins with these digits (access.Book.Revoke), and gives the whole ID; empty: there is none. Who has come in
// with it stays. With ErrNotStored it is in force until the daemon is started again. The other errors are access.ErrRequest and those of asking.
func (d *Daemon) RevokeInvite(ctx context.Context, id string) (whole string, err error) {
	a, err := alter(ctx, d, func(b *access.Book, _ time.Time) (string, func(), error) {
		whole, err := b.Revoke(id)
		return whole, nil, err
	})
	return a.of, err
}
