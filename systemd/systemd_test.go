//go:build linux

// Package systemd_test installs Yodel into a booted systemd, the way `make
// install` does it on a real machine, and uses the service as people would. The
// systemd runs in namespaces of its own (testdata/box.sh); nothing reaches the
// machine that runs the test.
package systemd_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestService runs its parts in order: each finds the service as the one before
// it has left it, running.
func TestService(t *testing.T) {
	b := boot(t)
	b.install(t)
	parts := []struct {
		name string
		run  func(*testing.T, *box)
	}{
		{"starts locked up", startsLockedUp},
		{"carries a message", carriesMessage},
		{"echoes a voice", echoesVoice},
		{"says farewell", saysFarewell},
		{"comes back when killed", comesBack},
	}
	for _, part := range parts {
		if !t.Run(part.name, func(t *testing.T) { part.run(t, b) }) {
			return
		}
	}
}

func startsLockedUp(t *testing.T, b *box) {
	b.run(t, "systemctl", "enable", "--now", "yodeld")
	b.run(t, "systemctl", "is-active", "yodeld")
	if user := b.run(t, "stat", "-c", "%u", "/proc/"+mainPID(t, b)); user == "0" {
		t.Error("the daemon runs as root")
	}
	if mode := b.run(t, "stat", "-L", "-c", "%a", "/var/lib/yodel"); mode != "700" {
		t.Errorf("the state folder has mode %s, want 700", mode)
	}
	b.run(t, "systemd-analyze", "security", "--no-pager", "--threshold=15", "yodeld.service")
	b.run(t, "journalctl", "--sync")
	if log := b.run(t, "journalctl", "--no-pager", "-o", "cat", "-u", "yodeld"); !strings.Contains(log, "SHA256:") {
		t.Errorf("the journal does not tell the fingerprint:\n%s", log)
	}
}

func carriesMessage(t *testing.T, b *box) {
	b.run(t, as("alice", "send", "hello")...)
	line := b.run(t, as("bob", "read", "-n", "1", "--json")...)
	var entry struct{ Type, Room, From, Text string }
	if err := json.Unmarshal([]byte(line), &entry); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	if entry.Type != "message" || entry.Room != "lobby" || entry.From != "alice" || entry.Text != "hello" {
		t.Errorf("bob reads %s", line)
	}
}

// echoesVoice gives the service a room with a shorter delay, by a drop-in as
// `systemctl edit` writes it, and shouts into it.
func echoesVoice(t *testing.T, b *box) {
	const delay = time.Second
	dropIn := filepath.Join(b.share, "room.conf")
	text := "[Service]\nExecStart=\nExecStart=/usr/bin/yodeld serve --state %S/yodel --room canyon=" + delay.String() + "\n"
	if err := os.WriteFile(dropIn, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	b.run(t, "install", "-D", "-m", "0644", "/share/room.conf", "/etc/systemd/system/yodeld.service.d/room.conf")
	b.run(t, "systemctl", "daemon-reload")
	b.run(t, "systemctl", "restart", "yodeld")

	speech, err := os.ReadFile("../testdata/speech.wav")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.share, "speech.wav"), speech, 0o644); err != nil {
		t.Fatal(err)
	}
	said := readWAV(t, "../testdata/speech.wav")
	length := time.Duration(len(said.samples)) * time.Second / time.Duration(said.rate)
	listenFor := (length + delay + 3*time.Second).Round(time.Second)

	bob := b.start(t, as("bob", "hear", "-r", "canyon", "-o", "/share/out.wav", "--for", listenFor.String())...)
	bob.waitFor(t, "joined canyon")
	b.run(t, as("alice", "talk", "-r", "canyon", "/share/speech.wav")...)
	bob.wait(t)

	onset, heard := readWAV(t, filepath.Join(b.share, "out.wav")).voice()
	_, spoken := said.voice()
	t.Logf("%v of voice said, %v heard from %v on", spoken, heard, onset)
	if onset < delay {
		t.Errorf("the echo begins %v after the listener came, before the room's delay of %v", onset, delay)
	}
	if heard < spoken*9/10 || heard > spoken*11/10 {
		t.Errorf("%v of voice came back, want %v ± 10%%", heard, spoken)
	}
}

func saysFarewell(t *testing.T, b *box) {
	bob := b.start(t, as("bob", "read", "-f")...)
	bob.waitFor(t, "joined lobby")
	begin := time.Now()
	b.run(t, "systemctl", "stop", "yodeld")
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("the stop took %v", took)
	}
	bob.waitFor(t, "the daemon is stopping")
	if result := b.run(t, "systemctl", "show", "-P", "Result", "yodeld"); result != "success" {
		t.Errorf("the service ended with result %q", result)
	}
	b.run(t, "systemctl", "start", "yodeld")
}

// comesBack also shows that the daemon keeps its key: alice would refuse another.
func comesBack(t *testing.T, b *box) {
	const untilAnother = `until [ "$(systemctl show -P MainPID yodeld)" != "$0" ] && systemctl -q is-active yodeld; do sleep 0.05; done`
	before := mainPID(t, b)
	b.run(t, "systemctl", "kill", "--signal=KILL", "yodeld")
	b.run(t, "timeout", "10", "bash", "-c", untilAnother, before)
	if n := b.run(t, "systemctl", "show", "-P", "NRestarts", "yodeld"); n != "1" {
		t.Errorf("systemd counts %s restarts, want 1", n)
	}
	b.run(t, as("alice", "send", "hello again")...)
}

// mainPID returns the daemon's process number inside.
func mainPID(t *testing.T, b *box) string {
	t.Helper()
	return b.run(t, "systemctl", "show", "-P", "MainPID", "yodeld")
}
