package main

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"yodel/peer"
	"yodel/wire/secure"
)

// asYodeld is the variable that has the test's program be yodeld.
const asYodeld = "YODELD_TEST_PROCESS"

// process is a daemon of its own, with the service manager that it tells.
type process struct {
	t       *testing.T
	cmd     *exec.Cmd
	addr    string
	stderr  string
	manager *net.UnixConn
}

// startProcess starts yodeld serve, and waits until it can be used.
func startProcess(t *testing.T, args ...string) *process {
	t.Helper()
	dir := t.TempDir()
	p := &process{t: t, stderr: filepath.Join(dir, "stderr")}
	notify := filepath.Join(dir, "notify")
	var err error
	if p.manager, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: notify, Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.manager.Close() })
	stderr, err := os.Create(p.stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stderr.Close() }() // the process has it
	p.cmd = exec.Command(os.Args[0], append([]string{"serve", "--listen", "127.0.0.1:0", "--state", filepath.Join(dir, "state")}, args...)...)
	p.cmd.Env = append(os.Environ(), asYodeld+"=1", "NOTIFY_SOCKET="+notify)
	p.cmd.Stderr, p.cmd.WaitDelay = stderr, time.Second
	stdout, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if fields := strings.Fields(line); err == nil && len(fields) == 5 {
		p.addr = fields[3]
	} else {
		t.Fatalf("ready line %q, %v; log:\n%s", line, err, p.log())
	}
	p.wantNotice("READY=1")
	return p
}

// stop ends the process, which is to end well.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	late := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("%v; log:\n%s", err, p.log())
	}
}

func (p *process) log() string {
	text, err := os.ReadFile(p.stderr)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (p *process) wantNotice(want string) {
	p.t.Helper()
	if err := p.manager.SetReadDeadline(time.Now().Add(patience)); err != nil {
		p.t.Fatal(err)
	}
	if got, err := nextNotice(p.manager); err != nil || !strings.HasPrefix(got, want) {
		p.t.Fatalf("the service manager was told %q, %v; want %s; log:\n%s", got, err, want, p.log())
	}
}

// hangUp sends SIGHUP, waits until the service manager was told that the reload is over, and gives what the log says of it.
func (p *process) hangUp(says ...string) {
	p.t.Helper()
	before := len(p.log())
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		p.t.Fatal(err)
	}
	p.wantNotice("RELOADING=1\nMONOTONIC_USEC=")
	p.wantNotice("READY=1")
	late := time.Now().Add(patience)
	for _, words := range says {
		for tick := time.Tick(10 * time.Millisecond); !strings.Contains(p.log()[before:], words); <-tick {
			if time.Now().After(late) {
				p.t.Fatalf("the log does not say %q:\n%s", words, p.log())
			}
		}
	}
}

// A real process takes other settings at SIGHUP: a peer in a room hears of its delay; a bad file changes nothing, and is told of with its lines.
func TestReloadBySIGHUP(t *testing.T) {
	file := filepath.Join(t.TempDir(), "yodeld.toml")
	writeConfig(t, file, "delay = \"1s\"\ngather = \"1ms\"\n[keep]\nmessages = 100\n")
	p := startProcess(t, "--config", file, "--max-rooms", "50")
	c := dial(t, p.addr)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	joined, err := c.Join(ctx, peer.JoinOptions{Room: "lobby"})
	if err != nil || joined.Delay != time.Second {
		t.Fatalf("%+v, %v", joined, err)
	}

	writeConfig(t, file, "delay = \"2s\"\ngather = \"2ms\"\n[keep]\nmessages = 5\n[limits]\nrooms = 9\n[rooms.studio]\ndelay = 0\n[log]\nlevel = \"debug\"\n[http]\nlisten = \"127.0.0.1:1\"\n")
	p.hangUp(`msg=reloaded`, `changed="[delay keep.messages log.level rooms.studio]"`, `level=WARN`, `settings="[gather http.listen]"`)
	wantDelay(t, c, 2*time.Second)

	writeConfig(t, file, "delay = \"3s\"\nnonsense = 1\n[keep]\nage = true\n")
	p.hangUp(`level=ERROR msg="not reloaded: nothing has changed" file=`+file+` line=2 error="nonsense: unknown key`, `line=4 error="keep.age: true: expected`)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	p.hangUp("not reloaded: nothing has changed", "no such file")
	rooms, err := c.Rooms(ctx)
	if err != nil || len(rooms) != 2 || rooms[0].Delay != 2*time.Second || rooms[1].Room != "studio" {
		t.Errorf("after bad files: %+v, %v", rooms, err)
	}

	writeConfig(t, file, "")
	p.hangUp(`changed="[delay keep.messages log.level rooms.studio]"`, "settings=[gather]")
	wantDelay(t, c, 10*time.Second)
}

// Without a file SIGHUP does no harm.
func TestSIGHUPWithoutAFile(t *testing.T) {
	p := startProcess(t)
	for range 3 {
		p.hangUp("there is no configuration file")
	}
	if strings.Contains(p.log(), "level=WARN msg=reloaded") {
		t.Errorf("something needs a restart:\n%s", p.log())
	}
}

func dial(t *testing.T, addr string) *peer.Client {
	t.Helper()
	id, err := secure.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := peer.Dial(ctx, peer.Config{
		Server: addr, Identity: id, Nick: "alice", Software: "test/1",
		KnownHosts: &secure.KnownHosts{Path: filepath.Join(t.TempDir(), "known_hosts")},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// wantDelay waits until the peer has heard that its room has a delay.
func wantDelay(t *testing.T, c *peer.Client, want time.Duration) {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case e, ok := <-c.Events():
			if !ok {
				t.Fatalf("events are closed: %v", c.Err())
			}
			if changed, is := e.(*peer.RoomChanged); is {
				if changed.Room != "lobby" || changed.Delay != want {
					t.Errorf("%+v", changed)
				}
				return
			}
		case <-late:
			t.Fatal("the peer heard of no change")
		}
	}
}

// The daemon's key may be a credential of the service; one that is bad is told of, and no other is used in its place.
func TestKeyThatIsACredential(t *testing.T) {
	file := filepath.Join(t.TempDir(), "given.pem")
	id, _, err := secure.LoadOrCreateIdentity(file)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		credential string // empty: there is none
		fails      string // empty: it does not
	}{
		"good": {string(pem), ""}, "bad": {"junk", "a credential of the service"}, "none": {"", ""},
	} {
		credentials, state := t.TempDir(), filepath.Join(t.TempDir(), "new")
		path := filepath.Join(credentials, credential)
		if c.credential != "" {
			writeConfig(t, path, c.credential)
		}
		t.Setenv("CREDENTIALS_DIRECTORY", credentials)
		got, err := loadIdentity(state)
		if (err != nil) != (c.fails != "") || err != nil && (!strings.Contains(err.Error(), c.fails) || !strings.Contains(err.Error(), path)) {
			t.Errorf("%s: %v", name, err)
		}
		if given := got != nil && got.Fingerprint() == id.Fingerprint(); given != (c.credential == string(pem)) {
			t.Errorf("%s: the given key is used: %v", name, given)
		}
		if _, err := os.Stat(filepath.Join(state, "identity.pem")); (err == nil) != (c.credential == "") {
			t.Errorf("%s: a key in the state folder: %v", name, err)
		}
		if _, err := os.Stat(state); err != nil && c.fails == "" {
			t.Errorf("%s: no state folder: %v", name, err)
		}
	}
}
