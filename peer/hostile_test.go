package peer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"yodel/peer/audio"
	"yodel/wire"
	"yodel/wire/secure"
)

// An answer of another kind, about another room or with a log id that is none is no answer: the right one still counts.
func TestOnlyTheAnswerAnswers(t *testing.T) {
	const room = "lobby"
	wrong := func(id uint64) []*wire.Message {
		return []*wire.Message{
			{Kind: &wire.Message_Joined{Joined: &wire.Joined{Request: id, Room: "other", LogId: logA}}},
			{Kind: &wire.Message_Joined{Joined: &wire.Joined{Request: id, Room: room}}},
			{Kind: &wire.Message_Joined{Joined: &wire.Joined{Request: id, Room: room, LogId: make([]byte, 17)}}},
			{Kind: &wire.Message_Left{Left: &wire.Left{Request: id, Room: "other"}}},
			{Kind: &wire.Message_TalkGranted{TalkGranted: &wire.TalkGranted{Request: id, Room: "other", Ssrc: 1 << 20}}},
			{Kind: &wire.Message_Members{Members: &wire.Members{Request: id, Room: "other"}}},
		}
	}
	joined := &wire.Message_Joined{Joined: &wire.Joined{Room: room, LogId: logA}}
	left := &wire.Message_Left{Left: &wire.Left{Room: room}}
	granted := &wire.Message_TalkGranted{TalkGranted: &wire.TalkGranted{Room: room, Ssrc: 1 << 20}}
	members := &wire.Message_Members{Members: &wire.Members{Room: room}}
	nick := &wire.Message_NickSet{NickSet: &wire.NickSet{Nick: "a"}}
	pong := &wire.Message_Pong{Pong: &wire.Pong{}}
	list := &wire.Message_RoomList{RoomList: &wire.RoomList{}}
	rights := []*wire.Message{{Kind: joined}, {Kind: left}, {Kind: granted}, {Kind: members}, {Kind: nick}, {Kind: pong}, {Kind: list}}
	requests := [][]byte{
		wire.Encode(&wire.Message_Join{Join: &wire.Join{Request: 1, Room: room}}), wire.Encode(&wire.Message_Leave{Leave: &wire.Leave{Request: 1, Room: room}}),
		wire.Encode(&wire.Message_Talk{Talk: &wire.Talk{Request: 1, Room: room}}), wire.Encode(&wire.Message_Who{Who: &wire.Who{Request: 1, Room: room}}),
		wire.Encode(&wire.Message_SetNick{SetNick: &wire.SetNick{Request: 1, Nick: "a"}}), wire.Encode(&wire.Message_Ping{Ping: &wire.Ping{Request: 1}}),
		wire.Encode(&wire.Message_Rooms{Rooms: &wire.Rooms{Request: 1}}),
	}
	for i, request := range requests {
		for k, right := range rights {
			if got := isAnswer(request, right); got != (i == k) {
				t.Errorf("request %d, answer %d: %v", i, k, got)
			}
		}
		for k, m := range wrong(1) {
			if isAnswer(request, m) {
				t.Errorf("request %d is answered by wrong answer %d", i, k)
			}
		}
	}
}

// A daemon that asks for ever and acknowledges nothing is left before the answers are more than 4 MiB.
func TestADaemonThatAcknowledgesNothingIsLeft(t *testing.T) {
	for name, ask := range map[string]func(i int) *wire.Message{
		"pings": func(i int) *wire.Message {
			return &wire.Message{Kind: &wire.Message_Ping{Ping: &wire.Ping{Request: uint64(i) + 1<<60}}}
		},
		"rooms": func(int) *wire.Message {
			return &wire.Message{Kind: &wire.Message_Joined{Joined: &wire.Joined{Room: strings.Repeat("x", 50_000)}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Config{Nick: "alice"})
			r.welcome()
			for i := 0; r.e.failed() == nil && i < 10_000_000; i++ {
				r.e.message(r.now, ask(i))
			}
			if err := r.e.failed(); !errors.Is(err, errUnacknowledged) || r.e.s.stream.Queued() > maxUnacknowledged+wire.MaxBody {
				t.Errorf("%v with %d bytes", err, r.e.s.stream.Queued())
			}
		})
	}
}

