package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yodel/wire"
)

// flood is a daemon that says all that it can to who has joined: members without number, talks that are never heard, rooms that were not joined,
// messages that cost no credit, and the same message again and again.
func flood(v *victim, m *wire.Message) bool {
	if m.GetJoin() == nil {
		return false
	}
	n := uint32(0)
	long := strings.Repeat("x", 20_000)
	v.keepOn(2*time.Millisecond, func() {
		for range 20 {
			if v.queued() {
				return
			}
			n++
			presence := &wire.Presence{Room: "lobby", Count: 1}
			for i := range 100 {
				presence.Events = append(presence.Events, &wire.PresenceEvent{Joined: true, Member: &wire.Member{Nick: fmt.Sprint(n, " ", i, long[:400])}})
			}
			start := &wire.TalkStart{Room: "lobby", Ssrc: wire.MinAudioSSRC + n, PayloadType: wire.PayloadOpus, Nick: long}
			v.say(
				&wire.Message{Kind: &wire.Message_Presence{Presence: presence}},
				&wire.Message{Kind: &wire.Message_TalkStart{TalkStart: start}},
				&wire.Message{Kind: &wire.Message_TalkEnd{TalkEnd: &wire.TalkEnd{Room: "lobby", Ssrc: start.Ssrc, LastSeq: 30_000}}},
				&wire.Message{Kind: &wire.Message_Joined{Joined: &wire.Joined{Room: fmt.Sprint("room", n), LogId: v.d.log}}},
				&wire.Message{Kind: &wire.Message_RoomInfo{RoomInfo: &wire.RoomInfo{Room: "lobby", DelayMs: n * 1_000_003, LeadMs: 1 << 31}}},
				&wire.Message{Kind: &wire.Message_Ping{Ping: &wire.Ping{Request: uint64(n)}}},
			)
		}
	})
	return false
}

// Whatever a daemon says, yodel grows no more than it may, whether or not its output is read, and ends when it is told to.
func TestAFloodFromTheDaemon(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args    []string
		stalled bool
	}{
		"read":           {[]string{"read", "-f"}, false},
		"read with JSON": {[]string{"read", "-f", "--json"}, false},
		"output unread":  {[]string{"read", "-f", "--json"}, true},
		"hear":           {[]string{"hear", "-o", "x.wav"}, false},
		"talk and hear":  {[]string{"talk", "--hear", "-o", "x.wav", "--codec", "l16", "--format", "s16le", "-"}, false},
		"chat":           {[]string{"chat"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newHostileDaemon(t, attack{message: flood})
			cmd := hostileCommand(t, d, tt.args...)
			stdin, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _, _ = stdin.Close(), w.Close() }()
			cmd.Stdin = stdin
			out, err := os.Create(filepath.Join(cmd.Dir, "out"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = out.Close() }()
			cmd.Stdout, cmd.Stderr = out, out
			if tt.stalled {
				unread, w, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _, _ = unread.Close(), w.Close() }()
				cmd.Stdout = w
			}
			endure(t, cmd, 3*time.Second).expect(t, 130, 6*time.Second)
		})
	}
}

// howl is a daemon that sends sound that is none: a thousand talks at once, packets of 120 ms whose timestamps crawl, timestamps and sequence
// numbers of any size, bytes that are no Opus.
func howl(v *victim, m *wire.Message) bool {
	j := m.GetJoin()
	if j == nil {
		return false
	}
	joined := v.joined(j)
	joined.DelayMs, joined.LeadMs, joined.TickMs, joined.AtUnixNs = 1<<32-1, 1<<32-1, 1<<32-1, -1<<63
	v.say(&wire.Message{Kind: &wire.Message_Joined{Joined: joined}})
	const talks = 1100
	types := []uint32{wire.PayloadOpus, wire.PayloadL16, wire.PayloadPCMU, wire.PayloadPCMA}
	for i := range uint32(talks) {
		v.say(&wire.Message{Kind: &wire.Message_TalkStart{TalkStart: &wire.TalkStart{
			Room: "lobby", Ssrc: wire.MinAudioSSRC + i, PayloadType: types[i%4], Nick: "eve", FirstSeq: 7,
		}}})
	}
	seq := make([]uint64, talks)
	opus := append([]byte{1<<3 | 3, 6}, make([]byte, 300)...)
	noise := make([]byte, 1100)
	v.keepOn(time.Millisecond, func() {
		for range 20 {
			i := rand.N(uint32(talks))
			if i%2 == 0 {
				i = i % 64 &^ 3 // Opus
			}
			seq[i]++
			timestamp, payload := uint32(seq[i]), opus
			if i%4 != 0 {
				timestamp, payload = rand.Uint32(), noise[:2*rand.N(550)+2]
			}
			if rand.N(50) == 0 {
				seq[i] += 1000
			}
			if seq[i] < 1<<15 { // else a wrap would be another packet under one index
				v.sound(uint8(types[i%4]), wire.MinAudioSSRC+i, seq[i], timestamp, payload)
			}
		}
	})
	return true
}

// Sound of any kind leaves the timeline as long as it is, and the program responsive.
func TestAHowlFromTheDaemon(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"file":   {"hear", "--for", "3s", "-o", "x.wav"},
		"stdout": {"hear", "--for", "3s", "-o", "-"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newHostileDaemon(t, attack{message: howl})
			cmd := hostileCommand(t, d, args...)
			r := endure(t, cmd, 0)
			r.expect(t, exitDone, 3*time.Second)
			if r.took < 3*time.Second {
				t.Errorf("3 s took %v", r.took)
			}
			size := int64(len(r.out))
			if name == "file" {
				info, err := os.Stat(filepath.Join(cmd.Dir, "x.wav"))
				if err != nil {
					t.Fatal(err)
				}
				size = info.Size() - 44
			}
			if size != 3*48000*2 {
				t.Errorf("%d bytes of sound", size)
			}
		})
	}
}
