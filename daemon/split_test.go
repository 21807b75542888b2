package daemon

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"yodel/wire"
)

// A talker of whom nothing is kept any more, or nothing has come yet, when its sequence number jumps goes on being heard.
func TestJumpOfATalkerOfWhomNothingIsKept(t *testing.T) {
	for name, before := range map[string]func(w *world, a *client, ssrc uint32){
		"nothing came": func(*world, *client, uint32) {},
		"long ago": func(w *world, a *client, ssrc uint32) {
			a.speak(ssrc, 0, 0)
			w.pass(keepFor + time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inRoom(t, Config{}, func(t *testing.T, a, b *client) {
				w := a.w
				ssrc := a.talk("lobby", 0, 0)
				before(w, a, ssrc)
				a.lose(ssrc, 10_000) // so that the talker's own context follows
				for seq := uint16(20_000); seq < 20_004; seq++ {
					a.speak(ssrc, seq, uint32(seq)*960)
					w.pass(20 * time.Millisecond)
				}
				next := last(b, (*wire.Message).GetTalkStart).GetSsrc()
				heard := b.seqs(next)
				if len(heard) > 0 && heard[0] == 20_000 { // else it has overtaken its announcement
					heard = heard[1:]
				}
				if d := cmp.Diff([]uint16{20_001, 20_002, 20_003}, heard); next == ssrc || d != "" {
					t.Errorf("heard under %d after %d (-want +got)\n%s", next, ssrc, d)
				}
				a.endTalk(ssrc, 20_003)
				w.pass(3 * time.Second)
				if r := last(a, (*wire.Message).GetTalkReport); r.GetSsrc() != ssrc {
					t.Errorf("the talker's report: %v", r)
				}
				w.empty("lobby")
			})
		})
	}
}

// Who never says TalkStart cannot split its voice, and leaves nothing behind.
func TestJumpWithoutATalkStart(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, _ *client) {
		w := a.w
		a.say(wire.Encode(&wire.Message_Talk{Talk: &wire.Talk{Room: "lobby", PayloadType: wire.PayloadOpus}}))
		ssrc := last(a, (*wire.Message).GetTalkGranted).GetSsrc()
		a.speak(ssrc, 0, 0)
		a.lose(ssrc, 10_000)
		a.speak(ssrc, 20_000, 20_000*960)
		if n := w.dropped(dropJump); n != 1 {
			t.Errorf("%d jumps were refused", n)
		}
		a.say(wire.Encode(&wire.Message_Leave{Leave: &wire.Leave{Room: "lobby"}}))
		rest(10*time.Second, a)
		w.empty("lobby")
	})
}

// empty fails the test unless nothing of any voice is left in a room.
func (w *world) empty(name string) {
	w.t.Helper()
	synctest.Wait()
	h := w.server.hub
	r := h.rooms[name]
	if n := len(r.voices); n != 0 || len(h.voices) != 0 {
		w.t.Errorf("%d voices of the room, %d SSRCs of the hub are left", n, len(h.voices))
	}
	r.relay.mu.Lock()
	defer r.relay.mu.Unlock()
	for _, v := range r.relay.voices {
		if v != nil {
			w.t.Errorf("a voice is left in the relay: gone %v", v.gone)
		}
	}
	if r.relay.bytes != 0 || r.relay.flight != nil {
		w.t.Errorf("%d bytes are left in the relay, flight %v", r.relay.bytes, r.relay.flight)
	}
	for s := range h.sessions {
		s.link.shard.mu.Lock()
		if len(s.talks)+len(s.link.talks) != 0 {
			w.t.Errorf("%s: %d talks of the session, %d of the link are left", s.nick, len(s.talks), len(s.link.talks))
		}
		s.link.shard.mu.Unlock()
	}
}
