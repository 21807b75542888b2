package peer

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"

	"yodel/wire"
)

var logA, logB = []byte("aaaaaaaaaaaaaaaa"), []byte("bbbbbbbbbbbbbbbb")

func entry(room string, pos uint64) *wire.Message {
	return &wire.Message{Kind: &wire.Message_Entry{Entry: &wire.Entry{
		Room: room, Pos: pos, Nick: "bob", Body: fmt.Append(nil, pos), AtUnixNs: 1,
	}}}
}

func joinedAnswer(m *wire.Message_Join, j *wire.Joined) *wire.Message {
	j.Request, j.Room = m.Join.GetRequest(), m.Join.GetRoom()
	return &wire.Message{Kind: &wire.Message_Joined{Joined: j}}
}

func TestHelloAndWelcome(t *testing.T) {
	r := newRig(t, Config{Nick: "alice"})
	err := errors.New("not yet")
	r.e.whenWelcome(func(e error) { err = e })
	r.welcome()
	if err != nil || r.client.Nick() != "alice" {
		t.Errorf("err %v, nick %q", err, r.client.Nick())
	}
}

func TestRefusedNickEndsTheSession(t *testing.T) {
	r := newRig(t, Config{Nick: "alice"})
	r.connect()
	take[*wire.Message_Hello](r)
	r.say(&wire.Message{Kind: &wire.Message_Welcome{Welcome: &wire.Welcome{Version: 1}}},
		&wire.Message{Kind: &wire.Message_Refused{Refused: &wire.Refused{Code: wire.Code_CODE_NICK_TAKEN, Reason: "taken \x1b[2J"}}})
	err := r.e.failed()
	var refusal *RefusedError
	if !errors.As(err, &refusal) || !errors.Is(err, ErrRefused) || refusal.Code != wire.Code_CODE_NICK_TAKEN {
		t.Fatalf("%v", err)
	}
	if refusal.Reason != `taken \x1b[2J` {
		t.Errorf("reason %q", refusal.Reason)
	}
	if !isFinal(err) {
		t.Error("a taken nick is tried again")
	}
}

func TestMessagesComeOnceAcrossSessions(t *testing.T) {
	r := newRig(t, Config{Nick: "alice", Reconnect: true})
	r.welcome()
	r.join(JoinOptions{Room: "lobby", From: Last(10)}, nil, &wire.Joined{LogId: logA, Newest: 7, Replay: 2})
	r.say(entry("lobby", 3), entry("lobby", 7), entry("lobby", 7), entry("elsewhere", 9), entry("lobby", 12))
	var got []uint64
	for range 3 {
		got = append(got, event[*Message](r).Pos)
	}
	r.noEvent()

	r.e.detach()
	r.e.lost(ErrLost)
	r.welcome()
	event[*Lost](r)
	again := take[*wire.Message_Join](r)
	if d := again.Join.GetAfter(); d.GetPos() != 12 || string(d.GetLogId()) != string(logA) {
		t.Errorf("joined again after %v", d)
	}
	r.say(joinedAnswer(again, &wire.Joined{LogId: logA, Newest: 14, Replay: 1}), entry("lobby", 12), entry("lobby", 14))
	if b := event[*Back](r); len(b.Rooms) != 1 || b.Rooms[0].Room != "lobby" {
		t.Errorf("back with %+v", b.Rooms)
	}
	got = append(got, event[*Message](r).Pos)
	r.noEvent()
	if d := cmp.Diff([]uint64{3, 7, 12, 14}, got); d != "" {
		t.Error(d)
	}
}

func TestAnotherLogIsTruncation(t *testing.T) {
	r := newRig(t, Config{Nick: "alice", Reconnect: true})
	r.welcome()
	r.join(JoinOptions{Room: "lobby"}, nil, &wire.Joined{LogId: logA, Newest: 100})
	r.say(entry("lobby", 101))
	event[*Message](r)
	r.welcome()
	r.say(joinedAnswer(take[*wire.Message_Join](r), &wire.Joined{LogId: logB, Newest: 2, Replay: 2, Truncated: true}),
		entry("lobby", 1), entry("lobby", 2))
	event[*Truncated](r)
	for want := uint64(1); want <= 2; want++ {
		if m := event[*Message](r); m.Pos != want {
			t.Errorf("position %d, want %d", m.Pos, want)
		}
	}
}

