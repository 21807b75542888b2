package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"yodel/peer"
	"yodel/wire"
	"yodel/wire/secure"
)

// served is a daemon that runs in the test's process.
type served struct {
	t     *testing.T
	state string
	addr  string
	key   string
	code  chan int
}

// serveDaemon runs yodeld serve until the test's end.
func serveDaemon(t *testing.T, flags ...string) *served {
	t.Helper()
	for _, name := range []string{"YODELD_CONTROL", "YODELD_STATE", "RUNTIME_DIRECTORY", "STATE_DIRECTORY", "YODELD_CONFIG"} {
		t.Setenv(name, "")
	}
	d := &served{t: t, state: t.TempDir(), code: make(chan int, 1)}
	ctx, stop := context.WithCancel(context.Background())
	out, stdout := io.Pipe()
	var stderr bytes.Buffer
	args := append([]string{"yodeld", "serve", "--listen", "127.0.0.1:0", "--state", d.state}, flags...)
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.code <- run(ctx, args, stdout, &stderr)
		_ = stdout.Close()
	}()
	t.Cleanup(func() {
		stop()
		select {
		case <-done:
		case <-time.After(patience):
			t.Error("the daemon does not end")
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	fields := strings.Fields(line)
	if err != nil || len(fields) != 5 {
		t.Fatalf("ready line %q, %v", line, err)
	}
	d.addr, d.key = fields[3], fields[4]
	return d
}

// ask runs a command that talks to the daemon.
func (d *served) ask(args ...string) (code int, stdout, stderr string) {
	d.t.Helper()
	return yodeld(d.t, append(args, "--state", d.state)...)
}

// wants runs a command that must end well, and gives its lines.
func (d *served) wants(args ...string) []string {
	d.t.Helper()
	code, stdout, stderr := d.ask(args...)
	if code != exitDone {
		d.t.Fatalf("yodeld %q: exit code %d: %s", args, code, stderr)
	}
	return strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
}

// enters has somebody come in.
func (d *served) enters(nick, room, software string) *peer.Client {
	d.t.Helper()
	id, err := secure.NewIdentity()
	if err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	c, err := peer.Dial(ctx, peer.Config{Server: d.addr, Identity: id, Nick: nick, Software: software})
	if err != nil {
		d.t.Fatal(err)
	}
	go func() {
		for range c.Events() { // until the end
		}
	}()
	d.t.Cleanup(func() { _ = c.Close() })
	if _, err := c.Join(ctx, peer.JoinOptions{Room: room}); err != nil {
		d.t.Fatal(err)
	}
	return c
}

// left waits until a peer's session has ended.
func left(t *testing.T, c *peer.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		if _, err := c.Ping(ctx); err != nil {
			if ctx.Err() != nil {
				t.Fatal("the peer is still there")
			}
			return
		}
	}
}

func TestStatusIsShown(t *testing.T) {
	d := serveDaemon(t, "--public-address", "yodel.example.org")
	d.enters("alice", "lobby", "")
	text := strings.Join(d.wants("status"), "\n")
	for _, want := range []string{d.addr, d.key, "yodel.example.org", "1 of 16384", "messages are stored", "open"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q:\n%s", want, text)
		}
	}
	lines := d.wants("status", "--json")
	var s struct{ Type, Address, Fingerprint string }
	if err := json.Unmarshal([]byte(lines[0]), &s); err != nil || len(lines) != 1 || s.Type != "status" || s.Address != d.addr || s.Fingerprint != d.key {
		t.Errorf("%q: %v", lines, err)
	}
}

func TestPeersAndRoomsAreListed(t *testing.T) {
	d := serveDaemon(t, "--room", "studio=2s")
	d.enters("the old man", "lobby", "evil 1  2\tx\n\x1b[2J")
	d.enters("שלום", "studio", "")
	lines := d.wants("peers")
	if len(lines) != 3 {
		t.Fatalf("%q", lines)
	}
	columns := regexp.MustCompile(` {2,}`)
	for i, line := range lines {
		cells := columns.Split(line, -1)
		if len(cells) != 11 {
			t.Errorf("line %d has %d columns: %q", i, len(cells), line)
		}
		if i > 0 && (!strings.HasPrefix(cells[1], "SHA256:") || !strings.HasPrefix(cells[2], "127.0.0.1:") || cells[5] == "" || cells[6] != "-/-") {
			t.Errorf("line %d: %q", i, cells)
		}
		if strings.ContainsAny(line, "\x1b\t") {
			t.Errorf("line %d: %q", i, line)
		}
	}
	if cells := columns.Split(lines[1], -1); cells[0] != "the old man" || cells[3] != "lobby" || cells[10] != `evil 1 2 x\n\x1b[2J` {
		t.Errorf("%q", cells)
	}
	for _, line := range d.wants("peers", "--json") {
		var p struct {
			Type, Nick string
			Loss       *float64 `json:"loss_in"`
		}
		if err := json.Unmarshal([]byte(line), &p); err != nil || p.Type != "peer" || p.Nick == "" || p.Loss != nil || !strings.Contains(line, `"loss_in":null`) {
			t.Errorf("%q: %v", line, err)
		}
	}
	rooms := d.wants("rooms")
	if len(rooms) != 3 || !strings.HasPrefix(rooms[1], "lobby ") || !strings.HasPrefix(rooms[2], "studio* ") || !strings.Contains(rooms[2], "2s") {
		t.Errorf("%q", rooms)
	}
}

