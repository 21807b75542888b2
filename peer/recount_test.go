package peer

import (
	"fmt"
	"testing"

	"yodel/wire"
)

// A replay that is counted in a room that is never quiet leaves nothing out, and brings few messages more. Positions are of all rooms.
func TestALostReplayInABusyRoomGoesOn(t *testing.T) {
	for _, each := range []uint64{1, 2, 50} {
		for _, stride := range []uint64{1, 3} {
			t.Run(fmt.Sprintf("%d messages a round trip, %d positions each", each, stride), func(t *testing.T) {
				busyRecount(t, each, stride)
			})
		}
	}
}

func busyRecount(t *testing.T, each, stride uint64) {
	r := newRig(t, Config{Nick: "alice", Reconnect: true})
	r.welcome()
	r.join(JoinOptions{Room: "lobby", From: Last(10)}, nil, &wire.Joined{LogId: logA, Newest: 100 * stride, Replay: 10}) // the messages 91 to 100
	r.lost()
	event[*Lost](r)
	r.welcome()
	newest, first := uint64(200), uint64(0)
	for range 2 * (maxRecounts + 1) {
		j := take[*wire.Message_Join](r)
		newest += each
		replay := min(uint64(j.Join.GetLast()), newest)
		if a := j.Join.GetAfter(); a != nil {
			replay = newest - a.GetPos()/stride
		}
		first = newest - replay + 1
		r.say(joinedAnswer(j, &wire.Joined{LogId: logA, Newest: newest * stride, Replay: replay}))
	}
	r.nothing()
	event[*Back](r)
	if first > 91 || first < 91-min(6*each, 90) {
		t.Errorf("the replay goes on from message %d, 91 was promised", first)
	}
}
