package daemon

import (
	"testing"

	"yodel/wire/secure"
)

// What a writer has not sent yet goes where its peer was, and what it gets after the peer has moved goes where the peer is.
func TestWriterFollowsALinkThatMoves(t *testing.T) {
	onEachPath(t, func(t *testing.T, p *port) {
		old, fresh := newCaller(t, "127.0.0.1"), newCaller(t, "127.0.0.1")

		sh := newShard(&plane{validator: secure.NewValidator()}, 0, p.sockets[0])
		l := &link{shard: sh, to: p.sockets[0].target(old.at)}
		w := newWriter(p.sockets[0])
		build(w, &l.to, filled(92, 1))
		build(w, &l.to, filled(92, 2))
		l.direct(fresh.at)
		build(w, &l.to, filled(92, 3))
		w.flush()
		old.wantNext(filled(92, 1), filled(92, 2))
		old.wantNothing()
		fresh.wantNext(filled(92, 3))
		fresh.wantNothing()
	})
}