func TestRoomIsChanged(t *testing.T) {
	d := serveDaemon(t)
	d.wants("room", "set", "studio", "--delay", "0", "--keep", "5", "--keep-age=2d")
	lines := d.wants("rooms")
	if len(lines) != 2 || !regexp.MustCompile(`^studio\* +live +0 +0 +0 +5,2d0h,`).MatchString(lines[1]) {
		t.Errorf("%q", lines)
	}
	for name, args := range map[string][]string{
		"nothing":  {"room", "set", "studio"},
		"no name":  {"room", "set", "--delay", "0"},
		"a name":   {"room", "set", "a b", "--delay", "0"},
		"a delay":  {"room", "set", "studio", "--delay", "2m"},
		"a number": {"room", "set", "studio", "--keep", "many"},
		"no verb":  {"room"},
	} {
		if code, _, stderr := yodeld(t, args...); code != exitUsage {
			t.Errorf("%s: exit code %d: %s", name, code, stderr)
		}
	}
}

func TestKickEndsASession(t *testing.T) {
	d := serveDaemon(t)
	a, b := d.enters("alice", "lobby", ""), d.enters("bob", "lobby", "")
	if lines := d.wants("kick", "Alice", "--reason", "noise"); lines[0] != "ended 1 session" {
		t.Errorf("%q", lines)
	}
	left(t, a)
	if code, _, stderr := d.ask("kick", "alice"); code != exitRefused || !strings.Contains(stderr, "nobody there is alice") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if code, _, _ := d.ask("kick", "bob", "--room", "studio"); code != exitRefused {
		t.Errorf("of another room: exit code %d", code)
	}
	if lines := d.wants("kick", "--json", b.Fingerprint().String(), "--room", "lobby"); lines[0] != `{"type":"kick","ended":1}` {
		t.Errorf("%q", lines)
	}
	left(t, b)
	for _, args := range [][]string{{"kick"}, {"kick", "a", "b"}, {"kick", "SHA256:x"}, {"kick", "\x1b"}, {"kick", "a", "--room", "a b"}} {
		if code, _, stderr := yodeld(t, args...); code != exitUsage {
			t.Errorf("%q: exit code %d: %s", args, code, stderr)
		}
	}
}

func TestBans(t *testing.T) {
	d := serveDaemon(t)
	a := d.enters("alice", "lobby", "")
	key := a.Fingerprint().String()
	lines := d.wants("ban", "alice", "--for", "1h", "--reason", "noise")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "banned "+key+" until 2") || lines[1] != "ended 1 session" {
		t.Errorf("%q", lines)
	}
	left(t, a)
	if lines = d.wants("ban", "192.0.2.0/24"); lines[0] != "banned 192.0.2.0/24 until it is lifted" {
		t.Errorf("%q", lines)
	}
	if lines = d.wants("bans"); len(lines) != 3 || !strings.HasPrefix(lines[1], key) || !strings.HasSuffix(lines[1], "noise") {
		t.Errorf("%q", lines)
	}
	if lines = d.wants("bans", "--json"); len(lines) != 2 || !strings.HasPrefix(lines[1], `{"type":"ban","prefix":"192.0.2.0/24"`) {
		t.Errorf("%q", lines)
	}
	d.wants("unban", key)
	d.wants("unban", "192.0.2.0/24")
	for name, c := range map[string]struct {
		args []string
		code int
	}{
		"not banned": {[]string{"unban", key}, exitRefused},
		"not there":  {[]string{"ban", "carol"}, exitRefused},
		"a time":     {[]string{"ban", "alice", "--for", "soon"}, exitUsage},
		"nobody":     {[]string{"ban"}, exitUsage},
		"a nick":     {[]string{"unban", "alice"}, exitUsage},
		"a key":      {[]string{"unban", "SHA256:x"}, exitUsage},
	} {
		if code, _, stderr := d.ask(c.args...); code != c.code {
			t.Errorf("%s: exit code %d: %s", name, code, stderr)
		}
	}
}

