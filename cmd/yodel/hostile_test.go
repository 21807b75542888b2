package main

import (
	"bytes"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// hangs is when a yodel is taken to hang. All that it waits for is over after 30 s on an idle machine.
const hangs = 90 * time.Second

// ran is what became of a yodel that a hostile daemon had for a while.
type ran struct {
	exit        int
	took, cpu   time.Duration
	rss         int64 // at most, bytes
	out, errors string
}

// hostileCmd is a yodel that has a hostile daemon.
type hostileCmd struct {
	*exec.Cmd
	met <-chan struct{} // closed when the daemon has heard of it
}

// hostileCommand is the real program, in a folder of its own, with a hostile daemon.
func hostileCommand(t *testing.T, d *hostileDaemon, args ...string) hostileCmd {
	t.Helper()
	cmd := exec.Command("yodel", args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+cmd.Dir, "XDG_CONFIG_HOME=", "YODEL_SERVER="+d.addr(), "YODEL_NICK=alice", "YODEL_ROOM=lobby", "GORACE=atexit_sleep_ms=1")
	return hostileCmd{cmd, d.met}
}

// endure runs yodel until its end, or with an until for so long, from its first message on, and then with SIGINT.
func endure(t *testing.T, cmd hostileCmd, until time.Duration) ran {
	t.Helper()
	r := <-begin(t, cmd, until)
	r.log(t)
	return r
}

func (r ran) log(t *testing.T) {
	t.Helper()
	t.Logf("exit %d after %v, %v of CPU, %d MiB\n%.2000s", r.exit, r.took, r.cpu, r.rss>>20, r.errors)
}

// begin is endure without waiting.
func begin(t *testing.T, cmd hostileCmd, until time.Duration) <-chan ran {
	t.Helper()
	var out, errs bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout, cmd.Stderr = &out, &errs
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(hangs, func() { _ = cmd.Process.Kill() }) // the exit code is -1
	ended, done := make(chan ran, 1), make(chan struct{})
	go func() {
		select {
		case <-cmd.met:
			if until > 0 {
				time.AfterFunc(until, func() { _ = cmd.Process.Signal(syscall.SIGINT) })
			}
		case <-done:
		}
	}()
	go func() {
		_ = cmd.Wait() // the state tells
		close(done)
		kill.Stop()
		usage, _ := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		ended <- ran{
			exit: cmd.ProcessState.ExitCode(), took: time.Since(began), rss: usage.Maxrss << 10,
			cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), out: out.String(), errors: errs.String(),
		}
	}()
	return ended
}

// expect checks the exit code, which is -1 of one that hung, and what it took of the CPU at most: on an idle machine it is a quarter.
func (r ran) expect(t *testing.T, exit int, cpu time.Duration) {
	t.Helper()
	if r.exit != exit {
		t.Errorf("exit %d after %v, want %d", r.exit, r.took, exit)
	}
	if cpu *= slowdown; r.cpu > cpu {
		t.Errorf("%v of CPU, at most %v", r.cpu, cpu)
	}
	if most := int64(slowdown) * 160 << 20; r.rss > most {
		t.Errorf("%d MiB, at most %d", r.rss>>20, most>>20)
	}
}

// never is no answer.
func never(*victim, *wire.Message) bool { return true }

// only leaves Hello and Join to be answered, and has no answer for the rest.
func only(_ *victim, m *wire.Message) bool { return m.GetHello() == nil && m.GetJoin() == nil }

// wrongly answers with everything but the answer.
func wrongly(v *victim, m *wire.Message) bool {
	id, room := m.GetPing().GetRequest()|m.GetJoin().GetRequest()|m.GetWho().GetRequest(), "lobby"
	if id == 0 {
		return false
	}
	wrong := []*wire.Message{
		{Kind: &wire.Message_Left{Left: &wire.Left{Request: id, Room: room}}},
		{Kind: &wire.Message_NickSet{NickSet: &wire.NickSet{Request: id, Nick: "eve"}}},
		{Kind: &wire.Message_TalkGranted{TalkGranted: &wire.TalkGranted{Request: id, Room: room, Ssrc: 1}}},
		{Kind: &wire.Message_RoomList{RoomList: &wire.RoomList{Request: id}}},
		{Kind: &wire.Message_Joined{Joined: &wire.Joined{Request: id, Room: "elsewhere", LogId: v.d.log}}},
		{Kind: &wire.Message_Joined{Joined: &wire.Joined{Request: id, Room: room, LogId: make([]byte, 60_000)}}},
		{Kind: &wire.Message_Members{Members: &wire.Members{Request: id, Room: "elsewhere"}}},
	}
	v.say(wrong...)
	return true
}

