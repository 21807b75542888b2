//go:build linux

package systemd_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// isUpgraded changes the configuration first: it stays as the administrator has it, in both directions, and so does who may come in.
func isUpgraded(t *testing.T, b *box) {
	const marked = "# by the administrator"
	b.run(t, "sh", "-c", "echo '"+marked+"' >>/etc/yodel/yodeld.toml")
	for _, version := range []string{newer, older} {
		before := mainPID(t, b)
		b.dpkg(t, version, "--install", "yodeld", "yodel")
		if now := mainPID(t, b); now == before || now == "0" {
			t.Errorf("after the change to %s the daemon is process %s, before it was %s", version, now, before)
		}
		if text := b.run(t, "cat", "/etc/yodel/yodeld.toml"); !strings.Contains(text, marked) {
			t.Errorf("the change to %s lost the configuration", version)
		}
		b.run(t, as("alice", "send", "with "+version)...)
	}
	b.run(t, "systemctl", "stop", "yodeld")
	b.dpkg(t, newer, "--install", "yodeld")
	b.fails(t, 3, "systemctl", "is-active", "yodeld.service", "yodeld.socket")
	b.run(t, "systemctl", "start", "yodeld")
}

// opensPort has the daemon do without the socket unit, and goes back.
func opensPort(t *testing.T, b *box) {
	const dropIn = "/etc/systemd/system/yodeld.service.d/bind.conf"
	b.run(t, "systemctl", "disable", "--now", "yodeld.socket")
	b.run(t, "install", "-D", "-m", "0644", "/usr/share/yodeld/bind.conf", dropIn)
	b.run(t, "systemctl", "daemon-reload")
	b.run(t, "systemctl", "restart", "yodeld")
	b.run(t, as("alice", "send", "by itself")...)
	var told struct{ Address, Access string }
	if err := json.Unmarshal([]byte(b.run(t, "yodeld", "status", "--json")), &told); err != nil || told.Address != "[::]:9635" || told.Access != "invite" {
		t.Errorf("the daemon that opens its port itself is %+v (%v)", told, err)
	}
	b.fails(t, 4, as("stranger", "send", "let me in")...)
	b.run(t, "systemd-analyze", "security", "--no-pager", "--threshold=12", "yodeld.service")
	b.fails(t, 3, "systemctl", "is-active", "yodeld.socket")
	b.run(t, "rm", "-r", "/etc/systemd/system/yodeld.service.d")
	b.run(t, "systemctl", "enable", "yodeld")
	b.run(t, "systemctl", "stop", "yodeld")
	b.run(t, "systemctl", "start", "yodeld")
	b.run(t, "systemctl", "is-active", "yodeld.socket")
}

// isReinstalled also shows that what the daemon knew is there again.
func isReinstalled(t *testing.T, b *box) {
	b.run(t, "dpkg", "--no-triggers", "--remove", "yodeld")
	b.fails(t, 3, "systemctl", "is-active", "yodeld.service", "yodeld.socket")
	b.run(t, "test", "-s", "/etc/yodel/yodeld.toml")
	b.dpkg(t, newer, "--install", "yodeld")
	b.run(t, "systemctl", "is-active", "yodeld.service", "yodeld.socket")
	b.run(t, as("alice", "send", "back again")...)
}

// isPurged also installs and purges where the administrator wants no service, and keeps files of theirs.
func isPurged(t *testing.T, b *box) {
	b.run(t, "systemctl", "stop", "yodeld")
	b.run(t, "mount", "-t", "tmpfs", "state", "/var/lib/private/yodel")
	b.run(t, "sh", "-c", "mkdir -m 0700 /var/lib/private/yodel/more; echo >/var/lib/private/yodel/more/file; echo >/etc/yodel/authorized_keys; echo mine >/etc/yodel/notes")
	b.run(t, "dpkg", "--no-triggers", "--purge", "yodeld", "yodel")
	b.fails(t, 3, "systemctl", "is-active", "yodeld.service", "yodeld.socket")
	if left := b.run(t, "sh", "-c", "ls -A /var/lib/private/yodel /etc/yodel | tr '\\n' ' '"); left != "/etc/yodel: notes  /var/lib/private/yodel:" {
		t.Errorf("what is left: %q", left)
	}
	b.run(t, "umount", "/var/lib/private/yodel")
	b.run(t, "rm", "-r", "/var/lib/private/yodel", "/etc/yodel")

	b.run(t, "ln", "-s", "/dev/null", "/etc/systemd/system/yodeld.service") // systemctl mask
	b.dpkg(t, newer, "--install", "yodeld")
	b.fails(t, 3, "systemctl", "is-active", "yodeld.service", "yodeld.socket")
	b.run(t, "dpkg", "--no-triggers", "--purge", "yodeld")
	b.run(t, "rm", "/etc/systemd/system/yodeld.service")
	if left := b.run(t, "find", "/etc", "/run", "/usr", "/var", "-name", "*yodel*", "-not", "-path", "*/credentials/*"); left != "" {
		t.Errorf("what is left:\n%s", left)
	}
	b.fails(t, 2, "getent", "group", "yodel")
}