// Members without number are not remembered, whatever their count is said to be, and no text of others is longer than it may be.
func TestWhatOthersSayIsBounded(t *testing.T) {
	r := newRig(t, Config{Nick: "alice"})
	r.welcome()
	r.join(JoinOptions{Room: "lobby"}, nil, &wire.Joined{LogId: logA, DelayMs: 1<<32 - 1, LeadMs: 1<<32 - 1, TickMs: 1<<32 - 1})
	long := strings.Repeat("ж", 10_000)
	for i := range 3 * maxRoster {
		member := &wire.Member{Nick: fmt.Sprint(i, long), Address: long}
		r.say(&wire.Message{Kind: &wire.Message_Presence{Presence: &wire.Presence{Room: "lobby", Count: 1, Events: []*wire.PresenceEvent{{Joined: true, Member: member, Reason: long}}}}})
		p := event[*Presence](r)
		for _, text := range []string{p.Member.Nick, p.Member.Address, p.Reason} {
			if len(text) > maxReasonText+len(ellipsis) || !utf8.ValidString(text) || !strings.HasSuffix(text, ellipsis) {
				t.Fatalf("%d bytes: %.20q", len(text), text)
			}
		}
		if n := len(r.e.rooms["lobby"].roster.members); n > maxRoster {
			t.Fatalf("%d members are remembered", n)
		}
	}
	r.say(&wire.Message{Kind: &wire.Message_Entry{Entry: &wire.Entry{Room: "lobby", Pos: 1, Nick: long, Type: long}}})
	if m := event[*Message](r); len(m.From) > maxNickText+len(ellipsis) || len(m.Media) > maxMediaText+len(ellipsis) {
		t.Errorf("%d and %d bytes", len(m.From), len(m.Media))
	}
	if d := r.e.rooms["lobby"].delay; d != wire.MaxDelay {
		t.Errorf("delay %v", d)
	}
	for _, tt := range []struct {
		delay time.Duration
		ms    uint32
		want  time.Duration
	}{{0, 5000, 0}, {time.Second, 750, 750 * time.Millisecond}, {time.Second, 5000, time.Second}, {wire.MaxDelay, 1<<32 - 1, 1500 * time.Millisecond}} {
		if got := leadOf(tt.delay, tt.ms); got != tt.want {
			t.Errorf("a lead of %d ms with a delay of %v is %v", tt.ms, tt.delay, got)
		}
	}
}

// Talks without number cost a bounded number of SSRCs, of requests and of memory.
func TestTalksWithoutNumber(t *testing.T) {
	r := newRig(t, Config{Nick: "alice"})
	r.welcome()
	h := newHearing(HearOptions{Room: "lobby"}, make(chan struct{}, 1))
	r.join(JoinOptions{Room: "lobby", Hear: true}, h, &wire.Joined{LogId: logA})
	ssrc := uint32(wire.MinAudioSSRC)
	for range 12 {
		for range maxStreams {
			ssrc++
			start := &wire.TalkStart{Room: "lobby", Ssrc: ssrc, PayloadType: wire.PayloadL16, FirstSeq: 1}
			r.e.message(r.now, &wire.Message{Kind: &wire.Message_TalkStart{TalkStart: start}})
			r.e.message(r.now, &wire.Message{Kind: &wire.Message_TalkEnd{TalkEnd: &wire.TalkEnd{Room: "lobby", Ssrc: ssrc, LastSeq: 400}}})
		}
		nacks, before := len(r.d.rtcp), r.now
		for r.now.Before(before.Add(3 * time.Second)) {
			r.pass(20 * time.Millisecond)
			h.read(r.now, make([]int16, 960))
			r.e.takeHeard()
		}
		if n := len(r.d.rtcp) - nacks; n > 4000 {
			t.Errorf("%d RTCP packets in 3 s", n)
		}
		r.d.rtcp = nil
		h.read(r.now, make([]int16, 72*audio.SampleRate)) // until the playout has forgotten those that did not begin
		r.e.takeHeard()
	}
	if n := r.e.s.rx.SSRCs(); n > maxHeardSSRCs || n < wire.RekeySSRCs {
		t.Errorf("%d SSRCs", n)
	}
	if len(h.talks) > 2*audio.MaxAnnounced || len(h.events) > 0 || len(r.e.events) > maxUnread {
		t.Errorf("%d talks, %d and %d events", len(h.talks), len(h.events), len(r.e.events))
	}
}

// What is remembered of packets behind a hole is bounded.
func TestPacketsBehindAHoleAreBounded(t *testing.T) {
	in := new(streamIn)
	in.requests.Start(t0, 1)
	for i := range uint64(100_000) {
		in.expect(i, t0)
	}
	if len(in.waits) != maxWaits || in.waits[maxWaits-1].seq != 99_999 {
		t.Errorf("%d are remembered", len(in.waits))
	}
}

