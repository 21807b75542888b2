package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"yodel/wire"
)

// refusal is a message that refuses what m asked for.
func refusal(code wire.Code, reason, room string, m *wire.Message) *wire.Message {
	request := m.GetJoin().GetRequest() | m.GetTalk().GetRequest() | m.GetWho().GetRequest()
	return &wire.Message{Kind: &wire.Message_Refused{Refused: &wire.Refused{
		Request: request, Code: code, Reason: reason, Room: room, Id: m.GetPublish().GetId(),
	}}}
}

// staying are the commands that stay, with a standard input that does not end.
var staying = map[string][]string{
	"read": {"read", "-f"},
	"hear": {"hear", "-o", "heard.wav"},
	"chat": {"chat"},
	"talk": {"talk", "-", "--format", "s16le", "--rate", "48000", "--channels", "1"},
	"send": {"send"},
}

// stay runs one of them, and writes to its standard input what it would wait for.
func stay(t *testing.T, d *hostileDaemon, args []string) ran {
	t.Helper()
	cmd := hostileCommand(t, d, append(args, "--json")...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	ended := begin(t, cmd, 0)
	feed(in, args[0])
	r := <-ended
	r.log(t)
	_ = in.Close()
	return r
}

// feed gives send two lines, and talk a second of silence.
func feed(in io.Writer, command string) {
	switch command {
	case "send":
		_, _ = io.WriteString(in, "one\ntwo\n")
	case "talk":
		go func() { _, _ = in.Write(make([]byte, 1<<20)) }() // until the program has gone
	}
}

// Who is kicked out, or let in no more, does not come back: every command that stays ends, and says why.
func TestAnEndForGoodEndsEveryCommand(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string][]string{
		wire.ByeKicked:            {`"code":"kicked"`, `"message":".*kicked"`},
		wire.ByeKicked + ": spam": {`"code":"kicked"`, `"message":".*kicked: spam"`},
		wire.ByeAccess:            {`"code":"access"`, `"message":".*access withdrawn"`},
	} {
		for name, args := range staying {
			t.Run(name+" "+reason, func(t *testing.T) {
				t.Parallel()
				d := newHostileDaemon(t, attack{message: func(v *victim, m *wire.Message) bool {
					if m.GetHello() != nil {
						v.after(500*time.Millisecond, func() { v.bye(reason) })
					}
					return m.GetPublish() != nil
				}})
				r := stay(t, d, args)
				r.says(t, exitRefused, append(want, `"exit":4`)...)
				if name == "send" {
					r.says(t, exitRefused, `"unsent":\{"lines":2,"first":1,"last":2,`)
				}
				d.mu.Lock()
				defer d.mu.Unlock()
				if d.handshakes != 1 {
					t.Errorf("%d handshakes, want 1", d.handshakes)
				}
			})
		}
	}
}

// Likewise who finds, after a restart of the daemon, that it lets one in no more, or not into the room.
func TestARefusalEndsWhatComesBack(t *testing.T) {
	t.Parallel()
	for what, refuses := range map[string]func(m *wire.Message) bool{
		"hello": func(m *wire.Message) bool { return m.GetHello() != nil },
		"join":  func(m *wire.Message) bool { return m.GetJoin() != nil },
	} {
		for _, name := range []string{"read", "hear", "chat"} {
			t.Run(name+" "+what, func(t *testing.T) {
				t.Parallel()
				d := newHostileDaemon(t, attack{message: func(v *victim, m *wire.Message) bool {
					switch {
					case v.d.handshakes == 1 && m.GetHello() != nil:
						v.after(500*time.Millisecond, func() { v.bye(wire.ByeStopping) })
					case v.d.handshakes > 1 && refuses(m):
						v.say(refusal(wire.Code_CODE_ACCESS, "not any more", m.GetJoin().GetRoom(), m))
						return true
					}
					return false
				}})
				r := stay(t, d, staying[name])
				want := []string{`"code":"access"`, `not any more`}
				if what == "join" {
					want = append(want, "room lobby: not any more")
				}
				r.says(t, exitRefused, want...)
			})
		}
	}
}

const stranger = "this daemon lets in only keys that it knows, or that bring an invite"

// What is refused at once: the session to every command, and a room.
func TestRefusedAccess(t *testing.T) {
	t.Parallel()
	hello := func(m *wire.Message) bool { return m.GetHello() != nil }
	other := func(m *wire.Message) bool { return m.GetHello() == nil }
	for _, tt := range []struct {
		command string
		refuses func(*wire.Message) bool
		room    string
	}{
		{"read", hello, ""},
		{"read -f", hello, ""},
		{"chat", hello, ""},
		{"send hi", hello, ""},
		{"who", hello, ""},
		{"rooms", hello, ""},
		{"ping", hello, ""},
		{"hear -o heard.wav", hello, ""},
		{"read", other, "lobby"},
		{"read -f", other, "lobby"},
		{"send hi", other, "lobby"},
		{"who", other, "lobby"},
		{"hear -o heard.wav", other, "lobby"},
	} {
		t.Run(tt.command+" "+tt.room, func(t *testing.T) {
			t.Parallel()
			d := newHostileDaemon(t, attack{message: func(v *victim, m *wire.Message) bool {
				if !tt.refuses(m) {
					return false
				}
				v.say(refusal(wire.Code_CODE_ACCESS, stranger, tt.room, m))
				return true
			}})
			r := endure(t, hostileCommand(t, d, append([]string{"--json"}, strings.Fields(tt.command)...)...), 0)
			want := []string{`"refused: ` + stranger + `"`, `"hint":"yodel join LINK`}
			if tt.room != "" {
				want = []string{`"refused: room lobby: ` + stranger + `"`, `"hint":"no invite helps`}
			}
			r.says(t, exitRefused, append(want, `"code":"access"`)...)
		})
	}
}

// after runs f later, unless the daemon has ended.
func (v *victim) after(wait time.Duration, f func()) {
	time.AfterFunc(wait, func() {
		v.d.mu.Lock()
		defer v.d.mu.Unlock()
		if v.d.ctx.Err() == nil {
			f()
		}
	})
}