func TestKeysAreAllowedAndDenied(t *testing.T) {
	d := serveDaemon(t)
	const key = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	d.wants("key", "allow", key, "--nick", "carol", "--role", "crew", "--role", "host")
	if lines := d.wants("key", "list"); len(lines) != 2 || !regexp.MustCompile(`^\S+  carol  crew,host  allowed  `).MatchString(lines[1]) {
		t.Errorf("%q", lines)
	}
	d.wants("key", "deny", key, "--reason", "lost")
	if lines := d.wants("key", "list", "--json"); len(lines) != 1 || !strings.Contains(lines[0], `"source":"denied"`) {
		t.Errorf("%q", lines)
	}
	if lines := d.wants("key"); !strings.HasPrefix(lines[0], d.key+" ") {
		t.Errorf("its own: %q", lines)
	}
	for _, args := range [][]string{{"key", "allow"}, {"key", "allow", "alice"}, {"key", "deny", "SHA256:"}, {"key", "allow", key, "--role", "a b"}, {"key", "lost"}} {
		if code, _, stderr := d.ask(args...); code != exitUsage {
			t.Errorf("%q: exit code %d: %s", args, code, stderr)
		}
	}
}

func TestInviteIsALinkAlone(t *testing.T) {
	d := serveDaemon(t)
	_, port, _ := net.SplitHostPort(d.addr)
	for _, c := range []struct {
		args []string
		host string
		port string
		room string
		hint bool
	}{
		{nil, "127.0.0.1", port, "lobby", true},
		{[]string{"--host", "localhost", "--room", "studio"}, "localhost", port, "studio", false},
		{[]string{"--host", "yodel.example.org:7000", "--uses", "0"}, "yodel.example.org", "7000", "lobby", false},
		{[]string{"--host", "yodel.example.org:7000", "--uses", "0", "--expires", "0"}, "yodel.example.org", "7000", "lobby", true}, // for everyone, for ever
		{[]string{"--host", "2001:db8::1"}, "2001:db8::1", port, "lobby", false},
		{[]string{"--host", "[2001:db8::1]:7000", "--role", "crew"}, "2001:db8::1", "7000", "lobby", false},
	} {
		code, stdout, stderr := d.ask(append([]string{"invite"}, c.args...)...)
		i, err := wire.ParseInvite(strings.TrimSuffix(stdout, "\n"))
		if code != exitDone || err != nil || i.Host != c.host || strconv.Itoa(int(i.Port)) != c.port || i.Room != c.room ||
			secure.Fingerprint(i.Fingerprint).String() != d.key || strings.Contains(stderr, "hint: ") != c.hint {
			t.Errorf("%q: exit code %d, %+v, %v; %s", c.args, code, i, err, stderr)
		}
	}
	lines := d.wants("invite", "--json", "--host", "localhost")
	var i inviteObject
	if err := json.Unmarshal([]byte(lines[0]), &i); err != nil || !strings.HasPrefix(i.Link, "yodel://localhost:") || i.Uses != 1 || i.Expires.IsZero() {
		t.Errorf("%q: %v", lines, err)
	}
	for _, args := range [][]string{
		{"--host", "a b"}, {"--host", "x:0"}, {"--room", "a b"}, {"--uses", "-1"}, {"--expires", "soon"}, {"--role", "A B"}, {"more"},
	} {
		code, stdout, stderr := d.ask(append([]string{"invite"}, args...)...)
		if code != exitUsage || stdout != "" {
			t.Errorf("%q: exit code %d, %q: %s", args, code, stdout, stderr)
		}
	}
}

