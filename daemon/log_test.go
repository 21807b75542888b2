package daemon

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"yodel/wire"
)

// Who comes, talks and goes is in the log; what is said only when that is asked for, and nothing in it can forge a line.
func TestLogTellsWhoButNotWhat(t *testing.T) {
	for _, messages := range []bool{false, true} {
		var b bytes.Buffer
		cfg := Config{LogMessages: messages, Logger: slog.New(slog.NewTextHandler(&b, nil))}
		inWorld(t, cfg, func(_ *testing.T, w *world) {
			a := w.connect("10.0.0.1:1", newID(t))
			a.enter("alice", "lobby", nil)
			a.publish("lobby", 1, "secret\nlevel=INFO msg=forged \x1b[2J")
			ssrc := a.talk("lobby", 0, 0)
			a.speak(ssrc, 0, 0)
			a.say(wire.Encode(&wire.Message_TalkEnd{TalkEnd: &wire.TalkEnd{Ssrc: ssrc, LastSeq: 0}}))
			a.say(wire.Encode(&wire.Message_Leave{Leave: &wire.Leave{Room: "lobby"}}))
			pass(time.Second)
		})
		log := b.String()
		for _, want := range []string{"msg=joined room=lobby nick=alice", "address=10.0.0.1:1", "msg=talks", `msg="stopped talking"`, "msg=left", "reason=left"} {
			if !strings.Contains(log, want) {
				t.Errorf("the log lacks %q:\n%s", want, log)
			}
		}
		if strings.Contains(log, "secret") != messages {
			t.Errorf("with messages in the log %v:\n%s", messages, log)
		}
		if strings.Contains(log, "\nlevel=INFO msg=forged") || strings.Contains(log, "\x1b") {
			t.Errorf("a message forged a line:\n%s", log)
		}
	}
}

func TestWhoseAddressIsShown(t *testing.T) {
	for _, c := range []struct {
		rule AddressRule
		addr string
		want string
	}{
		{AddressPrivate, "192.168.1.5:7", "192.168.1.5:7"},
		{AddressPrivate, "127.0.0.1:7", "127.0.0.1:7"},
		{AddressPrivate, "[fd00::1]:7", "[fd00::1]:7"},
		{AddressPrivate, "[::ffff:10.1.2.3]:7", "10.1.2.3:7"},
		{AddressPrivate, "198.51.100.1:7", ""},
		{AddressPrivate, "[2001:db8::1]:7", ""},
		{AddressAlways, "198.51.100.1:7", "198.51.100.1:7"},
		{AddressNever, "127.0.0.1:7", ""},
	} {
		h := &hub{cfg: Config{ShowAddress: c.rule}}
		if got := h.shown(netip.MustParseAddrPort(c.addr)); got != c.want {
			t.Errorf("%s, %s: %q, want %q", c.rule, c.addr, got, c.want)
		}
	}
}
