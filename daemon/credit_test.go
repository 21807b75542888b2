package daemon

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"yodel/wire"
)

// A peer that grants no credit gets entries up to the first, and the rest when it grants more; nobody else waits for it.
func TestEntriesWaitForCredit(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		b.miserly = true
		const n, size = 600, 1000
		body := strings.Repeat("x", size-3)
		for i := range n {
			a.publish("lobby", uint64(i), strconv.Itoa(100+i)+body)
		}
		a.say(wire.Encode(&wire.Message_Publish{Publish: &wire.Publish{Room: "lobby", Id: n, Body: []byte("now"), Transient: true}}))
		a.w.pass(time.Second)
		if len(a.texts()) != n+1 {
			t.Errorf("alice read %d", len(a.texts()))
		}
		got := len(b.texts())
		if b.consumed > wire.FirstCredit || b.consumed < wire.FirstCredit-2*size {
			t.Errorf("%d bytes of entries came on a credit of %d", b.consumed, wire.FirstCredit)
		}
		b.ping()
		if last(b, (*wire.Message).GetPong) == nil {
			t.Error("what needs no credit waits too")
		}
		b.say(creditMessage(wire.FirstCredit)) // no more than before
		b.say(creditMessage(1))
		if len(b.texts()) != got {
			t.Error("entries without new credit")
		}
		b.say(creditMessage(b.consumed + 100*size))
		a.w.pass(time.Second)
		if more := len(b.texts()) - got; more < 85 || more > 100 {
			t.Errorf("%d entries for 100 kB of credit", more)
		}
		b.say(creditMessage(1 << 40))
		a.w.pass(time.Second)
		texts := b.texts()
		if len(texts) != n {
			t.Fatalf("%d entries of %d", len(texts), n)
		}
		for i, text := range texts {
			if text != strconv.Itoa(100+i)+body {
				t.Fatalf("entry %d is %.5s", i, text)
			}
		}
		if a.w.dropped(dropTransient) != 1 {
			t.Errorf("%d transient messages were dropped", a.w.dropped(dropTransient))
		}
	})
}

// A transient message for which there is no credit is gone; a stored one for which there is does not wait because of that.
func TestDroppedTransientHoldsNothingUp(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		b.miserly = true
		a.w.session(b).entries.Spend(wire.FirstCredit - 2000)
		transient := wire.Publish{Room: "lobby", Id: 1, Body: make([]byte, 5000), Transient: true}
		a.say(wire.Encode(&wire.Message_Publish{Publish: &transient}))
		a.publish("lobby", 2, "small")
		a.w.pass(time.Second)
		if texts := b.texts(); len(texts) != 1 || texts[0] != "small" {
			t.Errorf("bob read %q", texts)
		}
		if a.w.dropped(dropTransient) != 1 {
			t.Errorf("%d transient messages were dropped", a.w.dropped(dropTransient))
		}
	})
}

// The daemon grants credit for publishes as their outcome stands, for refused ones as well.
func TestPublishesEarnCredit(t *testing.T) {
	for name, room := range map[string]string{"stored": "lobby", "refused": "a b"} {
		inRoom(t, Config{}, func(t *testing.T, a, _ *client) {
			body := strings.Repeat("x", 10_000)
			sent, told := uint64(0), uint64(wire.FirstCredit)
			for i := range 60 {
				m := wire.Encode(&wire.Message_Publish{Publish: &wire.Publish{Room: room, Id: uint64(i), Body: []byte(body)}})
				sent += uint64(len(m))
				if sent > told {
					t.Fatalf("%s: no credit after %d bytes of %d", name, sent, told)
				}
				a.say(m)
				a.w.pass(100 * time.Millisecond)
				c := last(a, (*wire.Message).GetCredit)
				if c == nil {
					continue
				}
				if c.GetLimit() != told && (c.GetLimit() != sent+wire.FirstCredit || c.GetLimit()-told < wire.CreditStep) {
					t.Fatalf("%s: a limit of %d after %d, with %d sent", name, c.GetLimit(), told, sent)
				}
				told = c.GetLimit()
			}
			if n := len(all(a, (*wire.Message).GetCredit)); n < 7 || n > 10 {
				t.Errorf("%s: %d times credit for 600 kB", name, n)
			}
			if a.bye != "" {
				t.Errorf("%s: BYE %q", name, a.bye)
			}
		})
	}
}

func TestPeerThatOverdrawsIsEnded(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		s := a.w.session(a)
		s.publishes.Take(wire.FirstCredit - 60_000) // as if the rest waited for a disk
		m := wire.Encode(&wire.Message_Publish{Publish: &wire.Publish{Room: "lobby", Id: 1, Body: make([]byte, 50_000)}})
		a.say(m)
		a.w.pass(100 * time.Millisecond)
		if a.bye != "" || len(all(a, (*wire.Message).GetReceipt)) != 1 {
			t.Fatalf("within its credit: BYE %q, %d receipts", a.bye, len(all(a, (*wire.Message).GetReceipt)))
		}
		a.say(m)
		a.w.pass(200 * time.Millisecond)
		if a.bye != wire.ByeCredit || a.byes != wire.ByeTimes {
			t.Errorf("BYE %q, %d times", a.bye, a.byes)
		}
		e := last(b, (*wire.Message).GetPresence).GetEvents()[0]
		if e.GetJoined() || e.GetReason() != wire.ByeCredit {
			t.Errorf("bob saw %v", e)
		}
	})
}
