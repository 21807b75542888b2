package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"yodel/wire"
)

// evils are texts of a hostile daemon, or of hostile members.
var evils = []string{
	"\x1b[2J\x1b]0;owned\x07\x1b]52;c;cm0gLXJm\x07", "\u009b31m\u0085\u007f", "\u202ebob\u2066x", "x\nbob: hi\n12:00:01 bob: hi", "x\r12:00:01 bob: hi",
	"\u2028\u2029\u200b\u2060\ufeff", "Z" + strings.Repeat("\u0335\u0301", 500), strings.Repeat(" ", 200) + "12:00:01 bob: hi",
	strings.Repeat("\u3164", 90) + "12:00:01 bob: hi", "x" + strings.Repeat("日", 300) + "12:00:01 bob: hi", strings.Repeat("\t", 40) + "yodel: error: hi",
	"bob: hi", "* bob joined", "bob, eve (10.0.0.1:5) joined; here", `"`, `\`, "", strings.Repeat("\x1b[A", 20_000),
}

// slander is a daemon with evil texts wherever there may be one.
func slander(v *victim, m *wire.Message) bool {
	var members []*wire.Member
	for _, evil := range evils {
		members = append(members, &wire.Member{Nick: cut(evil), Address: cut(evil), Talking: true})
	}
	switch k := m.GetKind().(type) {
	case *wire.Message_Join:
		v.slanderRoom(k.Join, members)
	case *wire.Message_Who:
		v.say(&wire.Message{Kind: &wire.Message_Members{Members: &wire.Members{Request: k.Who.GetRequest(), Room: k.Who.GetRoom(), Members: members}}})
	case *wire.Message_Rooms:
		list := &wire.RoomList{Request: k.Rooms.GetRequest()}
		for _, evil := range evils {
			list.Rooms = append(list.Rooms, &wire.RoomInfo{Room: cut(evil), Talkers: 1})
		}
		v.say(&wire.Message{Kind: &wire.Message_RoomList{RoomList: list}})
	case *wire.Message_Publish:
		v.say(&wire.Message{Kind: &wire.Message_Refused{Refused: &wire.Refused{Id: k.Publish.GetId(), Code: wire.Code_CODE_LIMIT, Reason: strings.Join(evils[:12], "")}}})
	default:
		return false
	}
	return true
}

// cut keeps lists within one message.
func cut(s string) string { return strings.ToValidUTF8(s[:min(len(s), 1000)], "") }

func (v *victim) slanderRoom(j *wire.Join, members []*wire.Member) {
	joined := v.joined(j)
	joined.Newest, joined.Replay, joined.Members = uint64(3*len(evils)), uint64(3*len(evils)), members
	if j.GetAfter() != nil {
		joined.Replay = 0
	}
	v.say(&wire.Message{Kind: &wire.Message_Joined{Joined: joined}})
	presence := &wire.Presence{Room: "lobby", Count: 1}
	pos := uint64(0)
	for i, evil := range evils {
		for _, e := range []*wire.Entry{{Nick: evil, Body: []byte("x")}, {Nick: "eve", Body: []byte(evil + "\xff\x9b")[:len(evil)+i%2]}, {Nick: "eve", Type: cut(evil), Body: []byte(evil)}} {
			pos++
			e.Room, e.Pos = "lobby", pos
			v.say(&wire.Message{Kind: &wire.Message_Entry{Entry: e}})
		}
		member := &wire.Member{Nick: cut(evil), Address: cut(evil)}
		presence.Events = append(presence.Events, &wire.PresenceEvent{Joined: true, Member: member}, &wire.PresenceEvent{Member: member, Reason: cut(evil)})
		v.say(&wire.Message{Kind: &wire.Message_TalkStart{TalkStart: &wire.TalkStart{Room: "lobby", Ssrc: wire.MinAudioSSRC + uint32(i), PayloadType: wire.PayloadL16, Nick: evil}}},
			&wire.Message{Kind: &wire.Message_TalkEnd{TalkEnd: &wire.TalkEnd{Room: "lobby", Ssrc: wire.MinAudioSSRC + uint32(i), DurationMs: 1<<32 - 1}}})
	}
	v.say(&wire.Message{Kind: &wire.Message_Presence{Presence: presence}})
	v.d.wg.Go(func() {
		select {
		case <-time.After(time.Second):
		case <-v.d.ctx.Done():
		}
		v.d.mu.Lock()
		defer v.d.mu.Unlock()
		v.bye("\x1b[2J\nbob: hi")
	})
}

// rowOf is how a row on the terminal may begin: a time, the mark of a line that goes on, a word of this program's.
var rowOf = regexp.MustCompile(`^(\d\d:\d\d:\d\d |\d{4}-\d\d-\d\d \d\d:\d\d:\d\d |  \| |joined lobby; |sample 0 is |yodel: |time=|connected to |type a line|type lines|no speaker: |\[[#-]{20}\] \d:\d\d )`)

// imitation is what must not be seen: a line of bob's, who is not there.
var imitation = regexp.MustCompile(`^(\d\d:\d\d:\d\d )?(\* )?bob\b`)

// Nothing that a daemon or a member says moves the cursor, changes the terminal, or looks like a line of somebody else's or of the program's.
func TestTextOfOthersOnATerminal(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"read": {"read", "-n", "100"}, "follow": {"read", "-f"}, "verbose": {"read", "-f", "-v"}, "chat": {"chat"}, "hear": {"hear", "--for", "2s", "-o", "x.wav"},
		"who": {"who"}, "rooms": {"rooms"}, "send": {"send", "x"},
		"read JSON": {"read", "--json", "-n", "100"}, "follow JSON": {"read", "-f", "--json"}, "who JSON": {"who", "--json"}, "rooms JSON": {"rooms", "--json"}, "send JSON": {"send", "--json", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newHostileDaemon(t, attack{message: slander})
			shown := onTerminal(t, d, 80, args...)
			if len(shown) < 100 {
				t.Fatalf("it showed %q", shown)
			}
			if name == "hear" { // the status line takes the place of what was there
				shown = regexp.MustCompile(`(\r\n|\r\x1b\[K)+`).ReplaceAllString(shown, "\r\n")
			}
			asJSON := strings.HasSuffix(name, "JSON")
			objects := 0
			for row := range strings.SplitSeq(strings.TrimSuffix(shown, "\r\n"), "\r\n") {
				if printable := wire.Printable(row); printable != row {
					t.Fatalf("raw: %q", row)
				}
				if strings.HasPrefix(row, "{") && asJSON {
					objects++
					var object map[string]any
					if err := json.Unmarshal([]byte(row), &object); err != nil {
						t.Errorf("%v: %.200q", err, row)
					}
					continue
				}
				column := 0
				for _, r := range row {
					column += columns(r, column)
				}
				if column > 80 || imitation.MatchString(row) || name != "who" && name != "rooms" && !rowOf.MatchString(row) {
					t.Errorf("%d columns: %q", column, row)
				}
			}
			if asJSON && objects == 0 {
				t.Errorf("no object in %q", shown)
			}
		})
	}
}

// onTerminal runs yodel for at most 8 s on a terminal that is so wide, and gives what it wrote there.
func onTerminal(t *testing.T, d *hostileDaemon, width uint16, args ...string) string {
	t.Helper()
	master, slave, err := openTerminal()
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: width}); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "shown"))
	if err != nil {
		t.Fatal(err)
	}
	copied := make(chan struct{})
	go func() {
		_, _ = io.Copy(out, master) // ends with EIO when the slave is closed
		close(copied)
	}()
	cmd := hostileCommand(t, d, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	ended := begin(t, cmd, 8*time.Second)
	_ = slave.Close()
	r := <-ended
	<-copied
	_, _ = master.Close(), out.Close()
	shown, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	if r.exit < 0 {
		t.Error("it hangs")
	}
	return string(shown)
}
