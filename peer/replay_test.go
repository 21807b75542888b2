package peer

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yodel/wire"
)

// A daemon that is started again with its log, while it replays and while others publish, at any moment: every message comes once and in order.
func TestAReplayGoesOnWhereTheDaemonWasStartedAgain(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			inSim(t, func(t *testing.T, n *simNet) {
				rng := rand.New(rand.NewPCG(seed, 0))
				var want []string
				n.daemon.look(func() {
					for i := range 3000 {
						want = append(want, fmt.Sprintf("old %d %100s", i, ""))
						n.daemon.log = append(n.daemon.log, &wire.Publish{Room: "lobby", Id: uint64(i + 1), Body: []byte(want[i])})
					}
				})
				c := n.client(t, true)
				joined, err := c.Join(t.Context(), JoinOptions{Room: "lobby", From: Last(3000)})
				if err != nil || joined.Replay != 3000 {
					t.Fatalf("%+v, %v", joined, err)
				}
				bob := n.client(t, true).join()
				var last *Publication
				for i := range 3 {
					after(time.Duration(rng.IntN(100)) * time.Millisecond)
					last = bob.begin(fmt.Sprint("new ", i))
					want = append(want, fmt.Sprint("new ", i))
					after(time.Duration(rng.IntN(100)) * time.Millisecond)
					n.daemon.restart()
					_, _ = c.Ping(t.Context()) // earns the hint
					_, _ = bob.Ping(t.Context())
				}
				if _, err := last.Receipt(t.Context()); err != nil {
					t.Error(err)
				}
				after(10 * time.Second)
				bob.close()
				var got []string
				for _, ev := range c.close() {
					switch ev := ev.(type) {
					case *Message:
						got = append(got, string(ev.Body))
					case *Truncated:
						t.Error("truncated")
					}
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Error(d)
				}
			})
		})
	}
}

// A log that was put back to an older state, or is too short now, is told of; nothing that comes of it is taken for a double.
func TestAJoinThatFindsAnotherStateOfTheLog(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer *wire.Joined
		comes  []uint64
		want   []uint64
		told   bool
	}{
		{"as it was", &wire.Joined{LogId: logA, Newest: 102, Replay: 1}, []uint64{101, 102}, []uint64{102}, false},
		{"older ones have gone", &wire.Joined{LogId: logA, Newest: 300, Replay: 2, Truncated: true}, []uint64{250, 300}, []uint64{250, 300}, true},
		{"it ends before", &wire.Joined{LogId: logA, Newest: 40, Replay: 2, Truncated: true}, []uint64{30, 40, 41}, []uint64{30, 40, 41}, true},
		{"it is empty", &wire.Joined{LogId: logA, Truncated: true}, []uint64{1}, []uint64{1}, true},
		{"the newest was erased", &wire.Joined{LogId: logA, Newest: 40}, []uint64{101, 102}, []uint64{102}, false},
		{"it is another", &wire.Joined{LogId: logB, Newest: 500, Replay: 2, Truncated: true}, []uint64{50, 500}, []uint64{50, 500}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, Config{Nick: "alice", Reconnect: true})
			r.welcome()
			r.join(JoinOptions{Room: "lobby"}, nil, &wire.Joined{LogId: logA, Newest: 100})
			r.say(entry("lobby", 101))
			event[*Message](r)
			r.welcome()
			r.say(joinedAnswer(take[*wire.Message_Join](r), tt.answer))
			if tt.told {
				event[*Truncated](r)
			}
			for _, pos := range tt.comes {
				r.say(entry("lobby", pos))
			}
			for _, want := range tt.want {
				if m := event[*Message](r); m.Pos != want || string(m.LogID) != string(tt.answer.GetLogId()) {
					t.Errorf("position %d of %x, want %d", m.Pos, m.LogID, want)
				}
			}
			r.noEvent()
		})
	}
}
