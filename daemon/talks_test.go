package daemon

import (
	"testing"
	"time"

	"github.com/pion/rtcp"

	"yodel/wire"
)

// A BYE that names another SSRC than that of the peer's messages is not the session's end.
func TestByeOfAnAudioStreamEndsNothing(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, _ *client) {
		ssrc := a.talk("lobby", 0, 0)
		bye := func(ssrc uint32) {
			plain, err := (&rtcp.Goodbye{Sources: []uint32{ssrc}, Reason: "done"}).Marshal()
			if err != nil {
				t.Fatal(err)
			}
			a.run(func(time.Time) { a.sendRTCP(plain) })
		}
		bye(ssrc)
		if n := len(a.w.server.hub.sessions); n != 2 {
			t.Errorf("%d sessions after the BYE of an audio stream", n)
		}
		bye(wire.SSRCPeer)
		if n := len(a.w.server.hub.sessions); n != 1 {
			t.Errorf("%d sessions after the BYE of a peer", n)
		}
	})
}

// Talks that are over and only wait to be played do not keep their talker from the next one.
func TestShortTalksOneAfterAnother(t *testing.T) {
	inWorld(t, Config{Delay: time.Minute}, func(t *testing.T, w *world) {
		a := w.connect("10.0.0.1:1", newID(t))
		a.enter("alice", "lobby", nil)
		for range 4 * maxTalks {
			ssrc := a.talk("lobby", 0, 0)
			a.speak(ssrc, 0, 0)
			a.endTalk(ssrc, 0)
			w.pass(time.Second)
		}
		for range maxTalks {
			a.talk("lobby", 0, 0)
		}
		a.say(wire.Encode(&wire.Message_Talk{Talk: &wire.Talk{Room: "lobby", PayloadType: wire.PayloadOpus}}))
		if r := all(a, (*wire.Message).GetRefused); len(r) != 1 || r[0].GetCode() != wire.Code_CODE_LIMIT {
			t.Errorf("one more than may be open: %v", r)
		}
		a.stats = nil
		rest(20*time.Second, a)
		if len(a.stats) != 0 {
			t.Errorf("reports about talks that are over: %v", a.stats)
		}
	})
}

// What nobody has any more is not waited for: the report comes while the talker expects it.
func TestReportOfATalkThatNeverCame(t *testing.T) {
	for _, delay := range []time.Duration{0, 2 * time.Second} {
		inWorld(t, Config{Delay: delay}, func(t *testing.T, w *world) {
			a := w.connect("10.0.0.1:1", newID(t))
			a.enter("alice", "lobby", nil)
			ssrc := a.talk("lobby", 0, 0)
			a.lose(ssrc, 0, 1, 2)
			a.endTalk(ssrc, 2)
			w.pass(delay + 1500*time.Millisecond)
			if r := last(a, (*wire.Message).GetTalkReport); r != nil {
				t.Errorf("delay %v: reported while it could be sent again: %v", delay, r)
			}
			w.pass(1500 * time.Millisecond)
			if r := last(a, (*wire.Message).GetTalkReport); r.GetLost() != 3 || r.GetReceived() != 0 {
				t.Errorf("delay %v: reported %v", delay, r)
			}
		})
	}
}
