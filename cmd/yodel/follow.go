package main

import (
	"context"
	"time"

	"yodel/peer"
)

// heldBytes is how many bytes of messages are written at once.
const heldBytes = 32 << 10

// reading is what read was asked for.
type reading struct {
	start
	mark *bookmark // nil: nothing is remembered
}

// begin joins the room where reading begins: after the place that is remembered, if there is one.
func (sh *shell) begin(ctx context.Context, client *peer.Client, r *reading, opts peer.JoinOptions) (*peer.Joined, error) {
	if place, ok := r.mark.begin(client.Daemon(), sh.room); ok {
		r.start = start{after: &place}
	}
	from, err := r.from(ctx, sh, client)
	if err != nil {
		return nil, err
	}
	opts.From = from
	joined, err := sh.join(ctx, client, opts)
	if err != nil {
		return nil, err
	}
	sh.tellTruncated(joined, r.start)
	if joined.Replay == 0 {
		r.mark.note(position{joined.LogID, joined.Newest})
	}
	return joined, nil
}

// readOnce prints what is there and ends.
func (sh *shell) readOnce(ctx context.Context, r reading) error {
	client, err := sh.dial(ctx, dialing{})
	if err != nil {
		return err
	}
	defer hangUp(client)
	joined, err := sh.begin(ctx, client, &r, peer.JoinOptions{Observe: true})
	if err != nil {
		return err
	}
	pages := newPager(sh, follow{client: client, mark: r.mark}, r.start, joined)
	for pages.left > 0 {
		if err := sh.ask(ctx, pages.print); err != nil {
			return err
		}
	}
	return nil
}

// follow prints what is there and what comes, until the context or the session ends or nobody reads the output.
func (sh *shell) follow(ctx context.Context, r reading) error {
	ctx, cancel := watchReader(ctx, sh.out.stdout)
	defer cancel()
	client, err := sh.dial(ctx, dialing{nick: true, reconnect: true})
	if err != nil {
		return err
	}
	defer hangUp(client)
	if _, err := sh.begin(ctx, client, &r, peer.JoinOptions{}); err != nil {
		return err
	}
	return sh.followEvents(ctx, follow{client: client, mark: r.mark})
}

// follow is what followEvents prints.
type follow struct {
	client *peer.Client
	skip   func(id uint64) bool // messages that are not printed; nil: none
	mark   *bookmark            // remembers what was printed; may be nil
}

// followEvents prints what happens in the room until ctx or the session ends, or nobody reads any more.
func (sh *shell) followEvents(ctx context.Context, f follow) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-f.mark.due():
			if err := f.mark.save(); err != nil {
				return err
			}
		case group, ok := <-f.client.EventGroups():
			if !ok {
				return gone(f.client)
			}
			if err := sh.tellAll(f, group); err != nil {
				return err
			}
		}
	}
}

// tellAll prints events, and remembers which messages standard output has taken.
func (sh *shell) tellAll(f follow, group []peer.Event) error {
	var place position
	flush := func() error {
		sh.out.flush()
		err := sh.out.failed()
		if err == nil && place.pos > 0 {
			f.mark.note(place)
		}
		return err
	}
	now := time.Now()
	for _, ev := range group {
		m, ok := ev.(*peer.Message)
		if !ok {
			if err := flush(); err != nil {
				return err
			}
			sh.tellEvent(ev)
			continue
		}
		held := 0
		if f.skip == nil || !f.skip(m.ID) {
			held = sh.out.hold(sh.messageLine(m, now))
		}
		if !m.Transient {
			place = position{m.LogID, m.Pos}
		}
		if held < heldBytes {
			continue
		}
		if err := flush(); err != nil {
			return err
		}
	}
	return flush()
}
