//go:build linux

package systemd_test

import (
	"strings"
	"testing"
)

// isStopped kills the daemon while the service is being stopped: the port is closed then, too, and nothing starts it again.
func isStopped(t *testing.T, b *box) {
	bob := b.start(t, as("bob", "read", "-f")...)
	bob.waitFor(t, "joined lobby")
	const stop = `p=$(systemctl show -P MainPID yodeld); kill -STOP "$p"; systemctl --no-block stop yodeld
		until [ "$(systemctl show -P ActiveState yodeld)" = deactivating ]; do sleep 0.05; done
		kill -KILL "$p"; while systemctl is-active -q yodeld.socket || [ "$(systemctl show -P ActiveState yodeld)" = deactivating ]; do sleep 0.05; done`
	b.run(t, "timeout", "50", "bash", "-c", stop)
	if result := b.run(t, "systemctl", "show", "-P", "Result", "yodeld"); result == "success" {
		t.Error("the service ended well, want killed")
	}
	b.fails(t, 3, as("alice", "send", "--timeout", "2s", "anybody?")...)
	b.fails(t, 3, "systemctl", "is-active", "yodeld.service", "yodeld.socket")
	b.run(t, "systemctl", "start", "yodeld")
	bob.waitFor(t, "connected again")
	bob.kill(t)
}

// isRepaired takes the configuration away, and puts it back unreadable: the daemon fails more often than systemd usually puts up with, says each time what
// would help, and starts by itself when all is well again. bob, who tries to come back all the time, makes no difference.
func isRepaired(t *testing.T, b *box) {
	bob := b.start(t, as("bob", "read", "-f")...)
	bob.waitFor(t, "joined lobby")
	b.run(t, "mv", "/etc/yodel/yodeld.toml", "/etc/yodel/away")
	b.fails(t, 1, "systemctl", "restart", "yodeld")
	const restarts = `until [ "$(systemctl show -P NRestarts yodeld)" -ge 12 ]; do sleep 0.1; done`
	b.run(t, "timeout", "100", "bash", "-c", restarts)
	b.run(t, "systemctl", "is-active", "yodeld.socket")
	if log := b.log(t); !strings.Contains(log, "--force-confmiss") {
		t.Errorf("the log does not say how the file comes back:\n%s", log)
	}
	b.run(t, "chmod", "0600", "/etc/yodel/away")
	b.run(t, "mv", "/etc/yodel/away", "/etc/yodel/yodeld.toml")
	const denied = `until journalctl --no-pager -o cat -u yodeld | grep -q "the daemon is not root"; do sleep 0.1; done`
	b.run(t, "timeout", "50", "bash", "-c", denied)
	b.run(t, "chmod", "0644", "/etc/yodel/yodeld.toml")
	bob.waitFor(t, "connected again")
	bob.kill(t)
	b.run(t, "systemctl", "is-active", "yodeld.service", "yodeld.socket")
}