func TestJoinLiveResumesWhereItBegan(t *testing.T) {
	r := newRig(t, Config{Nick: "alice", Reconnect: true})
	r.welcome()
	r.join(JoinOptions{Room: "lobby"}, nil, &wire.Joined{LogId: logA, Newest: 5})
	r.welcome()
	if a := take[*wire.Message_Join](r).Join.GetAfter(); a.GetPos() != 5 {
		t.Errorf("joined again after %v, want 5", a)
	}
}

func TestJoiningAgainReadsAgain(t *testing.T) {
	r := newRig(t, Config{Nick: "alice"})
	r.welcome()
	r.join(JoinOptions{Room: "lobby"}, nil, &wire.Joined{LogId: logA, Newest: 5})
	r.join(JoinOptions{Room: "lobby", From: Last(1)}, nil, &wire.Joined{LogId: logA, Newest: 5, Replay: 1})
	r.say(entry("lobby", 5))
	event[*Message](r)
}

func TestPublishGoesAgainWithItsID(t *testing.T) {
	r := newRig(t, Config{Nick: "alice", Reconnect: true})
	r.welcome()
	var pubs []*Publication
	for i := range 3 {
		r.publish(Outgoing{Room: "lobby", Body: []byte{byte(i)}}, func(p *Publication) { pubs = append(pubs, p) })
	}
	var first []uint64
	for range 3 {
		first = append(first, take[*wire.Message_Publish](r).Publish.GetId())
	}
	receipt := func(id, pos uint64) *wire.Message {
		return &wire.Message{Kind: &wire.Message_Receipt{Receipt: &wire.Receipt{Room: "lobby", Id: id, Pos: pos}}}
	}
	r.say(receipt(first[1], 40))
	r.welcome()
	for _, want := range []uint64{first[0], first[2]} {
		if p := take[*wire.Message_Publish](r).Publish; p.GetId() != want {
			t.Errorf("id %x again, want %x", p.GetId(), want)
		}
	}
	r.nothing()
	r.say(receipt(first[0], 41), receipt(first[0], 41),
		&wire.Message{Kind: &wire.Message_Refused{Refused: &wire.Refused{Id: first[2], Code: wire.Code_CODE_ID_REUSED}}})
	for i, want := range []uint64{41, 40} {
		if got, err := pubs[i].Receipt(t.Context()); err != nil || got.Pos != want {
			t.Errorf("receipt %d: %+v, %v", i, got, err)
		}
	}
	if _, err := pubs[2].Receipt(t.Context()); !errors.Is(err, ErrRefused) {
		t.Errorf("refused publish: %v", err)
	}
}

func TestPublishWaitsForRoom(t *testing.T) {
	r := newRig(t, Config{Nick: "alice"})
	r.welcome()
	admitted := 0
	cancels := make([]func(), 0)
	for range maxUnreceipted + 3 {
		cancels = append(cancels, r.publish(Outgoing{Room: "lobby", Body: []byte("x")}, func(*Publication) { admitted++ }))
	}
	if admitted != maxUnreceipted {
		t.Fatalf("%d admitted, want %d", admitted, maxUnreceipted)
	}
	cancels[maxUnreceipted]() // its caller has gone
	for range 2 {
		id := take[*wire.Message_Publish](r).Publish.GetId()
		r.say(&wire.Message{Kind: &wire.Message_Receipt{Receipt: &wire.Receipt{Id: id}}})
	}
	if admitted != maxUnreceipted+2 || len(r.e.outbox.waiting) != 0 {
		t.Errorf("%d admitted, %d wait", admitted, len(r.e.outbox.waiting))
	}
}

func TestPublishIsBoundedInBytes(t *testing.T) {
	r := newRig(t, Config{Nick: "alice"})
	r.welcome()
	admitted := 0
	for range 8 {
		r.publish(Outgoing{Room: "lobby", Body: make([]byte, wire.MaxBody)}, func(*Publication) { admitted++ })
	}
	if want := maxUnreceiptedBytes / wire.MaxBody; admitted != want {
		t.Errorf("%d admitted, want %d", admitted, want)
	}
}

func TestRequestsGoAgainInANewSession(t *testing.T) {
	r := newRig(t, Config{Nick: "alice", Reconnect: true})
	r.welcome()
	answered := 0
	r.e.request(r.now, func(id uint64) []byte {
		return wire.Encode(&wire.Message_Who{Who: &wire.Who{Request: id, Room: "lobby"}})
	}, func(_ time.Time, m *wire.Message, err error) {
		if err != nil || len(m.GetMembers().GetMembers()) != 1 {
			t.Errorf("%v %v", m, err)
		}
		answered++
	})
	first := take[*wire.Message_Who](r).Who.GetRequest()
	r.welcome()
	second := take[*wire.Message_Who](r).Who.GetRequest()
	answer := &wire.Message{Kind: &wire.Message_Members{Members: &wire.Members{Request: second, Room: "lobby", Members: []*wire.Member{{Nick: "bob"}}}}}
	r.say(answer, answer)
	if first != second || answered != 1 {
		t.Errorf("requests %d and %d, answered %d times", first, second, answered)
	}
}

