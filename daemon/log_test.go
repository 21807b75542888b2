package daemon

import (
	"bytes"
	"log/slog"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

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
		for _, want := range []string{"msg=joined room=lobby nick=alice", "address=10.0.0.1:1", "msg=talks", `msg="stopped talking" room=lobby nick=alice fingerprint=SHA256:`, " duration=", "msg=left", "address=10.0.0.1:1 reason=left"} {
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

// Whatever a peer calls itself, its rooms and its messages, and says in parting: the log has a line for each thing that has happened, and each is printable.
func TestNobodyForgesTheLog(t *testing.T) {
	texts := []string{
		"x\nlevel=ERROR msg=forged", "x\r\nMESSAGE=forged", "\x1b[2J\x1b]0;forged\a", "\u202eforged\u2066", `x" msg="forged`, "x msg=forged", "\x7f\x9b31m", "\xff\xfe",
		"\u2028forged", "nul\x00", "\u200f\ufeff", strings.Repeat("long ", 200),
	}
	var b bytes.Buffer
	inWorld(t, Config{LogMessages: true, Logger: slog.New(slog.NewTextHandler(&b, nil))}, func(t *testing.T, w *world) {
		for i, text := range texts {
			utf8 := strings.ToValidUTF8(text, "?") // protobuf has no other
			c := w.connect(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}), 1).String(), newID(t))
			c.say(wire.Encode(&wire.Message_Hello{Hello: &wire.Hello{Versions: []uint32{1}, Nick: utf8, Software: utf8}}))
			c.say(wire.Encode(&wire.Message_SetNick{SetNick: &wire.SetNick{Request: 1, Nick: "peer" + strconv.Itoa(i)}}))
			for _, room := range []string{utf8, "lobby"} {
				c.say(wire.Encode(&wire.Message_Join{Join: &wire.Join{Room: room, From: &wire.Join_Live{Live: true}}}))
				c.publish(room, 1, text)
				c.say(wire.Encode(&wire.Message_Talk{Talk: &wire.Talk{Room: room, PayloadType: wire.PayloadOpus}}))
			}
			c.run(func(time.Time) {
				plain, err := wire.AppendBye(nil, wire.SSRCPeer, text)
				if err != nil {
					plain, err = wire.AppendBye(nil, wire.SSRCPeer, utf8[:min(len(utf8), 200)])
				}
				if err != nil {
					t.Error(err)
				}
				c.sendRTCP(plain)
			})
			c.stop()
		}
	})
	log := b.String()
	for line := range strings.Lines(log) {
		rest, whole := strings.CutSuffix(line, "\n")
		if !whole || strings.IndexFunc(rest, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0 {
			t.Errorf("not printable: %+q", line)
		}
		if bare := quoted.ReplaceAllString(line, ""); strings.Contains(bare, "msg=forged") || strings.Contains(bare, "MESSAGE=") {
			t.Errorf("outside of a value: %s", line)
		}
	}
	for _, what := range []string{"joined", "message", "left"} {
		if n := strings.Count(log, "msg="+what+" room=lobby"); n != len(texts) {
			t.Errorf("%d lines of %s, want %d", n, what, len(texts))
		}
	}
}

// quoted is a value in quotes.
var quoted = regexp.MustCompile(`"(\\.|[^"\\])*"`)

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
