package peer

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"yodel/wire"
)

func creditMessage(limit uint64) *wire.Message {
	return &wire.Message{Kind: &wire.Message_Credit{Credit: &wire.Credit{Limit: limit}}}
}

func receiptFor(id, pos uint64) *wire.Message {
	return &wire.Message{Kind: &wire.Message_Receipt{Receipt: &wire.Receipt{Room: "lobby", Id: id, Pos: pos}}}
}

// published removes what the peer has published, gives the ids, and adds up what it cost.
func (r *rig) published(cost *int) (ids []uint64) {
	r.t.Helper()
	r.pass(time.Second)
	for _, m := range r.d.messages {
		p := m.GetPublish()
		if p == nil {
			r.t.Fatalf("a %T came", m.GetKind())
		}
		*cost += proto.Size(m)
		ids = append(ids, p.GetId())
	}
	r.d.messages = nil
	return ids
}

// publishNumbered queues messages whose bodies begin with their numbers.
func (r *rig) publishNumbered(n, size int) (pubs []*Publication) {
	for i := range n {
		body := make([]byte, size)
		binary.BigEndian.PutUint32(body, uint32(i))
		r.publish(Outgoing{Room: "lobby", Body: body}, func(p *Publication) { pubs = append(pubs, p) })
	}
	return pubs
}

func idsOf(pubs []*Publication) (ids []uint64) {
	for _, p := range pubs {
		ids = append(ids, p.ID())
	}
	return ids
}

func checkIDs(t *testing.T, what string, got, want []uint64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d messages, want %d", what, len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("%s: message %d is %x, want %x", what, i, got[i], want[i])
		}
	}
}

// Publishes go as far as the credit reaches, to the byte, in order, and on when there is more of it.
func TestPublishesWaitForCredit(t *testing.T) {
	r := newRig(t, Config{Nick: "alice"})
	r.welcome()
	pubs := r.publishNumbered(430, 600)
	cost := 0
	sent := r.published(&cost)
	each := cost / len(sent)
	if cost > wire.FirstCredit || cost+each <= wire.FirstCredit {
		t.Errorf("%d bytes sent with a credit of %d", cost, wire.FirstCredit)
	}
	// Receipts alone give no credit.
	for _, id := range sent[:10] {
		r.say(receiptFor(id, 1))
	}
	if more := r.published(&cost); len(more) != 0 {
		t.Errorf("%d messages without credit", len(more))
	}
	r.say(creditMessage(wire.FirstCredit), creditMessage(0), creditMessage(uint64(cost+each)-1))
	if more := r.published(&cost); len(more) != 0 {
		t.Errorf("%d messages for less than the credit of one", len(more))
	}
	// Who comes later does not overtake.
	small := r.publishNumbered(1, 4)
	r.say(creditMessage(uint64(cost + each)))
	if one := r.published(&cost); len(one) != 1 {
		t.Errorf("%d messages for the credit of one", len(one))
	} else {
		sent = append(sent, one...)
	}
	r.say(creditMessage(4 * wire.FirstCredit))
	sent = append(sent, r.published(&cost)...)
	checkIDs(t, "all", sent, append(idsOf(pubs), idsOf(small)...))
}

// What has no receipt goes again in a new session, on its credit, which is new as well.
func TestCreditBeginsAnewWithTheSession(t *testing.T) {
	r := newRig(t, Config{Nick: "alice", Reconnect: true})
	r.welcome()
	pubs := r.publishNumbered(430, 600)
	cost := 0
	first := r.published(&cost)
	r.say(receiptFor(first[0], 1), receiptFor(first[2], 2))
	r.lost()
	later := r.publishNumbered(1, 600) // while there is no session
	r.welcome()
	cost = 0
	again := r.published(&cost)
	if cost > wire.FirstCredit || cost+cost/len(again) <= wire.FirstCredit {
		t.Errorf("%d bytes sent with a credit of %d", cost, wire.FirstCredit)
	}
	r.say(creditMessage(2 * wire.FirstCredit))
	again = append(again, r.published(&cost)...)
	want := append(idsOf(pubs), idsOf(later)...)
	want = append(want[1:2:2], want[3:]...)
	checkIDs(t, "again", again, want)
}

// Entries are held back by the user who does not read, and by nothing else; receipts and answers come all the same.
func TestEntriesWaitForTheUser(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	r := newRig(t, Config{Nick: "alice"})
	r.welcome()
	r.join(JoinOptions{Room: "lobby"}, nil, &wire.Joined{LogId: logA})
	const n = 3000
	used, limit, next := 0, uint64(wire.FirstCredit), uint64(1)
	waiting := entrySized(next, random.IntN(2000))
	feed := func() { // a daemon that obeys
		for _, m := range r.d.messages {
			if c := m.GetCredit(); c != nil {
				limit = max(limit, c.GetLimit())
			}
		}
		r.d.messages = nil
		for next <= n && uint64(used+proto.Size(waiting)) <= limit {
			used += proto.Size(waiting)
			r.say(waiting)
			next++
			waiting = entrySized(next, random.IntN(2000))
		}
	}
	feed()
	r.pass(time.Second)
	feed()
	if used > wire.FirstCredit || used < wire.FirstCredit-2100 {
		t.Fatalf("%d bytes came unread", used)
	}
	var got *Publication
	r.publish(Outgoing{Room: "lobby", Body: []byte("x")}, func(p *Publication) { got = p })
	r.say(receiptFor(take[*wire.Message_Publish](r).Publish.GetId(), 9))
	if receipt, err := got.Receipt(t.Context()); err != nil || receipt.Pos != 9 {
		t.Errorf("receipt %+v, %v", receipt, err)
	}
	for want := uint64(1); want <= n; want++ {
		if m := event[*Message](r); m.Pos != want {
			t.Fatalf("position %d, want %d", m.Pos, want)
		}
		feed()
	}
	if used <= wire.FirstCredit || limit > uint64(used+wire.FirstCredit) {
		t.Errorf("limit %d after %d bytes", limit, used)
	}
}

