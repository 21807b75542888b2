package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yodel/peer"
	"yodel/wire"
	"yodel/wire/secure"
)

var at = time.Date(2026, 3, 4, 5, 6, 7, 89, time.UTC)

// told gives what a shell prints on standard output and standard error.
func told(asJSON bool, tell func(*shell)) (stdout, stderr string) {
	var o, e bytes.Buffer
	sh := &shell{out: newPrinter(&o, &e)}
	sh.out.json, sh.json = asJSON, asJSON
	tell(sh)
	return o.String(), e.String()
}

func TestMessageAsJSON(t *testing.T) {
	m := &peer.Message{
		Room: "lobby", LogID: []byte{0xab, 0xcd}, Pos: 7, From: "alice", Fingerprint: secure.Fingerprint{1}, Media: "text/plain",
		At: at,
	}
	m.Body = []byte("hi \x1b[31m\u202e<b> & \"q\" \u0085é\U000e0001")
	stdout, _ := told(true, func(sh *shell) { sh.out.write(sh.messageLine(m, at)) })
	want := `{"type":"message","room":"lobby","pos":7,"log":"abcd","from":"alice","fingerprint":"` + m.Fingerprint.String() +
		`","media":"text/plain","text":"hi \u001b[31m\u202e<b> & \"q\" \u0085é\udb40\udc01","at":"2026-03-04T05:06:07.000000089Z"}` + "\n"
	if diff := cmp.Diff(want, stdout); diff != "" {
		t.Error(diff)
	}
	var back messageObject
	if err := json.Unmarshal([]byte(stdout), &back); err != nil {
		t.Fatal(err)
	}
	if *back.Text != string(m.Body) {
		t.Errorf("got back %q, want %q", *back.Text, m.Body)
	}
}

func TestMessageOfOtherMedia(t *testing.T) {
	m := &peer.Message{Room: "r", From: "bob", Media: "image/png", Body: []byte{0x89, 0, 0xff}, At: at}
	stdout, _ := told(true, func(sh *shell) { sh.out.write(sh.messageLine(m, at)) })
	var got messageObject
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	if got.Text != nil || !bytes.Equal(got.Data, m.Body) {
		t.Errorf("got %s", stdout)
	}
	stdout, _ = told(false, func(sh *shell) { sh.out.write(sh.messageLine(m, at)) })
	if !strings.HasSuffix(stdout, " bob: [image/png, 3 bytes]\n") {
		t.Errorf("got %q", stdout)
	}
}

func TestNothingOfOthersReachesTheTerminalRaw(t *testing.T) {
	evil := "a\x1b]0;x\x07\u202e\n\r"
	events := []peer.Event{
		&peer.Presence{Room: evil, Joined: true, Member: peer.Member{Nick: evil, Address: evil}},
		&peer.Presence{Room: evil, Reason: evil, Member: peer.Member{Nick: evil}},
		&peer.Talking{Room: evil, Nick: evil, Start: true},
		&peer.Talking{Room: evil, Nick: evil},
		&peer.Lost{Err: io.EOF},
	}
	for _, asJSON := range []bool{false, true} {
		stdout, stderr := told(asJSON, func(sh *shell) {
			for _, ev := range events {
				sh.tellEvent(ev)
			}
			sh.out.write(sh.messageLine(&peer.Message{Room: evil, From: evil, Media: "text/plain", Body: []byte(evil)}, at))
			sh.out.write(sh.messageLine(&peer.Message{Room: evil, From: evil, Media: evil, Body: []byte(evil)}, at))
			sh.tellJoined(&peer.Joined{Room: evil, Members: []peer.Member{{Nick: evil}}}, at)
			sh.out.remark(shouted(evil, evil, peer.Report{}))
			sh.out.failure(failure{message: wire.Printable(evil), hint: evil})
		})
		for line := range strings.Lines(stdout + stderr) {
			if line = strings.TrimSuffix(line, "\n"); wire.Printable(line) != line {
				t.Errorf("JSON %v: raw: %q", asJSON, line)
			}
		}
	}
}

