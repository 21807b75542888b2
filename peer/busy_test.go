package peer

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"yodel/wire"
)

func refusal(id uint64, code wire.Code) *wire.Message {
	return &wire.Message{Kind: &wire.Message_Refused{Refused: &wire.Refused{Id: id, Code: code}}}
}

// publishedNow removes what the peer has published, without a wait, and gives the ids.
func (r *rig) publishedNow() (ids []uint64) {
	r.run()
	for _, m := range r.d.messages {
		if p := m.GetPublish(); p != nil {
			ids = append(ids, p.GetId())
		}
	}
	r.d.messages = nil
	return ids
}

// What the daemon can not take now goes again, in order, and before what was published later: after a wait that doubles up to 2 s, until there is a
// receipt.
func TestWhatTheDaemonIsTooBusyForGoesAgainInOrder(t *testing.T) {
	for _, code := range []wire.Code{wire.Code_CODE_BUSY, wire.Code_CODE_STOPPING} {
		r := newRig(t, Config{Nick: "alice"})
		r.welcome()
		pubs := r.publishNumbered(4, 10)
		ids := idsOf(pubs)
		checkIDs(t, "sent at first", r.publishedNow(), ids)
		wait := func(want time.Duration) {
			t.Helper()
			r.pass(want - 5*time.Millisecond)
			checkIDs(t, "before the wait is over", r.publishedNow(), nil)
			r.pass(5 * time.Millisecond)
		}
		for _, pause := range []time.Duration{100, 200, 400, 800, 1600, 2000, 2000} {
			r.say(refusal(ids[1], code), refusal(ids[3], code), refusal(ids[2], code))
			wait(pause * time.Millisecond)
			checkIDs(t, "again", r.publishedNow(), ids[1:])
		}
		r.say(refusal(ids[1], code), receiptFor(ids[0], 1))
		later := r.publishNumbered(1, 10)
		wait(2 * time.Second)
		checkIDs(t, "with a later one", r.publishedNow(), slices.Concat(ids[1:2], idsOf(later)))
		r.say(receiptFor(ids[1], 2), refusal(ids[2], code))
		wait(100 * time.Millisecond)
		checkIDs(t, "after a receipt", r.publishedNow(), ids[2:3])
		r.say(receiptFor(ids[2], 3))
		if got, err := pubs[2].Receipt(t.Context()); err != nil || got.Pos != 3 {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// A new session does not wait for the end of a pause that the last one made.
func TestAPauseEndsWithItsSession(t *testing.T) {
	r := newRig(t, Config{Nick: "alice", Reconnect: true})
	r.welcome()
	ids := idsOf(r.publishNumbered(2, 10))
	r.publishedNow()
	r.say(refusal(ids[0], wire.Code_CODE_BUSY))
	r.welcome()
	checkIDs(t, "in the next session", r.publishedNow(), ids)
}

// A log that is full refuses for good, and says what is the matter where the daemon does not.
func TestAReadOnlyLogRefuses(t *testing.T) {
	r := newRig(t, Config{Nick: "alice"})
	r.welcome()
	pubs := r.publishNumbered(1, 10)
	r.say(refusal(pubs[0].ID(), wire.Code_CODE_READ_ONLY))
	_, err := pubs[0].Receipt(t.Context())
	if !errors.Is(err, ErrRefused) || err.Error() != "refused: the room log takes nothing now: the daemon's disk is full" {
		t.Errorf("got %v", err)
	}
}

// Of several messages those before one that can be none are published, and those for which there was room when the context ended.
func TestPublishAllTellsWhatItTook(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		c := n.client(t, false).join()
		text := func(s string) Outgoing { return Outgoing{Room: "lobby", Body: []byte(s)} }
		taken, err := c.PublishAll(t.Context(), []Outgoing{text("a"), text("b"), text(""), text("c")})
		if len(taken) != 2 || !errors.Is(err, ErrEmpty) {
			t.Errorf("%d taken, %v", len(taken), err)
		}
		for _, p := range taken {
			if _, err := p.Receipt(t.Context()); err != nil {
				t.Error(err)
			}
		}
		n.daemon.look(func() { n.daemon.mute = true })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		many := make([]Outgoing, maxUnreceipted+3)
		for i := range many {
			many[i] = text("x")
		}
		taken, err = c.PublishAll(ctx, many)
		if len(taken) != maxUnreceipted || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%d taken, %v", len(taken), err)
		}
		c.close()
	})
}