// A daemon that goes on for ever, or not at all, holds nothing up for longer than an answer may take, and costs no CPU.
func TestAHostileDaemonHoldsNothingUp(t *testing.T) {
	t.Parallel()
	restless := func(d *hostileDaemon, b []byte, from netip.AddrPort) { // a nonce for everything, a new one each time
		d.answerSTUN(secure.NewValidator(), b, from)
	}
	endless := func(d *hostileDaemon, _ []byte, from netip.AddrPort) { // fragments of a message that never ends
		for i := range byte(3) {
			fragment := append([]byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, i, 0, 13}, 2, 255, 255, 255, 0, 0, 0, i, 0, 0, 0, 1, i)
			d.put(fragment, from)
		}
	}
	silent := func(*hostileDaemon, []byte, netip.AddrPort) {}
	tests := []struct {
		name   string
		attack attack
		args   []string
		exit   int

		d     *hostileDaemon
		cmd   hostileCmd
		ended <-chan ran
	}{
		{name: "new nonces for ever", attack: attack{stun: restless, dtls: silent}, args: []string{"ping"}, exit: exitUnreachable},
		{name: "fragments for ever", attack: attack{dtls: endless}, args: []string{"ping"}, exit: exitUnreachable},
		{name: "no welcome", attack: attack{message: never}, args: []string{"ping"}, exit: exitUnreachable},
		{name: "join without answer", attack: attack{message: func(_ *victim, m *wire.Message) bool { return m.GetJoin() != nil }}, args: []string{"read"}, exit: exitUnreachable},
		{name: "join with wrong answers", attack: attack{message: wrongly}, args: []string{"read", "--state", "place"}, exit: exitUnreachable},
		{name: "one message less promised each time", attack: attack{message: oneLess()}, args: []string{"read", "--since", "1h"}, exit: exitUnreachable},
		{name: "ping with wrong answers", attack: attack{message: wrongly}, args: []string{"ping"}, exit: exitUnreachable},
		{name: "who with wrong answers", attack: attack{message: wrongly}, args: []string{"who"}, exit: exitUnreachable},
		{name: "talk without grant", attack: attack{message: only}, args: []string{"talk", "-", "--format", "s16le", "--codec", "l16"}, exit: exitUnreachable},
		{name: "send without receipt", attack: attack{message: only}, args: []string{"send", "--timeout", "2s", "x"}, exit: exitUnreachable},
		{name: "send with receipts of others", attack: attack{message: strangeReceipts}, args: []string{"send", "--timeout", "3s", "x"}, exit: exitUnreachable},
		{name: "send to one that is busy", attack: attack{message: alwaysBusy}, args: []string{"send", "--timeout", "3s", "x"}, exit: exitUnreachable},
		{name: "send to one that says goodbye", attack: attack{message: goodbyes}, args: []string{"send", "--timeout", "4s", "x"}, exit: exitUnreachable},
	}
	for i := range tests { // they mostly wait: all at once
		tt := &tests[i]
		tt.d = newHostileDaemon(t, tt.attack)
		tt.cmd = hostileCommand(t, tt.d, tt.args...)
		tt.cmd.Stdin = strings.NewReader(strings.Repeat("\x00\x10", 4800))
		tt.ended = begin(t, tt.cmd, 0)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := <-tt.ended
			r.log(t)
			r.expect(t, tt.exit, 2*time.Second)
			tt.d.mu.Lock()
			defer tt.d.mu.Unlock()
			if tt.d.datagrams > 1500 || tt.d.handshakes > 12 {
				t.Errorf("%d datagrams came, %d handshakes", tt.d.datagrams, tt.d.handshakes)
			}
			if state, err := os.ReadFile(tt.cmd.Dir + "/place"); err == nil && string(state) != bookmarkForm+"\n" {
				t.Errorf("the state has %q", state)
			}
		})
	}
}

// oneLess answers each Join with very many messages to come, one less each time, and sends none.
func oneLess() func(*victim, *wire.Message) bool {
	left := uint64(1 << 40)
	return func(v *victim, m *wire.Message) bool {
		j := m.GetJoin()
		if j == nil {
			return false
		}
		left--
		joined := v.joined(j)
		joined.Newest, joined.Replay = 1<<40, left
		v.say(&wire.Message{Kind: &wire.Message_Joined{Joined: joined}})
		return true
	}
}

// strangeReceipts gives ten receipts a second of messages that were never sent.
func strangeReceipts(v *victim, m *wire.Message) bool {
	if m.GetHello() != nil {
		id := uint64(0)
		v.keepOn(100*time.Millisecond, func() {
			id++
			v.say(&wire.Message{Kind: &wire.Message_Receipt{Receipt: &wire.Receipt{Room: "lobby", Id: id, Pos: id}}})
		})
	}
	return m.GetPublish() != nil
}

// alwaysBusy refuses everything for now.
func alwaysBusy(v *victim, m *wire.Message) bool {
	if p := m.GetPublish(); p != nil {
		v.say(&wire.Message{Kind: &wire.Message_Refused{Refused: &wire.Refused{Id: p.GetId(), Code: wire.Code_CODE_BUSY}}})
		return true
	}
	return false
}

// goodbyes ends each session when it has begun.
func goodbyes(v *victim, m *wire.Message) bool {
	if h := m.GetHello(); h != nil {
		v.welcome(h)
		v.bye("\x1b[2Jgo away")
		return true
	}
	return true
}

func entryOf(pos uint64, nick, text string) *wire.Message {
	return &wire.Message{Kind: &wire.Message_Entry{Entry: &wire.Entry{Room: "lobby", Pos: pos, Nick: nick, Body: []byte(text), Type: plainText}}}
}

// says checks the exit code and that standard output has these patterns.
func (r ran) says(t *testing.T, exit int, patterns ...string) {
	t.Helper()
	if r.exit != exit {
		t.Errorf("exit %d, want %d", r.exit, exit)
	}
	for _, p := range patterns {
		if !regexp.MustCompile(p).MatchString(r.out) {
			t.Errorf("no %s in %s", p, r.out)
		}
	}
}