func TestEvents(t *testing.T) {
	tests := []struct {
		event  peer.Event
		text   string // at the end of standard error
		fields map[string]any
	}{
		{
			&peer.Presence{Room: "lobby", Joined: true, Member: peer.Member{Nick: "bob", Address: "10.0.0.1:5"}},
			" * bob joined (10.0.0.1:5)\n",
			map[string]any{"type": "join", "room": "lobby", "from": "bob", "address": "10.0.0.1:5"},
		},
		{
			&peer.Presence{Room: "lobby", Member: peer.Member{Nick: "bob"}, Reason: "timed out"},
			" * bob left (timed out)\n",
			map[string]any{"type": "leave", "from": "bob", "reason": "timed out"},
		},
		{
			&peer.Talking{Room: "lobby", Nick: "bob", Start: true, SSRC: 70000},
			" * bob speaks\n",
			map[string]any{"type": "talk", "state": "start", "from": "bob", "ssrc": 70000.0, "duration": nil, "self": false},
		},
		{
			&peer.Talking{Room: "lobby", Nick: "bob", Duration: 3200 * time.Millisecond, Packets: 158, Lost: 3, Late: 1, Self: true},
			" * bob ended, 3.2 s; 3 of 160 frames lost\n",
			map[string]any{"type": "talk", "state": "end", "duration": 3.2, "frames": 160.0, "lost": 3.0, "late": 1.0, "self": true},
		},
		{
			&peer.Talking{Room: "lobby", Nick: "bob", Duration: 3200 * time.Millisecond},
			" * bob ended, 3.2 s\n",
			map[string]any{"type": "talk", "state": "end", "duration": 3.2, "lost": nil},
		},
		{
			&peer.RoomChanged{Room: "lobby", Delay: 2 * time.Second},
			" * the room's delay is now 2 s\n",
			map[string]any{"type": "delay", "room": "lobby", "delay": 2.0},
		},
		{&peer.Crowd{Room: "lobby", Count: 5001}, " * 5001 here\n", map[string]any{"type": "crowd", "room": "lobby", "count": 5001.0}},
		{&peer.Truncated{Room: "lobby"}, " * older messages are not there any more\n", map[string]any{"type": "truncated"}},
		{&peer.Lost{Err: io.EOF}, " * connection lost: EOF; reconnecting\n", map[string]any{"type": "lost", "message": "EOF"}},
		{&peer.Back{}, " * connected again\n", map[string]any{"type": "back"}},
	}
	for _, tt := range tests {
		stdout, stderr := told(true, func(sh *shell) { sh.tellEvent(tt.event) })
		if !strings.HasSuffix(stderr, tt.text) {
			t.Errorf("%T: got %q, want %q at the end", tt.event, stderr, tt.text)
		}
		var got map[string]any
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			t.Fatalf("%q: %v", stdout, err)
		}
		for k, want := range tt.fields {
			if got[k] != want {
				t.Errorf("%T: %s is %v, want %v", tt.event, k, got[k], want)
			}
		}
	}
}

// The delay of a talk is told where it is heard; to people only in a live room, because elsewhere it is the room's.
func TestTalksThatAreHeardTellTheirDelay(t *testing.T) {
	start := peer.Talking{Nick: "bob", Start: true, Latency: 41600 * time.Microsecond}
	end := peer.Talking{Nick: "bob", Duration: 3200 * time.Millisecond, Packets: 158, Lost: 2, Recovered: 7, Latency: 63 * time.Millisecond}
	repaired := end
	repaired.Packets, repaired.Lost = 160, 0
	tests := []struct {
		talk          peer.Talking
		hearing, live bool
		text          string
		latency       any
		recovered     any
	}{
		{start, true, true, " * bob speaks (latency 42 ms)\n", 0.0416, nil},
		{start, true, false, " * bob speaks\n", 0.0416, nil},
		{peer.Talking{Nick: "bob", Start: true}, false, false, " * bob speaks\n", nil, nil},
		{end, true, true, " * bob ended, 3.2 s; 2 of 160 frames lost, 7 recovered\n", 0.063, 7.0},
		{repaired, true, true, " * bob ended, 3.2 s; 7 of 160 frames recovered\n", 0.063, 7.0},
	}
	for _, tt := range tests {
		stdout, stderr := told(true, func(sh *shell) {
			sh.hearing, sh.live = tt.hearing, tt.live
			sh.tellEvent(&tt.talk)
		})
		var got map[string]any
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			t.Fatalf("%q: %v", stdout, err)
		}
		if !strings.HasSuffix(stderr, tt.text) || got["latency"] != tt.latency || got["recovered"] != tt.recovered {
			t.Errorf("hearing %v, live %v: got %q and %s", tt.hearing, tt.live, stderr, stdout)
		}
	}
}

