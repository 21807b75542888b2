package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yodel/wire/secure"
)

func TestMain(m *testing.M) {
	if os.Getenv(asYodeld) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

// patience bounds the waits for what comes at once on an idle machine.
const patience = time.Minute

// yodeld runs a command line that ends by itself.
func yodeld(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, errs bytes.Buffer
	code = run(ctx, append([]string{"yodeld"}, args...), &out, &errs)
	if ctx.Err() != nil {
		t.Fatalf("yodeld %v did not end", args)
	}
	return code, out.String(), errs.String()
}

func TestWrongCommandLines(t *testing.T) {
	state := t.TempDir()
	file := filepath.Join(state, "file")
	if err := os.WriteFile(file, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"nothing":            {nil, exitUsage, "a command is missing"},
		"unknown command":    {[]string{"frobnicate"}, exitUsage, `unknown command "frobnicate"`},
		"unknown flag":       {[]string{"serve", "--frob"}, exitUsage, "frob"},
		"argument":           {[]string{"serve", "now"}, exitUsage, `unexpected argument "now"`},
		"address":            {[]string{"serve", "--listen", "nonsense"}, exitUsage, "--listen nonsense"},
		"port":               {[]string{"serve", "--listen", "127.0.0.1:99999"}, exitUsage, "invalid port"},
		"unknown access":     {[]string{"serve", "--access", "all"}, exitUsage, `unknown access: "all"`},
		"delay":              {[]string{"serve", "--delay", "61s"}, exitUsage, "--delay 61s: a delay of 1m1s"},
		"negative delay":     {[]string{"serve", "--delay", "-1s"}, exitUsage, "--delay -1s: not a time"},
		"room without delay": {[]string{"serve", "--room", "a"}, exitUsage, "--room a: no delay"},
		"room's delay":       {[]string{"serve", "--room", "a=soon"}, exitUsage, "--room a=soon"},
		"room's name":        {[]string{"serve", "--room", "a b=1s"}, exitUsage, "illegal room name"},
		"room twice":         {[]string{"serve", "--room", "a=1s", "--room", "a=2s"}, exitUsage, "twice"},
		"presence address":   {[]string{"serve", "--presence-address", "maybe"}, exitUsage, `presence address "maybe"`},
		"no sessions":        {[]string{"serve", "--max-sessions", "0"}, exitUsage, "--max-sessions 0"},
		"negative rooms":     {[]string{"serve", "--max-rooms", "-1"}, exitUsage, "--max-rooms -1"},
		"members":            {[]string{"serve", "--max-members", "many"}, exitUsage, "max-members"},
		"publish rate":       {[]string{"serve", "--publish-rate", "fast"}, exitUsage, "--publish-rate fast: not a size"},
		"slow publish rate":  {[]string{"serve", "--publish-rate", "63K"}, exitUsage, "a publish rate of 64512 bytes a second"},
		"no echo":            {[]string{"serve", "--echo-bytes", "0"}, exitUsage, "0 bytes of echo"},
		"too many rooms":     {[]string{"serve", "--max-rooms", "1", "--room", "a=1s", "--room", "b=1s"}, exitUsage, "2 rooms that are always there"},
		"key of junk":        {[]string{"key", "--state", file}, exitFailed, "the daemon's key"},
		"address not ours":   {[]string{"serve", "--listen", "192.0.2.1:9", "--access", "open"}, exitFailed, "listen on 192.0.2.1:9"},
	} {
		if len(c.args) > 0 && c.args[0] == "serve" {
			c.args = append(c.args, "--state", state)
			if c.args[1] == "now" {
				c.args = []string{"serve", "--state", state, "now"}
			}
		}
		code, stdout, stderr := yodeld(t, c.args...)
		if code != c.code || stdout != "" || !strings.Contains(stderr, c.says) || !strings.Contains(stderr, "yodeld: error: ") {
			t.Errorf("%s: exit code %d, stdout %q, stderr:\n%s", name, code, stdout, stderr)
		}
	}
}

func TestKeyIsShownAndNotMade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "state")
	code, _, stderr := yodeld(t, "key", "--state", dir)
	if code != exitRefused || !strings.Contains(stderr, "no key yet") || !strings.Contains(stderr, dir) {
		t.Errorf("without a key: exit code %d, %s", code, stderr)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("asking for the key made the state folder (%v)", err)
	}
	path := filepath.Join(dir, "identity.pem")
	id, made, err := secure.LoadOrCreateIdentity(path)
	if err != nil || !made {
		t.Fatal(made, err)
	}
	want := id.Fingerprint().String() + " " + path + "\n"
	if code, got, stderr := yodeld(t, "key", "--state", dir); code != exitDone || got != want {
		t.Errorf("exit code %d, %q, want %q; %s", code, got, want, stderr)
	}
}

