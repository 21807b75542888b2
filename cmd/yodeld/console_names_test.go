package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Who has the nick of something else gets nobody else banned, and is found by it.
func TestNicksThatLookLikeSomethingElse(t *testing.T) {
	d := serveDaemon(t)
	d.enters("bystander", "lobby", "")
	for _, nick := range []string{"0.0.0.0/0", "127.0.0.1", "SHA256:Alice"} {
		c := d.enters(nick, "lobby", "")
		lines := d.wants("peers")
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, `"`+nick+`"  SHA256:`) }) {
			t.Errorf("not in quotes: %q", lines)
		}
		for _, command := range []string{"ban", "kick"} {
			if command == "kick" && nick != "SHA256:Alice" { // kick knows no addresses
				continue
			}
			if code, _, stderr := d.ask(command, nick); code != exitUsage || !strings.Contains(stderr, "--nick") {
				t.Errorf("%s %s: exit code %d: %s", command, nick, code, stderr)
			}
		}
		if bans := d.wants("bans"); len(bans) != 1 {
			t.Fatalf("%q", bans)
		}
		key := c.Fingerprint().String()
		if lines := d.wants("ban", "--nick", nick); !strings.HasPrefix(lines[0], "banned "+key) || lines[1] != "ended 1 session" {
			t.Errorf("%q", lines)
		}
		left(t, c)
		d.wants("unban", key)
	}
	c := d.enters("SHA256:Bob", "lobby", "")
	if lines := d.wants("kick", "SHA256:Bob", "--nick"); lines[0] != "ended 1 session" {
		t.Errorf("%q", lines)
	}
	left(t, c)
	d.enters("192.0.2.0/24", "lobby", "")
	if lines := d.wants("ban", "192.0.2.0/24", "--prefix"); lines[0] != "banned 192.0.2.0/24 until it is lifted" || lines[1] != "ended 0 sessions" {
		t.Errorf("%q", lines)
	}
	for _, args := range [][]string{{"ban", "alice", "--prefix"}, {"ban", "192.0.2.1", "--prefix", "--nick"}} {
		if code, _, stderr := d.ask(args...); code != exitUsage {
			t.Errorf("%q: exit code %d: %s", args, code, stderr)
		}
	}
}

func TestNicksInTables(t *testing.T) {
	for nick, want := range map[string]string{
		"alice": "alice", "the old man": "the old man", "": "-", "-": `"-"`, "192.0.2.1": `"192.0.2.1"`, "::/0": `"::/0"`, "SHA256:x": `"SHA256:x"`, `"-"`: `"\"-\""`,
	} {
		if got := cell(nickText(nick)); got != want {
			t.Errorf("%q: %s, want %s", nick, got, want)
		}
	}
}

func TestInvitesAreListedAndTakenBack(t *testing.T) {
	d := serveDaemon(t)
	d.wants("invite", "--host", "localhost", "--uses", "3", "--role", "crew")
	_, _, hint := d.ask("invite", "--host", "localhost", "--uses", "0", "--expires", "0")
	lines := d.wants("invites")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "ID ") || !regexp.MustCompile(`^[0-9a-f]{12}  3 of 3 +20\S+ \S+  20\S+ \S+  crew$`).MatchString(lines[1]) ||
		!regexp.MustCompile(`^[0-9a-f]{12}  any \(0 used\)  never `).MatchString(lines[2]) {
		t.Fatalf("%q", lines)
	}
	if id := lines[2][:12]; !strings.Contains(hint, "yodeld invite revoke "+id) {
		t.Errorf("%q", hint)
	}
	id := lines[1][:12]
	if got := d.wants("invite", "revoke", id[:6]); got[0] != "took back "+id {
		t.Errorf("%q", got)
	}
	if lines = d.wants("invites", "--json"); len(lines) != 1 || !strings.HasPrefix(lines[0], `{"type":"invite","id":"`) || strings.Contains(lines[0], id) {
		t.Errorf("%q", lines)
	}
	for _, c := range []struct {
		args []string
		code int
	}{
		{[]string{"invite", "revoke", id}, exitRefused},
		{[]string{"invite", "revoke", "12"}, exitUsage},
		{[]string{"invite", "revoke"}, exitUsage},
		{[]string{"invites", id}, exitUsage},
	} {
		if code, _, stderr := d.ask(c.args...); code != c.code {
			t.Errorf("%q: exit code %d: %s", c.args, code, stderr)
		}
	}
}

func TestNoLinkThatLetsNobodyIn(t *testing.T) {
	d := serveDaemon(t, "--access", "known")
	code, stdout, stderr := d.ask("invite", "--host", "localhost")
	if code != exitRefused || stdout != "" || !strings.Contains(stderr, "access is known") {
		t.Errorf("exit code %d, %q: %s", code, stdout, stderr)
	}
}

// A second daemon on a state folder says what keeps it from starting, and nothing of its control socket.
func TestASecondDaemonOnAStateFolder(t *testing.T) {
	d := serveDaemon(t)
	code, _, stderr := yodeld(t, "serve", "--listen", "127.0.0.1:0", "--state", d.state)
	if code != exitFailed || strings.Contains(stderr, "control socket") || !strings.Contains(stderr, "error: ") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	d.wants("status")
}