// A daemon that takes each session and ends it at once is asked every 3 s at most, and at once again after a session that lasted.
func TestADaemonThatLeavesAtOnce(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		c := n.client(t, true).join()
		after(steadyAfter)
		n.daemon.look(func() { n.daemon.leaves = true })
		n.daemon.restart()
		c.begin("a") // earns the hint
		after(time.Minute)
		n.daemon.look(func() {
			if n.daemon.handshakes < 20 || n.daemon.handshakes > 40 {
				t.Errorf("%d handshakes in a minute", n.daemon.handshakes)
			}
			n.daemon.leaves = false
		})
		after(4 * time.Second)
		n.daemon.look(func() {
			if len(n.daemon.log) != 1 {
				t.Error("the message is not there")
			}
		})
		c.close()
	})
}

// A client goes on with no other daemon than the one that it has met, also when it pins nothing, and tells it nothing.
func TestAnotherDaemonIsNotComeBackTo(t *testing.T) {
	other := mustIdentity(t)
	inSim(t, func(t *testing.T, n *simNet) {
		c := n.client(t, true).join()
		c.publish("a")
		n.daemon.restart()
		n.daemon.look(func() {
			n.daemon.identity = other
			n.daemon.published = nil
		})
		_, err := c.Ping(t.Context())
		if !errors.Is(err, secure.ErrHostKeyChanged) || !errors.Is(c.Err(), secure.ErrHostKeyChanged) {
			t.Errorf("%v, %v", err, c.Err())
		}
		n.daemon.look(func() {
			if len(n.daemon.ids) > 0 || len(n.daemon.published) > 0 {
				t.Error("it was told something")
			}
		})
		c.close()
	})
}

// A replay of the last n messages that is lost before its first message goes on with these and all that came meanwhile.
func TestALostReplayGoesOnWithAllThatCameSince(t *testing.T) {
	counted := &wire.Joined{LogId: logA, Newest: 125, Replay: 25}
	for _, tt := range []struct {
		name    string
		answers []*wire.Joined // to the Joins of the next session
		want    []string       // these Joins
		told    bool
	}{
		{"25 came", []*wire.Joined{counted, {LogId: logA, Newest: 125, Replay: 35}}, []string{"after 100", "last 35"}, false},
		{"none came", []*wire.Joined{{LogId: logA, Newest: 100}, {LogId: logA, Newest: 100, Replay: 10}}, []string{"after 100", "last 10"}, false},
		{"more came while they were counted", []*wire.Joined{
			counted, {LogId: logA, Newest: 126, Replay: 35}, {LogId: logA, Newest: 126, Replay: 26}, {LogId: logA, Newest: 126, Replay: 36},
		}, []string{"after 100", "last 35", "after 100", "last 36"}, false},
		{"another log", []*wire.Joined{{LogId: logB, Newest: 7, Replay: 7, Truncated: true}, {LogId: logB, Newest: 7, Replay: 7}}, []string{"after 100", "last 10"}, true},
		{"very many", []*wire.Joined{{LogId: logA, Newest: 1 << 60, Replay: 1 << 60}, {LogId: logA, Newest: 1 << 60, Replay: 1<<32 - 1}}, []string{"after 100", "last 4294967295"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, Config{Nick: "alice", Reconnect: true})
			r.welcome()
			r.join(JoinOptions{Room: "lobby", From: Last(10)}, nil, &wire.Joined{LogId: logA, Newest: 100, Replay: 10})
			r.lost()
			event[*Lost](r)
			r.welcome()
			var joins []string
			for _, answer := range tt.answers {
				j := take[*wire.Message_Join](r)
				how := fmt.Sprint("last ", j.Join.GetLast())
				if a := j.Join.GetAfter(); a != nil {
					how = fmt.Sprint("after ", a.GetPos())
				}
				joins = append(joins, how)
				r.say(entry("lobby", 124)) // of the Join before: it does not follow on anything
				r.say(joinedAnswer(j, answer))
			}
			r.nothing()
			if !slices.Equal(joins, tt.want) {
				t.Errorf("joined %q, want %q", joins, tt.want)
			}
			if tt.told {
				event[*Truncated](r)
			}
			if b := event[*Back](r); len(b.Rooms) != 1 {
				t.Errorf("%+v", b)
			}
			for pos := uint64(2); pos <= 5; pos++ {
				r.say(entry("lobby", pos))
				if m := event[*Message](r); m.Pos != pos {
					t.Errorf("position %d, want %d", m.Pos, pos)
				}
			}
		})
	}
}
