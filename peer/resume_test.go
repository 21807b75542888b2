package peer

import (
	"errors"
	"testing"
	"time"

	"yodel/wire"
)

// lost ends the session as the loop does when another is going to follow.
func (r *rig) lost() {
	r.e.detach()
	r.e.lost(ErrLost)
}

// refuse answers the Join that the peer has sent.
func (r *rig) refuse(code wire.Code) {
	r.t.Helper()
	j := take[*wire.Message_Join](r).Join
	r.say(&wire.Message{Kind: &wire.Message_Refused{Refused: &wire.Refused{Request: j.GetRequest(), Code: code, Room: j.GetRoom()}}})
}

func TestTheLastRoomThatIsRefusedForGoodEndsTheClient(t *testing.T) {
	r := newRig(t, Config{Nick: "alice", Reconnect: true})
	r.welcome()
	r.joinQuick("lobby", 0)
	r.lost()
	r.welcome()
	r.refuse(wire.Code_CODE_ACCESS)
	var refusal *RefusedError
	if err := r.e.failed(); !errors.As(err, &refusal) || refusal.Code != wire.Code_CODE_ACCESS || !isFinal(err) {
		t.Errorf("%v", err)
	}
	event[*Lost](r)
	r.noEvent() // not *Back
}

func TestARoomThatIsRefusedForGoodIsTold(t *testing.T) {
	r := newRig(t, Config{Nick: "alice", Reconnect: true})
	r.welcome()
	r.joinQuick("a", 0)
	r.joinQuick("b", 0)
	r.lost()
	r.welcome()
	event[*Lost](r)
	r.refuse(wire.Code_CODE_ACCESS)
	if ev := event[*RoomLost](r); ev.Room != "a" || !errors.Is(ev.Err, ErrRefused) {
		t.Errorf("%+v", ev)
	}
	r.say(joinedAnswer(take[*wire.Message_Join](r), &wire.Joined{LogId: logA}))
	if b := event[*Back](r); len(b.Rooms) != 1 || b.Rooms[0].Room != "b" {
		t.Errorf("back with %+v", b.Rooms)
	}
	if err := r.e.failed(); err != nil {
		t.Error(err)
	}
}

// A room that the daemon cannot take yet is tried again in the same session, less and less often.
func TestARoomThatIsRefusedForNowIsTriedAgain(t *testing.T) {
	for _, code := range []wire.Code{wire.Code_CODE_LIMIT, wire.Code_CODE_STOPPING} {
		t.Run(code.String(), func(t *testing.T) {
			r := newRig(t, Config{Nick: "alice", Reconnect: true})
			r.welcome()
			r.joinQuick("lobby", 0)
			r.lost()
			r.welcome()
			event[*Lost](r)
			for _, wait := range []time.Duration{100, 200, 400, 800, 1600, 3000, 3000} {
				wait *= time.Millisecond
				r.refuse(code)
				if at := r.e.deadline(); at.After(r.now.Add(wait)) {
					t.Fatalf("the loop sleeps %v, want at most %v", at.Sub(r.now), wait)
				}
				r.pass(wait - 5*time.Millisecond)
				r.nothing()
				r.noEvent()
				r.pass(5 * time.Millisecond)
			}
			r.say(joinedAnswer(take[*wire.Message_Join](r), &wire.Joined{LogId: logA}))
			if b := event[*Back](r); len(b.Rooms) != 1 || b.Rooms[0].Room != "lobby" {
				t.Errorf("back with %+v", b.Rooms)
			}
			r.pass(4 * time.Second)
			r.nothing()
		})
	}
}

// Who leaves a room that is being tried again is not joined to it any more.
func TestLeavingARoomThatIsTriedAgain(t *testing.T) {
	r := newRig(t, Config{Nick: "alice", Reconnect: true})
	r.welcome()
	r.joinQuick("lobby", 0)
	r.lost()
	r.welcome()
	r.refuse(wire.Code_CODE_LIMIT)
	r.e.left("lobby")
	event[*Lost](r)
	event[*Back](r)
	r.pass(time.Second)
	r.nothing()
}

// A talk goes on when its room could be joined at last.
func TestATalkWaitsForItsRoom(t *testing.T) {
	r, talk := talkRig(t, Config{Nick: "alice", Reconnect: true})
	r.lost()
	r.welcome()
	r.refuse(wire.Code_CODE_LIMIT)
	ask := take[*wire.Message_Talk](r).Talk
	r.say(&wire.Message{Kind: &wire.Message_Refused{Refused: &wire.Refused{Request: ask.GetRequest(), Code: wire.Code_CODE_NOT_MEMBER}}})
	r.pass(firstBackoff)
	r.say(joinedAnswer(take[*wire.Message_Join](r), &wire.Joined{LogId: logA}))
	ask = take[*wire.Message_Talk](r).Talk
	r.grant(ask, testSSRC+1)
	if err := talk.broken.Load(); err != nil || talk.SSRC() != testSSRC+1 {
		t.Errorf("SSRC %d, broken %v", talk.SSRC(), err)
	}
}