func TestIdleSessionPings(t *testing.T) {
	r := newRig(t, Config{Nick: "alice"})
	r.welcome()
	r.d.rtcp = nil
	r.pass(31 * time.Second)
	pings, reports := len(r.d.messages), 0
	for range pings {
		take[*wire.Message_Ping](r)
	}
	for _, p := range r.d.rtcp {
		if rr, ok := p.(*rtcp.ReceiverReport); ok && rr.SSRC == wire.SSRCPeer {
			reports++
		}
	}
	if pings != 2 || reports != 0 { // a Ping keeps the path as open as a report does
		t.Errorf("%d pings and %d reports in 31 s, want 2 and 0", pings, reports)
	}
	if err := r.e.failed(); err != nil {
		t.Error(err)
	}
}

func TestSilentDaemonIsLost(t *testing.T) {
	r := newRig(t, Config{Nick: "alice"})
	r.welcome()
	r.cut = true
	for range 31 {
		if r.e.failed() != nil {
			break
		}
		r.now = r.now.Add(time.Second)
		r.run()
	}
	if err := r.e.failed(); !errors.Is(err, ErrLost) || r.now.Sub(t0) < wire.DeadAfter {
		t.Errorf("after %v: %v", r.now.Sub(t0), err)
	}
}

// What ends a session first is the reason: a BYE that follows tells no more.
func TestTheFirstReasonOfAnEndCounts(t *testing.T) {
	r := newRig(t, Config{Nick: "alice"})
	r.welcome()
	r.e.broken(ErrServer)
	r.control(&rtcp.Goodbye{Sources: []uint32{wire.SSRCDaemon}, Reason: wire.ByeStopping})
	if err := r.e.failed(); !errors.Is(err, ErrServer) {
		t.Errorf("%v", err)
	}
}

func TestGoodbyeEndsTheSessionAfterItsMessages(t *testing.T) {
	r := newRig(t, Config{Nick: "alice"})
	r.welcome()
	r.join(JoinOptions{Room: "lobby"}, nil, &wire.Joined{LogId: logA})
	r.say(entry("lobby", 1))
	r.control(&rtcp.Goodbye{Sources: []uint32{wire.SSRCDaemon}, Reason: wire.ByeStopping})
	err := r.e.failed()
	if !errors.Is(err, ErrLost) || err.Error() != "session lost: the daemon is stopping" {
		t.Errorf("%v", err)
	}
	event[*Message](r)
}

func TestUnseenOutagesDoNotPileUp(t *testing.T) {
	r := newRig(t, Config{Nick: "alice", Reconnect: true})
	r.welcome()
	for range 5 {
		r.e.detach()
		r.e.lost(ErrLost)
		r.e.lost(ErrLost)
		r.welcome()
	}
	event[*Lost](r)
	event[*Back](r)
	r.noEvent()
}

func TestGivenUpJoinIsUndone(t *testing.T) {
	r := newRig(t, Config{Nick: "alice"})
	r.welcome()
	cancel := r.client.startJoin(r.now, JoinOptions{Room: "lobby"}, nil, func(*Joined, error) { t.Error("joined") })
	cancel()
	r.say(joinedAnswer(take[*wire.Message_Join](r), &wire.Joined{LogId: logA}))
	if l := take[*wire.Message_Leave](r).Leave; l.GetRoom() != "lobby" {
		t.Errorf("left %q", l.GetRoom())
	}
}

// What the daemon gives as the nick is safe to print, and a legal nick is as it came.
func TestTheNickFromTheDaemonIsSafe(t *testing.T) {
	for given, want := range map[string]string{"Zoë 2": "Zoë 2", "a\x1b[2Jb": `a\x1b[2Jb`, "\u202eecila": `\u202eecila`} {
		r := newRig(t, Config{Nick: "alice"})
		r.connect()
		take[*wire.Message_Hello](r)
		r.say(&wire.Message{Kind: &wire.Message_Welcome{Welcome: &wire.Welcome{Version: 1, Nick: given}}})
		if got := r.client.Nick(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
