package peer

import (
	"testing"

	"github.com/pion/rtp"

	"yodel/wire"
	"yodel/wire/stream"
)

// A panic in a message of the next or the old session drops that message alone.
func TestAPanicInAMessageOfAnotherSession(t *testing.T) {
	entry := &wire.Message{Kind: &wire.Message_Entry{Entry: &wire.Entry{Room: "lobby", Pos: 1}}}
	end := &wire.Message{Kind: &wire.Message_TalkEnd{TalkEnd: &wire.TalkEnd{Room: "lobby", Ssrc: 2000}}}
	welcome := &wire.Message{Kind: &wire.Message_Welcome{Welcome: &wire.Welcome{Version: 1, SessionId: []byte("0123456789abcdef"), Nick: "alice"}}}
	for _, tt := range []struct {
		name  string
		begin func(e *engine) *session
		say   []*wire.Message
		went  func(e *engine, s *session) bool // what came behind, or stands after it
	}{
		{"old", func(e *engine) *session {
			e.old, e.oldUntil = newSession(t0, e.s.link), t0.Add(wire.FadeFor)
			e.old.entries = nil
			return e.old
		}, []*wire.Message{entry, end}, func(e *engine, _ *session) bool { return len(e.s.told) == 0 }},
		{"next", func(e *engine) *session {
			e.rooms["lobby"] = nil // the new session cannot join it
			e.next, e.resumed = newSession(t0, e.s.link), &resuming{}
			return e.next
		}, []*wire.Message{welcome}, func(e *engine, s *session) bool { return e.s == s && e.next == nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, Config{Nick: "alice"})
			r.welcome()
			r.e.s.told[2000] = &Talking{Room: "lobby", SSRC: 2000}
			s := tt.begin(r.e)
			said(t, s, tt.say)
			r.e.advanceRekey(r.now)
			if r.e.faults.count != 1 {
				t.Errorf("%d panics, want one", r.e.faults.count)
			}
			if !tt.went(r.e, s) {
				t.Error("it does not go on")
			}
		})
	}
}

// said brings messages of a daemon to a session.
func said(t *testing.T, s *session, messages []*wire.Message) {
	t.Helper()
	from := stream.New(stream.Config{Local: wire.SSRCDaemon, Remote: wire.SSRCPeer}, t0)
	for _, m := range messages {
		b, err := encodeMessage(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := from.Send(b); err != nil {
			t.Fatal(err)
		}
	}
	for b, kind, _ := from.AppendPacket(t0, nil); kind == stream.RTP; b, kind, _ = from.AppendPacket(t0, nil) {
		var p rtp.Packet
		if err := p.Unmarshal(b); err != nil {
			t.Fatal(err)
		}
		if err := s.stream.HandlePacket(t0, &p.Header, p.Payload); err != nil {
			t.Fatal(err)
		}
	}
}