func TestStopEndsTheDaemon(t *testing.T) {
	d := serveDaemon(t)
	d.wants("stop")
	select {
	case code := <-d.code:
		if code != exitDone {
			t.Errorf("the daemon's exit code is %d", code)
		}
	case <-time.After(patience):
		t.Fatal("it runs on")
	}
	code, _, stderr := d.ask("status")
	if code != exitUnreachable || !strings.Contains(stderr, "error: the daemon is not running: "+d.state) || !strings.Contains(stderr, "hint: yodeld serve") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

// all commands that ask the daemon.
var asking = [][]string{
	{"status"},
	{"rooms"},
	{"peers"},
	{"kick", "alice"},
	{"ban", "alice"},
	{"unban", "192.0.2.1"},
	{"bans"},
	{"room", "set", "lobby", "--delay", "0"},
	{"invite"},
	{"invites"},
	{"invite", "revoke", "12ab"},
	{"key", "allow", "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
	{"key", "deny", "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
	{"key", "list"},
	{"stop"},
}

func TestNoDaemonThere(t *testing.T) {
	dir := t.TempDir()
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "stale"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	_ = stale.Close()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range asking {
		for _, c := range []struct {
			path string
			code int
			says string
		}{
			{filepath.Join(dir, "none"), exitUnreachable, "the daemon is not running"},
			{filepath.Join(dir, "stale"), exitUnreachable, "the daemon is not running"},
			{file, exitFailed, "not the control socket of a Yodel daemon"},
		} {
			code, stdout, stderr := yodeld(t, append(slices.Clone(command), "--control", c.path)...)
			if code != c.code || stdout != "" || !strings.Contains(stderr, "yodeld: error: "+c.says) || !strings.Contains(stderr, c.path) {
				t.Errorf("%q at %s: exit code %d, %q: %s", command, c.path, code, stdout, stderr)
			}
		}
	}
}

func TestNoPermission(t *testing.T) {
	if os.Getuid() != 0 {
		const what = "NOT TESTED: what a user is told who may not use the control socket needs root"
		if os.Getenv("CI") == "true" {
			t.Fatal(what)
		}
		t.Skip(what)
	}
	d := serveDaemon(t)
	program, open := filepath.Join(t.TempDir(), "yodeld"), filepath.Dir(d.state)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, b, 0o755); err != nil { // where it is now, only root may look
		t.Fatal(err)
	}
	for _, dir := range []string{d.state, open, filepath.Dir(program), filepath.Dir(filepath.Dir(program))} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, "status", "--state", d.state)
	cmd.Env = append(os.Environ(), asYodeld+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if code := cmd.ProcessState.ExitCode(); code != exitRefused || !strings.Contains(stderr.String(), "no permission for the control socket") ||
		!strings.Contains(stderr.String(), "the group yodel") {
		t.Errorf("exit code %d: %s", code, &stderr)
	}
}

// A daemon does without a control socket where nobody has said where it is to be, and does not start where somebody has.
func TestNoPlaceForTheSocket(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := yodeld(t, "serve", "--listen", "127.0.0.1:0", "--state", t.TempDir(), "--control", file)
	if code != exitFailed || !strings.Contains(stderr, file) {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	d := serveDaemon(t)
	code, _, stderr = yodeld(t, "serve", "--listen", "127.0.0.1:0", "--state", t.TempDir(), "--control", filepath.Join(d.state, socketName))
	if code != exitFailed || !strings.Contains(stderr, "another daemon has the control socket") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	d.wants("status")
}

func TestCells(t *testing.T) {
	for in, want := range map[string]string{
		"": "-", "alice": "alice", "a\tb": "a b", "a   b": "a b", " a ": "a", "a\nb": `a\nb`, "\x1b[2J": `\x1b[2J`, "\u202eb": `\u202eb`, "\xff": `\xff`,
	} {
		if got := cell(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	var out bytes.Buffer
	p := printer{out: &out}
	if err := p.object("x", map[string]string{"a": "\u202e\u009b<"}); err != nil || out.String() != `{"type":"x","a":"\u202e\u009b<"}`+"\n" {
		t.Errorf("%q, %v", &out, err)
	}
}

func TestFlagsMayStandAnywhere(t *testing.T) {
	app := newApp(io.Discard, io.Discard)
	for in, want := range map[string]string{
		"status":                          "status",
		"kick alice --reason no --json":   "kick --reason no --json -- alice",
		"kick --reason no alice":          "kick --reason no -- alice",
		"kick --reason=no alice -r x":     "kick --reason=no -r x -- alice",
		"kick -- --alice":                 "kick -- --alice",
		"key allow K --role a --role b":   "key allow --role a --role b -- K",
		"key --state x":                   "key --state x",
		"room set a --delay 0":            "room set --delay 0 -- a",
		"kick alice --help":               "kick --help",
		"invite --state x revoke 12ab":    "invite revoke --state x -- 12ab",
		"key --state x allow K --nick n":  "key allow --state x --nick n -- K",
		"invite --room revoke":            "invite --room revoke",
		"invite -- revoke":                "invite -- revoke",
		"kick alice --frob x":             "kick --frob -- alice x",
		"--version":                       "--version",
		"help kick":                       "help kick",
		"frobnicate --x":                  "frobnicate --x",
		"serve --room a=0 --verbose -v x": "serve --room a=0 --verbose -v -- x",
	} {
		got := arrange(app, append([]string{"yodeld"}, strings.Fields(in)...))
		if s := strings.Join(got[1:], " "); s != want {
			t.Errorf("%s: %s, want %s", in, s, want)
		}
	}
}
