package peer

import (
	"math/rand/v2"
	"testing"
	"time"

	"yodel/wire"
)

// Before Welcome a daemon can make nothing grow, and what it says then does not count.
func TestNothingComesBeforeWelcome(t *testing.T) {
	r := newRig(t, Config{Nick: "alice", Reconnect: true})
	r.welcome()
	r.join(JoinOptions{Room: "lobby"}, nil, &wire.Joined{LogId: logA})
	r.lost()
	event[*Lost](r)
	r.connect()
	hello := take[*wire.Message_Hello](r).Hello
	join := take[*wire.Message_Join](r)
	for i := range uint32(2 * maxEvents) {
		r.say(&wire.Message{Kind: &wire.Message_RoomInfo{RoomInfo: &wire.RoomInfo{Room: "lobby", DelayMs: i}}})
		if i%100 == 0 {
			r.pass(time.Millisecond)
		}
	}
	r.say(entry("lobby", 1), joinedAnswer(join, &wire.Joined{LogId: logB}))
	r.pass(time.Second)
	r.noEvent()
	r.say(&wire.Message{Kind: &wire.Message_Welcome{Welcome: &wire.Welcome{Version: 1, SessionId: make([]byte, idLength), Nick: hello.GetNick()}}})
	r.say(joinedAnswer(join, &wire.Joined{LogId: logA}), entry("lobby", 1))
	event[*Back](r)
	if m := event[*Message](r); m.Pos != 1 {
		t.Errorf("position %d", m.Pos)
	}
	r.noEvent()
}

// However many talk at once, what of each is lost is asked for as often.
func TestLossOfManyTalkersIsAskedFor(t *testing.T) {
	few, many := nacksEach(t, 10), nacksEach(t, 60)
	if few < 100 || many < 0.95*few {
		t.Errorf("of each of 10 talkers %.0f requests, of each of 60 %.0f", few, many)
	}
}

// nacksEach is how many requests for its packets each of so many talkers brings about, of whom 40 % are lost for 3 s.
func nacksEach(t *testing.T, talkers int) float64 {
	t.Helper()
	r := newRig(t, Config{Nick: "alice"})
	r.welcome()
	h := newHearing(HearOptions{Room: "lobby"}, make(chan struct{}, 1))
	r.join(JoinOptions{Room: "lobby", Hear: true}, h, &wire.Joined{LogId: logA, DelayMs: 10000, LeadMs: 1500})
	for i := range talkers {
		start := &wire.TalkStart{Room: "lobby", Ssrc: uint32(wire.MinAudioSSRC + i), PayloadType: wire.PayloadL16, FirstSeq: 1}
		r.e.message(r.now, &wire.Message{Kind: &wire.Message_TalkStart{TalkStart: start}})
	}
	rng := rand.New(rand.NewPCG(1, 0))
	for n := range 300 {
		for i := range talkers {
			if rng.IntN(100) >= 40 {
				r.sound(uint32(wire.MinAudioSSRC+i), uint64(n+1), uint32(480*n), make([]byte, 960))
			}
		}
		r.pass(10 * time.Millisecond)
	}
	return float64(len(r.d.rtcp)) / float64(talkers)
}
