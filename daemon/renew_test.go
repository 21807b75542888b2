package daemon

import (
	"slices"
	"testing"
	"time"

	"yodel/wire"
)

// What a listener does between the packet that brings it a new SSRC and the hub's learning of that neither makes it deaf to the voice nor
// leaves anything behind.
func TestListenerThatChangesWhileItsSSRCDoes(t *testing.T) {
	for name, meanwhile := range map[string]func(now time.Time, s *session){
		"nothing": func(time.Time, *session) {},
		"pauses": func(_ time.Time, s *session) {
			s.rooms["lobby"].hears(false)
		},
		"leaves and comes back": func(now time.Time, s *session) {
			s.leave(now, &wire.Leave{Room: "lobby"})
			s.join(now, &wire.Join{Room: "lobby", Hear: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			inRoom(t, Config{}, func(t *testing.T, a, b *client) {
				w := a.w
				ssrc := a.talk("lobby", 0, 0)
				a.speak(ssrc, 0, 0)
				b.hears("lobby", false)
				a.speak(ssrc, 10_000, 10_000*960)
				a.speak(ssrc, 20_000, 20_000*960)
				b.hears("lobby", true)
				packet := a.sealed(ssrc, 20_001, 20_001*960)
				w.server.hub.plane.tell.add(func(now time.Time) {
					if err := w.session(a).open(now, packet); err != nil {
						t.Error(err)
					}
					meanwhile(now, w.session(b))
				})
				w.pass(time.Millisecond)
				b.hears("lobby", true)
				for seq := uint16(20_002); seq < 20_005; seq++ {
					a.speak(ssrc, seq, uint32(seq)*960)
				}
				heard := b.heard[len(b.heard)-1]
				if heard.Seq != 20_004 {
					t.Fatalf("heard %v", b.heard)
				}
				a.endTalk(ssrc, 20_004)
				if e := last(b, (*wire.Message).GetTalkEnd); e.GetSsrc() != heard.SSRC {
					t.Errorf("the end of %d was told, and %d was heard", e.GetSsrc(), heard.SSRC)
				}
				starts := all(b, (*wire.Message).GetTalkStart)
				if !slices.ContainsFunc(starts, func(m *wire.TalkStart) bool { return m.GetSsrc() == heard.SSRC }) {
					t.Errorf("told of %v, and heard %d", starts, heard.SSRC)
				}
				w.pass(3 * time.Second)
				w.empty("lobby")
			})
		})
	}
}

// A voice that is over before the hub learns that somebody hears it under an SSRC of its own leaves none behind.
func TestVoiceThatEndsWhileItIsRenewed(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		w := a.w
		a.say(wire.Encode(&wire.Message_Talk{Talk: &wire.Talk{Room: "lobby", PayloadType: wire.PayloadOpus}}))
		ssrc := last(a, (*wire.Message).GetTalkGranted).GetSsrc()
		a.speak(ssrc, 0, 0)
		b.hears("lobby", false)
		a.speak(ssrc, 10_000, 10_000*960)
		a.speak(ssrc, 20_000, 20_000*960)
		b.hears("lobby", true)
		packet := a.sealed(ssrc, 20_001, 20_001*960)
		w.server.hub.plane.tell.add(func(now time.Time) {
			if err := w.session(a).open(now, packet); err != nil {
				t.Error(err)
			}
			w.session(a).leave(now, &wire.Leave{Room: "lobby"})
		})
		w.pass(time.Second)
		if got := all(b, (*wire.Message).GetTalkEnd); len(got) != 0 {
			t.Errorf("told of the end of a voice that never was announced: %v", got)
		}
		w.empty("lobby")
	})
}