func entrySized(pos uint64, size int) *wire.Message {
	return &wire.Message{Kind: &wire.Message_Entry{Entry: &wire.Entry{Room: "lobby", Pos: pos, Body: make([]byte, size)}}}
}

// What the user never sees is paid for at once: doubles, and messages of rooms that were left.
func TestDroppedEntriesGiveCreditBack(t *testing.T) {
	for _, room := range []string{"lobby", "elsewhere"} {
		r := newRig(t, Config{Nick: "alice"})
		r.welcome()
		r.join(JoinOptions{Room: "lobby"}, nil, &wire.Joined{LogId: logA, Newest: 100})
		m := &wire.Message{Kind: &wire.Message_Entry{Entry: &wire.Entry{Room: room, Pos: 7, Body: make([]byte, 1000)}}}
		size, times := proto.Size(m), 0
		for times*size < wire.CreditStep {
			r.nothing()
			r.say(m)
			times++
		}
		if c := take[*wire.Message_Credit](r).Credit; c.GetLimit() != uint64(wire.FirstCredit+times*size) {
			t.Errorf("%s: limit %d", room, c.GetLimit())
		}
		r.noEvent()
	}
}

// Events of a session that is over are not paid for in the next one.
func TestOldEventsGiveNoNewCredit(t *testing.T) {
	r := newRig(t, Config{Nick: "alice", Reconnect: true})
	r.welcome()
	r.join(JoinOptions{Room: "lobby"}, nil, &wire.Joined{LogId: logA})
	const n = 200
	for pos := uint64(1); pos <= n; pos++ {
		r.say(entrySized(pos, 1000))
	}
	r.lost()
	r.welcome()
	r.say(joinedAnswer(take[*wire.Message_Join](r), &wire.Joined{LogId: logA, Newest: n}))
	for range n {
		event[*Message](r)
	}
	event[*Lost](r)
	event[*Back](r)
	r.nothing()
	if *r.e.s.entries != (wire.Allowance{}) {
		t.Errorf("what came in the old session counts in the new one: %+v", *r.e.s.entries)
	}
}

// A daemon that does not keep to its credit is left, after the messages for which it had some.
func TestADaemonThatSendsMoreThanItsCreditIsLeft(t *testing.T) {
	r := newRig(t, Config{Nick: "alice"})
	r.welcome()
	r.join(JoinOptions{Room: "lobby"}, nil, &wire.Joined{LogId: logA})
	m := entrySized(0, 50_000)
	for range wire.FirstCredit / proto.Size(m) {
		r.say(m)
	}
	if err := r.e.failed(); err != nil {
		t.Fatal(err)
	}
	r.say(m)
	if err := r.e.failed(); !errors.Is(err, errOverCredit) || !errors.Is(err, ErrLost) {
		t.Errorf("%v", err)
	}
	if n := len(r.e.events); n != wire.FirstCredit/proto.Size(m) {
		t.Errorf("%d messages wait", n)
	}
}

// Messages that wait for a user who does not read are bounded also where each of many sessions has brought its credit of them.
func TestMessagesOfManySessionsAreBounded(t *testing.T) {
	r := newRig(t, Config{Nick: "alice", Reconnect: true})
	r.welcome()
	r.join(JoinOptions{Room: "lobby"}, nil, &wire.Joined{LogId: logA})
	m := entrySized(0, 60_000)
	for range 12 {
		for range wire.FirstCredit / proto.Size(m) {
			r.say(m)
		}
		r.lost()
		r.welcome()
		r.say(joinedAnswer(take[*wire.Message_Join](r), &wire.Joined{LogId: logA}))
	}
	if r.e.eventBytes < maxEventBytes || r.e.eventBytes > maxEventBytes+proto.Size(m) {
		t.Errorf("%d bytes wait", r.e.eventBytes)
	}
}

// Events that need no credit are held back by the stream.
func TestTheQueueOfEventsIsBounded(t *testing.T) {
	r := newRig(t, Config{Nick: "alice"})
	r.welcome()
	r.join(JoinOptions{Room: "lobby"}, nil, &wire.Joined{LogId: logA})
	const n = maxEvents + 2000
	for pos := uint64(1); pos <= n; pos++ {
		change := &wire.RoomInfo{Room: "lobby", DelayMs: uint32(pos)}
		if err := r.d.stream.Send(wire.Encode(&wire.Message_RoomInfo{RoomInfo: change})); err != nil {
			t.Fatal(err)
		}
	}
	r.pass(2 * time.Second)
	if len(r.e.events) != maxEvents {
		t.Fatalf("%d events wait, want %d", len(r.e.events), maxEvents)
	}
	for want := uint64(1); want <= n; want++ {
		if len(r.e.events) == 0 {
			r.pass(5 * time.Second)
		}
		if m := event[*RoomChanged](r); m.Delay != time.Duration(want)*time.Millisecond {
			t.Fatalf("delay %v, want %d ms", m.Delay, want)
		}
	}
}