// A room may become live, or get a delay, while it is heard.
func TestAChangeOfTheDelayCountsForTheTalksAfterIt(t *testing.T) {
	start := &peer.Talking{Nick: "bob", Start: true, Latency: 40 * time.Millisecond}
	for _, change := range []struct{ toDelay, toLive peer.Event }{
		{&peer.RoomChanged{Delay: time.Second, Lead: time.Second}, &peer.RoomChanged{}},
		{&peer.Back{Rooms: []*peer.Joined{{Delay: time.Second, Lead: time.Second}}}, &peer.Back{Rooms: []*peer.Joined{{}}}},
	} {
		_, stderr := told(false, func(sh *shell) {
			sh.hearing, sh.live = true, true
			for _, ev := range []peer.Event{start, change.toDelay, start, change.toLive, start} {
				sh.tellEvent(ev)
			}
		})
		if n := strings.Count(stderr, "bob speaks (latency 40 ms)\n"); n != 2 || strings.Count(stderr, "bob speaks\n") != 1 {
			t.Errorf("got %q", stderr)
		}
	}
}

func TestJoinedLine(t *testing.T) {
	many := make([]peer.Member, maxNamed+3)
	for i := range many {
		many[i].Nick = "n"
	}
	tests := []struct {
		joined peer.Joined
		want   string
	}{
		{
			peer.Joined{Room: "lobby", Delay: 10 * time.Second, Members: []peer.Member{{Nick: "alice"}, {Nick: "bob"}}},
			"joined lobby; delay 10 s; here: alice, bob\n",
		},
		{peer.Joined{Room: "lobby", Delay: 250 * time.Millisecond}, "joined lobby; delay 0.25 s; here: nobody\n"},
		{peer.Joined{Room: "hall"}, "joined hall; live, no delay; here: nobody\n"},
		{peer.Joined{Room: "hall", Tick: 5 * time.Millisecond}, "joined hall; live, no delay but up to 0.005 s when several talk; here: nobody\n"},
		{peer.Joined{Room: "hall", Delay: time.Second, Tick: 10 * time.Millisecond}, "joined hall; delay 1 s ± 0.01 s; here: nobody\n"},
		{peer.Joined{Room: "r", Members: many}, "joined r; live, no delay; here: " + strings.Repeat("n, ", maxNamed) + "and 3 more\n"},
		{
			peer.Joined{Room: "lobby", Delay: 10 * time.Second, Members: []peer.Member{{Nick: "alice"}}, Count: 5000},
			"joined lobby; delay 10 s; 5000 here; speaking: alice\n",
		},
		{peer.Joined{Room: "lobby", Delay: 10 * time.Second, Count: 5000}, "joined lobby; delay 10 s; 5000 here\n"},
	}
	for _, tt := range tests {
		if _, stderr := told(false, func(sh *shell) { sh.tellJoined(&tt.joined, at) }); stderr != tt.want {
			t.Errorf("got %q, want %q", stderr, tt.want)
		}
	}
}

func TestJoinedTellsScriptsHowMany(t *testing.T) {
	stdout, _ := told(true, func(sh *shell) {
		sh.tellJoined(&peer.Joined{Room: "r", Members: []peer.Member{{Nick: "alice"}}, Count: 5000}, at)
	})
	var got joinedObject
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	if got.Count != 5000 || len(got.Members) != 1 {
		t.Errorf("%s", stdout)
	}
}

// People are told once a minute how many there are, scripts each time.
func TestACrowdIsNotTalkedOfAllTheTime(t *testing.T) {
	stdout, stderr := told(true, func(sh *shell) {
		for i := range 3 {
			sh.tellEvent(&peer.Crowd{Room: "r", Count: 5000 + i})
		}
	})
	if lines := strings.Count(stderr, "\n"); lines != 1 || strings.Count(stdout, `"type":"crowd"`) != 3 {
		t.Errorf("%q and %q", stdout, stderr)
	}
	_, stderr = told(false, func(sh *shell) {
		sh.tellJoined(&peer.Joined{Room: "r", Count: 5000}, at)
		sh.tellEvent(&peer.Crowd{Room: "r", Count: 5001})
	})
	if stderr != "joined r; live, no delay; 5000 here\n" {
		t.Errorf("%q", stderr)
	}
}

