package main

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"

	"yodel/daemon/access"
)

// reloads makes a reloader for the settings that a file has, and runs do with it.
func reloads(t *testing.T, file string, do func(r *reloader, log *bytes.Buffer)) {
	t.Helper()
	serve := &cli.Command{Name: "serve", Flags: settingFlags(), Action: func(c *cli.Context) error {
		s, _, err := readSettings(c)
		if err != nil {
			return err
		}
		log := new(bytes.Buffer)
		s.Logger = slog.New(slog.NewTextHandler(log, nil))
		do(&reloader{c: c, now: s, level: new(slog.LevelVar), log: s.Logger}, log)
		return nil
	}}
	app := &cli.App{Name: "yodeld", Commands: []*cli.Command{serve}}
	if err := app.Run([]string{"yodeld", "serve", "--config", file}); err != nil {
		t.Fatal(err)
	}
}

// manager is what the service manager is told.
func manager(t *testing.T) *net.UnixConn {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", socket)
	return conn
}

// A daemon that is to stop reloads nothing, and says nothing of it: neither to the log nor to the service manager, which was told that it stops.
func TestNothingIsReloadedAtAStop(t *testing.T) {
	told := manager(t)
	file := filepath.Join(t.TempDir(), "yodeld.toml")
	writeConfig(t, file, "")
	g := newGate("dropped")
	d, stop := runDaemon(t, slog.New(g))
	defer stop()
	send(t, d, "junk")
	<-g.held
	stopping, cancel := context.WithCancel(t.Context())
	reloads(t, file, func(r *reloader, log *bytes.Buffer) {
		over := make(chan struct{})
		go func() {
			defer close(over)
			r.reload(stopping, d) // which the daemon holds up
		}()
		wantNotice(t, told, "RELOADING=1")
		cancel()
		<-over
		hangups := make(chan os.Signal, 1)
		r.hangups = hangups
		for range 20 { // the choice between two that are ready is by chance
			hangups <- syscall.SIGHUP
			r.run(stopping, d)
			select {
			case <-hangups:
			default:
			}
		}
		if log.Len() > 0 {
			t.Errorf("the log says:\n%s", log)
		}
	})
	close(g.release)
	notify(slog.New(slog.DiscardHandler), "LAST=1")
	wantNotice(t, told, "LAST=1")
}

// What is opened to everyone is warned of, also by a reload.
func TestAReloadWarnsOfAnOpenDaemon(t *testing.T) {
	for _, c := range []struct {
		mode  access.Mode
		at    string
		warns bool
	}{
		{access.Open, "[::]:1", true},
		{access.Open, "0.0.0.0:1", true},
		{access.Open, "203.0.113.1:1", true},
		{access.Open, "127.0.0.1:1", false},
		{access.Open, "192.168.0.1:1", false},
		{access.Invite, "0.0.0.0:1", false},
	} {
		var text bytes.Buffer
		warnOpen(slog.New(slog.NewTextHandler(&text, nil)), c.mode, netip.MustParseAddrPort(c.at))
		if (text.Len() > 0) != c.warns {
			t.Errorf("%s on %s: %q", c.mode, c.at, &text)
		}
	}
	const warning = "everyone who can reach this address may come in"
	file := filepath.Join(t.TempDir(), "yodeld.toml")
	writeConfig(t, file, "access = \"known\"\nlisten = \"127.0.0.1:1\"\n")
	p := startProcess(t, "--listen", "0.0.0.0:0", "--config", file)
	if strings.Contains(p.log(), warning) {
		t.Errorf("before:\n%s", p.log())
	}
	writeConfig(t, file, "access = \"open\"\n")
	p.hangUp("changed=[access]", warning)
}

// What a passed socket makes useless needs no restart, and is told of once.
func TestAReloadTellsThatAnAddressIsNotUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "yodeld.toml")
	writeConfig(t, file, "")
	d, stop := runDaemon(t, slog.New(slog.DiscardHandler))
	defer stop()
	reloads(t, file, func(r *reloader, log *bytes.Buffer) {
		r.webPassed = true
		writeConfig(t, file, "[http]\nlisten = \"127.0.0.1:1\"\n")
		for range 2 {
			r.reload(t.Context(), d)
		}
		if n := strings.Count(log.String(), "http.listen is not used"); n != 1 || strings.Contains(log.String(), "settings=\"[http.listen") {
			t.Errorf("it is told %d times:\n%s", n, log)
		}
	})
}

// The lists of settings agree: each that is another one is named by a reload, by the name that it has in the file, and the file says which need a restart.
func TestAReloadNamesEachSetting(t *testing.T) {
	now := usualSettings()
	now.State, now.Listen = "/state", netip.MustParseAddrPort("127.0.0.1:0")
	d, stop := runDaemon(t, slog.New(slog.DiscardHandler))
	defer stop()
	reload := func(next *settings) (changed, restart []string) {
		t.Helper()
		result, err := d.Reload(t.Context(), next.Config)
		if err != nil {
			t.Fatal(err)
		}
		changed, restart = now.differences(next)
		return append(changed, result.Changed...), append(restart, result.NeedRestart...)
	}
	_, usual := reload(now) // this daemon was started with others
	var need []string
	for i := range allSettings {
		s := &allSettings[i]
		next := *now
		if err := s.take(&next, samples[s.key][0]); err != nil {
			t.Fatal(err)
		}
		if s.key == "access" {
			next.Access = access.Known
		}
		changed, restart := reload(&next)
		restart = slices.DeleteFunc(restart, func(name string) bool { return slices.Contains(usual, name) && name != s.key })
		if all := slices.Concat(changed, restart); !slices.Equal(all, []string{s.key}) {
			t.Errorf("%s: %q", s.key, all)
		}
		need = append(need, restart...)
		reload(now)
	}
	_, list, found := strings.Cut(defaultHead, "what needs a restart: ")
	list, _, _ = strings.Cut(list, " do.")
	named := strings.Fields(strings.ReplaceAll(strings.ReplaceAll(list, " and ", " "), ",", ""))
	slices.Sort(named)
	slices.Sort(need)
	if d := cmp.Diff(need, named); d != "" || !found {
		t.Errorf("what the file says needs a restart (-want +got)\n%s", d)
	}
}

// inItself has TestSIGHUPEndsNothing send it to its own process.
const inItself = "YODELD_TEST_HANGUP"

// SIGHUP never ends the process: not before the daemon can reload, and not when it has ended. Here it has ended before it could.
func TestSIGHUPEndsNothing(t *testing.T) {
	if os.Getenv(inItself) != "" {
		code, _, stderr := yodeld(t, "serve", "--state", "/dev/null/nowhere", "--listen", "127.0.0.1:0")
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil || code != exitFailed {
			t.Errorf("exit code %d, %s, %v", code, stderr, err)
		}
		return
	}
	self := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	self.Env = append(os.Environ(), inItself+"=1")
	if out, err := self.CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}
