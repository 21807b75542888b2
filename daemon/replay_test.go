package daemon

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"yodel/wire"
)

// numbered gives n texts of about a kilobyte.
func numbered(from, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%05d %s", from+i, strings.Repeat("x", 1000))
	}
	return out
}

// publishAll publishes texts with the ids from first on.
func (c *client) publishAll(room string, first uint64, texts []string) {
	for i, text := range texts {
		c.publish(room, first+uint64(i), text)
	}
	synctest.Wait()
}

// wantTexts fails the test unless the client has read just these.
func (c *client) wantTexts(want []string) {
	c.w.t.Helper()
	if d := cmp.Diff(want, c.texts()); d != "" {
		c.w.t.Errorf("%v read (-want +got)\n%s", c.addr, d)
	}
}

// What was accepted is there after a restart, under the same positions, and a message that is sent again is no second one.
func TestMessagesSurviveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state, id := t.TempDir(), newID(t)
		texts := numbered(0, 300)
		w := newWorld(t, Config{State: state})
		a := w.connect("10.0.0.1:1", id)
		a.enter("alice", "lobby", nil)
		a.publishAll("lobby", 1, texts)
		receipts, log := all(a, (*wire.Message).GetReceipt), last(a, (*wire.Message).GetJoined).GetLogId()
		w.stop()
		if len(receipts) != len(texts) {
			t.Fatalf("%d receipts for %d messages", len(receipts), len(texts))
		}

		w = newWorld(t, Config{State: state})
		defer w.stop()
		a = w.connect("10.0.0.1:1", id)
		a.enter("alice", "lobby", &wire.Join{From: &wire.Join_After{After: &wire.After{LogId: log, Pos: receipts[9].GetPos()}}})
		synctest.Wait()
		joined := last(a, (*wire.Message).GetJoined)
		if joined.GetTruncated() || joined.GetReplay() != 290 || joined.GetNewest() != receipts[299].GetPos() {
			t.Errorf("joined with %d to replay up to %d, truncated %v", joined.GetReplay(), joined.GetNewest(), joined.GetTruncated())
		}
		a.publishAll("lobby", 300, texts[299:])
		if r := last(a, (*wire.Message).GetReceipt); r.GetPos() != receipts[299].GetPos() {
			t.Errorf("a message that is sent again has position %d, and had %d", r.GetPos(), receipts[299].GetPos())
		}
		a.publishAll("lobby", 301, []string{"new"})
		a.w.pass(time.Second)
		a.wantTexts(append(texts[10:], "new"))
	})
}

// Many who read what is no longer in memory get all of it in order, and those who give no credit hold none of the others up.
func TestManyReadFromTheDisk(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		texts := numbered(0, 400)
		a := w.connect("10.0.0.1:1", newID(t))
		a.enter("alice", "lobby", nil)
		a.publishAll("lobby", 1, texts)
		var misers, readers []*client
		for i := range 2 * maxPages {
			c := w.connect(fmt.Sprintf("10.0.1.%d:1", i), newID(t))
			if c.miserly = i%2 == 0; c.miserly {
				misers = append(misers, c)
			} else {
				readers = append(readers, c)
			}
			c.enter(fmt.Sprint("reader", i), "lobby", &wire.Join{From: &wire.Join_Last{Last: 1000}})
		}
		w.pass(5 * time.Second)
		for _, c := range readers {
			c.wantTexts(texts)
		}
		more := numbered(400, 200)
		a.publishAll("lobby", 1000, more)
		for _, c := range misers {
			if n := len(c.texts()); n == 0 || n >= len(texts) {
				t.Errorf("%d entries without credit for them", n)
			}
			c.say(creditMessage(1 << 40))
		}
		w.pass(5 * time.Second)
		for _, c := range append(readers, misers...) {
			c.wantTexts(append(texts, more...))
		}
		if n := w.server.hub.reads.taken; n != 0 || len(w.server.hub.reads.waiting) != 0 {
			t.Errorf("%d places are taken, and nobody reads", n)
		}
	})
}

