package main

import (
	"bytes"
	"context"
	"time"

	"yodel/peer"
)

// quietFor is how long the next message of a replay is waited for before the daemon is asked what is left of it: messages that were erased
// after they had been promised never come. A daemon may be slow, and begins anew when it is asked: each time without a message it has twice as long.
const quietFor = time.Second

// pager prints the messages that were there when the room was joined.
type pager struct {
	*shell
	follow
	left   uint64 // how many are to come …
	newest uint64 // … up to this one
	log    []byte
	last   uint64 // position of the message that was printed last; 0: none
	asked  start
	join   func(context.Context, peer.JoinOptions) (*peer.Joined, error)
}

func newPager(sh *shell, f follow, asked start, j *peer.Joined) *pager {
	p := &pager{shell: sh, follow: f, asked: asked, join: f.client.Join}
	p.begin(j)
	return p
}

// begin takes what a Joined promises: of the last n messages no more than n.
func (p *pager) begin(j *peer.Joined) {
	p.left, p.newest, p.log = j.Replay, j.Newest, j.LogID
	if p.asked.isLast() {
		p.left = min(p.left, uint64(p.asked.last))
	}
}

// print waits for messages of the room log and prints those that belong to it. It returns when some are printed, or none is left.
func (p *pager) print(ctx context.Context) error {
	wait := quietFor
	for before := p.last; p.left > 0 && p.last == before; {
		group, err := p.next(ctx, wait)
		if err != nil {
			return err
		}
		if len(group) == 0 {
			wait *= 2
		}
		if err := p.tellAll(p.follow, p.wanted(group)); err != nil {
			return err
		}
	}
	return nil
}

// next waits for what happens. When that is nothing for so long it asks how much is left, and gives no events.
func (p *pager) next(ctx context.Context, wait time.Duration) ([]peer.Event, error) {
	quiet := time.NewTimer(wait)
	defer quiet.Stop()
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case group, ok := <-p.client.EventGroups():
		if !ok {
			return nil, gone(p.client)
		}
		return group, nil
	case <-quiet.C:
		return nil, p.recount(ctx)
	}
}

// recount asks for what is left, by another join that nobody sees. Messages that come twice because of it are printed once. The last n messages
// of which none has come are those that are the last ones now.
func (p *pager) recount(ctx context.Context) error {
	from := p.asked.again(p.log)
	if p.last > 0 {
		from = peer.AfterPos(p.log, p.last)
	}
	j, err := p.join(ctx, peer.JoinOptions{Room: p.room, From: from, Observe: true})
	switch {
	case err != nil:
		return orCause(ctx, err)
	case p.last == 0 && p.asked.isLast():
		p.begin(j)
	case !bytes.Equal(j.LogID, p.log):
		p.left = 0
	default:
		p.left = min(p.left, j.Replay)
	}
	return nil
}

// wanted gives those of the events that are to be printed, and counts them.
func (p *pager) wanted(group []peer.Event) (messages []peer.Event) {
	for _, ev := range group {
		m, ok := ev.(*peer.Message)
		switch {
		case !ok || m.Transient || p.left == 0 || m.Pos <= p.last || !bytes.Equal(m.LogID, p.log):
			continue
		case m.Pos <= p.newest:
			messages = append(messages, m)
			p.last = m.Pos
			p.left--
		}
		if m.Pos >= p.newest {
			p.left = 0
		}
	}
	return messages
}