func TestWithoutAnyHomeTheFlagIsNamed(t *testing.T) {
	for _, name := range []string{"HOME", "XDG_STATE_HOME", "STATE_DIRECTORY", "YODELD_STATE"} {
		t.Setenv(name, "")
	}
	if code, _, stderr := yodeld(t, "serve"); code != exitFailed || !strings.Contains(stderr, "--state") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

// The daemon says on one line that it is ready, tells the service manager, and ends well when it is told to.
func TestServeIsReadyAndStops(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = manager.Close() })
	t.Setenv("NOTIFY_SOCKET", socket)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, stdout := io.Pipe()
	var stderr bytes.Buffer
	code := make(chan int, 1)
	args := []string{"yodeld", "serve", "--listen", "localhost:0", "--state", t.TempDir(), "--room", "a=0", "--room", "b=2s"}
	go func() { code <- run(ctx, args, stdout, &stderr) }()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(line)
	if len(fields) != 5 || strings.Join(fields[:3], " ") != "yodeld: ready on" || !strings.HasPrefix(fields[4], "SHA256:") {
		t.Errorf("ready line %q", line)
	}
	if _, err := net.ResolveUDPAddr("udp", fields[3]); err != nil {
		t.Errorf("ready line %q: %v", line, err)
	}
	wantNotice(t, manager, "READY=1")
	stop()
	wantNotice(t, manager, "STOPPING=1")
	select {
	case c := <-code:
		if c != exitDone {
			t.Errorf("exit code %d: %s", c, &stderr)
		}
	case <-time.After(patience):
		t.Fatal("it does not stop")
	}
}

func wantNotice(t *testing.T, manager *net.UnixConn, want string) {
	t.Helper()
	if err := manager.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if got, err := nextNotice(manager); err != nil || !strings.HasPrefix(got, want) {
		t.Errorf("the service manager was told %q, %v; want %s", got, err, want)
	}
}

// nextNotice is what the service manager is told next, but that a start takes long.
func nextNotice(manager *net.UnixConn) (string, error) {
	b := make([]byte, 1024)
	for {
		n, err := manager.Read(b)
		if err != nil || !strings.HasPrefix(string(b[:n]), "EXTEND_TIMEOUT_USEC=") {
			return string(b[:n]), err
		}
	}
}

func TestListenAddress(t *testing.T) {
	for in, want := range map[string]string{
		"127.0.0.1:1": "127.0.0.1:1", "[::1]:2": "[::1]:2", ":3": "[::]:3", "0.0.0.0:4": "0.0.0.0:4", "localhost:5": "127.0.0.1:5",
		"[::ffff:127.0.0.1]:6": "127.0.0.1:6", "[fe80::1%lo]:7": "[fe80::1%lo]:7",
	} {
		if got, err := localAddress(in, netip.IPv6Unspecified()); err != nil || got.String() != want {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
	for in, says := range map[string]string{
		"yodel.invalid:1": "neither an IP address nor localhost", "127.0.0.1:http": "invalid port", "127.0.0.1": "missing port", "[::1:2": "missing ']'",
		"127.1:1": "neither an IP address",
	} {
		if got, err := localAddress(in, netip.IPv6Unspecified()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, %v; want %q", in, got, err, says)
		}
	}
}