func TestWho(t *testing.T) {
	members := []peer.Member{{Nick: "alice"}, {Nick: "bob"}}
	tests := []struct {
		members []peer.Member
		count   int
		remark  string
	}{
		{nil, 0, "nobody is in hall\n"},
		{members, 2, ""},
		{members, 5000, "5000 are in hall; these are the first 2 by nick\n"},
	}
	for _, tt := range tests {
		stdout, stderr := told(false, func(sh *shell) {
			sh.room = "hall"
			sh.tellWho(tt.members, tt.count)
		})
		if strings.Count(stdout, "\n") != len(tt.members) || stderr != tt.remark {
			t.Errorf("%d of %d: %q and %q", len(tt.members), tt.count, stdout, stderr)
		}
		stdout, _ = told(true, func(sh *shell) { sh.tellWho(tt.members, tt.count) })
		var got whoObject
		if err := json.Unmarshal([]byte(stdout), &got); err != nil || got.Count != tt.count || len(got.Members) != len(tt.members) {
			t.Errorf("%q: %v", stdout, err)
		}
	}
	if got := names(members, 5000); got != "alice, bob, and 4998 more" {
		t.Errorf("%q", got)
	}
}

func TestQuietAndAudio(t *testing.T) {
	var o, e bytes.Buffer
	p := newPrinter(&o, &e)
	p.json, p.audio = true, true
	p.event("for people", noteObject{Type: "back"})
	if o.Len() != 0 || e.String() != `{"type":"back","at":""}`+"\n" {
		t.Errorf("with audio on stdout: %q and %q", o.String(), e.String())
	}
	e.Reset()
	p = newPrinter(&o, &e)
	p.quiet = true
	p.remark("for people")
	p.failure(failure{message: "broken"})
	if got := e.String(); got != "yodel: error: broken\n" {
		t.Errorf("quiet: %q", got)
	}
}

func TestStatusLineMakesWay(t *testing.T) {
	var o, e bytes.Buffer
	p := newPrinter(&o, &e)
	p.setStatus("1 s")
	p.remark("alice")
	p.setStatus("2 s")
	p.clearStatus()
	p.clearStatus()
	if want := "\r\x1b[K1 s\r\x1b[Kalice\n\r\x1b[K2 s\r\x1b[K"; e.String() != want {
		t.Errorf("got %q, want %q", e.String(), want)
	}
}

func TestClosedStdoutIsNoticed(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	ctx, cancel := watchReader(t.Context(), w)
	defer cancel()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	p := newPrinter(w, io.Discard)
	p.line("x")
	p.line("y")
	if err := p.failed(); !errors.Is(err, errStdoutClosed) {
		t.Errorf("got %v, want errStdoutClosed", err)
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan bool)
	go func() { gone <- readerGone(ctx, int32(w.Fd())) }()
	cancel()
	if <-gone {
		t.Error("a reader that is there counts as gone")
	}
}

func TestRemarksDoNotWaitForStdout(t *testing.T) {
	out := newStuckWriter()
	defer close(out.release)
	var stderr bytes.Buffer
	p := newPrinter(out, &stderr)
	go p.line("x")
	<-out.entered
	p.remark("y")
	p.clearStatus()
	if err := p.failed(); err != nil || stderr.String() != "y\n" {
		t.Errorf("got %v and %q", err, stderr.String())
	}
}

func TestClock(t *testing.T) {
	zone := time.Local
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, zone)
	tests := []struct {
		at   time.Time
		want string
	}{
		{time.Date(2026, 3, 4, 5, 6, 7, 0, zone), "05:06:07"},
		{time.Date(2026, 3, 3, 23, 59, 59, 0, zone), "2026-03-03 23:59:59"},
		{time.Date(2025, 3, 4, 5, 6, 7, 0, zone), "2025-03-04 05:06:07"},
	}
	for _, tt := range tests {
		if got := clock(tt.at, now); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestLevelBar(t *testing.T) {
	for level, want := range map[float64]string{-96: "--------------------", -30: "##########----------", 0: "####################", 3: "####################"} {
		if got := levelBar(level); got != want {
			t.Errorf("%v dB: got %s, want %s", level, got, want)
		}
	}
}