// What a peer asks after a Join that looks into the log is answered after it.
func TestAnswersKeepTheOrderOfTheRequests(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		a := w.connect("10.0.0.1:1", newID(t))
		a.enter("alice", "lobby", nil)
		a.publishAll("lobby", 1, numbered(0, 3))
		b := w.connect("10.0.0.2:1", newID(t))
		hello := wire.Encode(&wire.Message_Hello{Hello: &wire.Hello{Versions: []uint32{1}, Nick: "bob"}})
		join := wire.Encode(&wire.Message_Join{Join: &wire.Join{Room: "lobby", From: &wire.Join_Last{Last: 2}}})
		ping := wire.Encode(&wire.Message_Ping{Ping: &wire.Ping{}})
		b.run(func(time.Time) {
			for _, m := range [][]byte{hello, join, ping} {
				if err := b.stream.Send(m); err != nil {
					t.Error(err)
				}
			}
		})
		w.pass(time.Second)
		var kinds []string
		for _, m := range b.got {
			kinds = append(kinds, fmt.Sprintf("%T", m.GetKind()))
		}
		want := []string{"*wire.Message_Welcome", "*wire.Message_Joined", "*wire.Message_Pong", "*wire.Message_Entry", "*wire.Message_Entry"}
		if d := cmp.Diff(want, kinds); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
	})
}

// Who is in many rooms and gives no credit holds no pages that others wait for.
func TestNoCreditHoldsNoPages(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		texts := numbered(0, 400)
		a := w.connect("10.0.0.1:1", newID(t))
		a.enter("alice", "lobby", nil)
		a.publishAll("lobby", 1, texts)
		for i := range 2 * maxPages {
			a.publish(fmt.Sprint("room", i), 1, "x")
		}
		miser := w.connect("10.0.0.2:1", newID(t))
		miser.miserly = true
		miser.enter("miser", "lobby", &wire.Join{From: &wire.Join_Last{Last: 1000}})
		for i := range 2 * maxPages {
			miser.say(wire.Encode(&wire.Message_Join{Join: &wire.Join{Room: fmt.Sprint("room", i), From: &wire.Join_Last{Last: 10}}}))
		}
		w.pass(time.Second)
		for more := range 3 {
			miser.say(creditMessage(wire.FirstCredit + uint64(more)))
			w.pass(time.Second)
		}
		reads := &w.server.hub.reads
		if reads.taken != 0 || len(reads.waiting) != 0 {
			t.Errorf("%d places are taken, %d wait", reads.taken, len(reads.waiting))
		}
		b := w.connect("10.0.0.3:1", newID(t))
		b.enter("bob", "lobby", &wire.Join{From: &wire.Join_Last{Last: 1000}})
		w.pass(time.Second)
		b.wantTexts(texts)
		miser.say(creditMessage(1 << 40))
		w.pass(5 * time.Second)
		if n := len(miser.texts()); n != len(texts)+2*maxPages {
			t.Errorf("%d messages of %d in all rooms", n, len(texts)+2*maxPages)
		}
	})
}

// A member that has been told that nothing follows its pages, and then loses them for want of credit, reads them again.
func TestPagesThatWereGivenUpAreReadAgain(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		a := w.connect("10.0.0.1:1", newID(t))
		a.enter("alice", "lobby", nil)
		a.publishAll("lobby", 1, numbered(0, 3))
		h := w.server.hub
		looked := make(chan bool)
		h.plane.tell.add(func(time.Time) {
			m := h.table[a.addr].session.rooms["lobby"]
			newest := h.messages.Newest("lobby")
			m.cursor, m.pages = newest-2, [][]encodedEntry{{{pos: newest - 1}}}
			h.reads.taken++
			m.reading = true
			h.reads.taken++
			h.reads.got(m, &page{after: newest - 1, newest: newest})
			before := m.lacks()
			m.dropPages()
			looked <- !before && m.lacks()
		})
		if !<-looked {
			t.Error("it is not read again, or was before")
		}
	})
}
