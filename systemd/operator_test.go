//go:build linux

package systemd_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

func administered(t *testing.T, b *box) {
	b.run(t, "useradd", "--no-create-home", "--groups", "yodel", "olga")
	status := func(user string) []string {
		return []string{"setpriv", "--reuid", user, "--regid", user, "--init-groups", "yodeld", "status", "--json"}
	}
	for who, args := range map[string][]string{"root": {"yodeld", "status", "--json"}, "a member of the group": status("olga")} {
		var told struct{ Fingerprint, Access string }
		if err := json.Unmarshal([]byte(b.run(t, args...)), &told); err != nil || !strings.HasPrefix(told.Fingerprint, "SHA256:") || told.Access != "invite" {
			t.Errorf("%s is told %+v (%v)", who, told, err)
		}
	}
	if own := b.run(t, "env", "HOME=/tmp/nobody", "yodeld", "key"); own != b.run(t, "sh", "-c", `yodeld status --json | sed 's/.*"fingerprint":"\([^"]*\)".*/\1/'`)+" /run/yodel/control.sock" {
		t.Errorf("yodeld key shows %q", own)
	}
	b.run(t, append(append([]string{}, status("olga")[:6]...), "yodeld", "room", "set", "quiet", "--delay", "1s")...)
	uid := b.run(t, "id", "-u", "olga")
	const find = `for i in $(seq 100); do journalctl --sync; l=$(journalctl -u yodeld -o cat --no-pager --output-fields=YODEL_UID YODEL_DID="room set"); [ -n "$l" ] && break; sleep 0.2; done; printf %s "$l"`
	if logged := b.run(t, "bash", "-c", find); logged != uid {
		t.Errorf("the log tells that user %q set a room, it was %s", logged, uid)
	}
	b.run(t, "useradd", "--no-create-home", "mallory")
	if said := b.fails(t, 4, status("mallory")...); !strings.Contains(said, "group yodel") {
		t.Errorf("somebody else is told %q, and not of the group", said)
	}
}

func showsMetrics(t *testing.T, b *box) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", filepath.Join("/proc", b.pid, "root/run/yodel/control.sock"))
	}}, Timeout: patience}
	answer, err := client.Get("http://yodel/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v: %s", answer.Status, err, text)
	}
	for _, want := range []string{"yodel_build_info", "yodel_sessions", "process_cpu_seconds_total"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the metrics have no %s:\n%s", want, text)
		}
	}
}

// logsFields has alice come and go, and finds her by fields of the journal.
func logsFields(t *testing.T, b *box) {
	alice := b.start(t, as("alice", "read", "-f")...)
	alice.waitFor(t, "joined lobby")
	alice.kill(t)
	const find = `for i in $(seq 100); do journalctl --sync; l=$(journalctl -u yodeld -o json --no-pager YODEL_NICK=alice YODEL_ROOM=lobby | tail -n 1); [ -n "$l" ] && break; sleep 0.2; done; printf %s "$l"`
	line := b.run(t, "bash", "-c", find)
	var fields map[string]any
	if err := json.Unmarshal([]byte(line), &fields); err != nil {
		t.Fatalf("no entry of alice in the lobby: %q, %v", line, err)
	}
	for _, name := range []string{"MESSAGE", "PRIORITY", "YODEL_FINGERPRINT"} {
		if fields[name] == nil {
			t.Errorf("an entry has no %s: %s", name, line)
		}
	}
}
