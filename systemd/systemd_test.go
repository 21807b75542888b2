//go:build linux

// Package systemd_test installs the Debian packages of Yodel into a booted systemd, as on a real machine, and uses the service as people would. The
// systemd runs in namespaces of its own (testdata/box.sh); nothing reaches the machine that runs the test.
package systemd_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestService runs its parts in order: each finds the service as the one before it has left it, running.
func TestService(t *testing.T) {
	b := boot(t)
	b.pack(t)
	parts := []struct {
		name string
		run  func(*testing.T, *box)
	}{
		{"is installed, joined and used in one line", firstUse},
		{"is locked up", lockedUp},
		{"is administered by root and by its group", administered},
		{"logs with fields", logsFields},
		{"shows its metrics", showsMetrics},
		{"reloads, and echoes a voice", echoesVoice},
		{"says farewell, and stays stopped", saysFarewell},
		{"loses nothing when it is restarted under load", restartsUnderLoad},
		{"is stopped however it ends", isStopped},
		{"waits for its configuration to be right", isRepaired},
		{"comes back when killed", comesBack},
		{"is replaced when it works no more", isReplaced},
		{"is upgraded and downgraded", isUpgraded},
		{"opens its port itself", opensPort},
		{"is removed and installed again", isReinstalled},
		{"is purged", isPurged},
	}
	for _, part := range parts {
		if !t.Run(part.name, func(t *testing.T) { part.run(t, b) }) {
			return
		}
	}
}

// firstUse installs the packages, and runs the line that README begins with.
func firstUse(t *testing.T, b *box) {
	b.dpkg(t, older, "--install", "yodeld", "yodel")
	b.run(t, "systemctl", "is-active", "yodeld.service", "yodeld.socket")
	b.run(t, "systemctl", "is-enabled", "yodeld.service", "yodeld.socket")
	b.fails(t, 4, as("eve", "send", "let me in")...)
	b.join(t, "alice")
	b.run(t, as("alice", "send", "hello")...)
	b.join(t, "bob")
	line := b.run(t, as("bob", "read", "-n", "1", "--json")...)
	var entry struct{ Type, Room, From, Text string }
	if err := json.Unmarshal([]byte(line), &entry); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	if entry.Type != "message" || entry.Room != "lobby" || entry.From != "alice" || entry.Text != "hello" {
		t.Errorf("bob reads %s", line)
	}
}

// join has a user join by an invite of their own.
func (b *box) join(t *testing.T, nick string) {
	t.Helper()
	b.run(t, "bash", "-c", `"$@" "$(yodeld invite --host localhost)"`, "join", "env", "HOME=/tmp/"+nick, "YODEL_NICK="+nick, "yodel", "join")
}

func lockedUp(t *testing.T, b *box) {
	if user := b.run(t, "stat", "-c", "%u", "/proc/"+mainPID(t, b)); user == "0" {
		t.Error("the daemon runs as root")
	}
	for path, want := range map[string]string{
		"/var/lib/yodel": "700 yodel", "/run/yodel": "750 yodel", "/run/yodel/control.sock": "660 yodel", "/etc/yodel/yodeld.toml": "644 root",
	} {
		if got := b.run(t, "stat", "-L", "-c", "%a %G", path); got != want {
			t.Errorf("%s has mode and group %s, want %s", path, got, want)
		}
	}
	b.run(t, "systemd-analyze", "security", "--no-pager", "--threshold=5", "yodeld.service")
	log := b.log(t)
	for _, want := range []string{"SHA256:", `"receive buffer"=16777216`} {
		if !strings.Contains(strings.ReplaceAll(log, "receive buffer=", `"receive buffer"=`), want) {
			t.Errorf("the journal does not tell %s:\n%s", want, log)
		}
	}
}

// log gives all that the daemon has logged.
func (b *box) log(t *testing.T) string {
	t.Helper()
	b.run(t, "journalctl", "--sync")
	return b.run(t, "journalctl", "--no-pager", "-o", "cat", "-u", "yodeld")
}

// echoesVoice gives the service a room with a shorter delay, and shouts into it.
func echoesVoice(t *testing.T, b *box) {
	const delay = time.Second
	before := mainPID(t, b)
	b.run(t, "bash", "-c", `printf '\n[rooms.canyon]\ndelay = "1s"\n\n[rooms.intercom]\ndelay = "0s"\n' >>/etc/yodel/yodeld.toml`)
	b.run(t, "systemctl", "reload", "yodeld")
	b.run(t, "timeout", "20", "bash", "-c", `until yodeld rooms | grep -q canyon; do sleep 0.1; done`)
	if now := mainPID(t, b); now != before {
		t.Errorf("a reload made process %s of %s", now, before)
	}
	b.give(t, "../testdata/speech.wav", "speech.wav")
	said := readWAV(t, "../testdata/speech.wav")

	bob := b.start(t, as("bob", "hear", "-r", "canyon", "-o", "/share/out.wav", "--until-silence", "5s")...)
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

// give puts a file into the shared folder.
func (b *box) give(t *testing.T, from, name string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.share, name), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// saysFarewell also shows that peers who come back do not start a service that was stopped.
func saysFarewell(t *testing.T, b *box) {
	bob := b.start(t, as("bob", "read", "-f")...)
	bob.waitFor(t, "joined lobby")
	b.run(t, "systemctl", "stop", "yodeld")
	bob.waitFor(t, "the daemon is stopping")
	if result := b.run(t, "systemctl", "show", "-P", "Result", "yodeld"); result != "success" {
		t.Errorf("the service ended with result %q", result)
	}
	b.fails(t, 3, as("alice", "send", "--timeout", "3s", "anybody?")...)
	b.fails(t, 3, "systemctl", "is-active", "yodeld.service", "yodeld.socket")
	if said := b.fails(t, 3, "yodeld", "status"); !strings.Contains(said, "not running") {
		t.Errorf("yodeld status says %q", said)
	}
	if said := b.fails(t, 4, "env", "HOME=/tmp/nobody", "yodeld", "key"); !strings.Contains(said, "no key yet") {
		t.Errorf("yodeld key says %q", said)
	}
	b.run(t, "test", "!", "-e", "/tmp/nobody")
	b.run(t, "systemctl", "start", "yodeld")
	bob.waitFor(t, "connected again")
	bob.kill(t)
	b.run(t, "yodeld", "stop")
	b.run(t, "timeout", "20", "bash", "-c", `while systemctl -q is-active yodeld.service || systemctl -q is-active yodeld.socket; do sleep 0.05; done`)
	b.run(t, "systemctl", "start", "yodeld")
}

// mainPID returns the daemon's process number inside.
func mainPID(t *testing.T, b *box) string {
	t.Helper()
	return b.run(t, "systemctl", "show", "-P", "MainPID", "yodeld")
}
