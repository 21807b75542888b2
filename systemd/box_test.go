//go:build linux

package systemd_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	boxScript = "testdata/box.sh"
	patience  = 30 * time.Second // for one command inside, or one line of it
)

// A box is a booted systemd that lasts as long as its test.
type box struct {
	pid   string // of its systemd, outside
	share string // the folder outside that is /share inside
}

// boot starts a box. Where none can run, the test is skipped, but in CI (the
// environment says CI=true) it fails: there the service must have been tested.
func boot(t *testing.T) *box {
	t.Helper()
	if out, err := exec.Command(boxScript, "check").CombinedOutput(); err != nil {
		const loss = "THE SERVICE IS NOT TESTED: systemd cannot be booted here"
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s: %v\n%s", loss, err, out)
		}
		t.Skipf("%s: %v\n%s", loss, err, out)
	}
	b := &box{share: t.TempDir()}
	cmd := exec.Command(boxScript, "boot", t.TempDir(), b.share)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(stdin.Close(), cmd.Wait()); err != nil {
			t.Errorf("box: %v\n%s", err, stderr.String())
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		_ = cmd.Wait()
		t.Fatalf("the box does not boot: %v\n%s", err, stderr.String())
	}
	b.pid = strings.TrimSpace(strings.TrimPrefix(line, "up "))
	return b
}

// command returns a command that runs inside.
func (b *box) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, boxScript, append([]string{"in", b.pid}, args...)...)
}

// run runs a command inside and returns its standard output. Anything but exit
// code 0 fails the test.
func (b *box) run(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := b.command(ctx, args...)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &stdout, &stderr, time.Second
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\nstdout: %s\nstderr: %s\n%s", strings.Join(args, " "), err, &stdout, &stderr, b.journal())
	}
	return strings.TrimSpace(stdout.String())
}

// journal returns what the service has said, for failures.
func (b *box) journal() string {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, _ := b.command(ctx, "sh", "-c", "journalctl --sync; journalctl --no-pager -u yodeld -n 30").CombinedOutput()
	return "journal:\n" + string(out)
}

// as puts a command of the peer into the hands of a user with a home of their
// own, who thus has a key of their own.
func as(nick string, args ...string) []string {
	return append([]string{"env", "HOME=/tmp/" + nick, "YODEL_NICK=" + nick, "yodel"}, args...)
}

// install copies what `make install` installs into the box.
func (b *box) install(t *testing.T) {
	t.Helper()
	bin, root := t.TempDir(), filepath.Join(b.share, "root")
	outside(t, "CGO_ENABLED=0", "go", "build", "-trimpath", "-o", bin, "./cmd/yodeld")
	outside(t, "CGO_ENABLED=1", "go", "build", "-trimpath", "-tags", "nolibopusfile,urfave_cli_no_docs", "-o", bin, "./cmd/yodel")
	outside(t, "LC_ALL=C", "make", "install", "BIN="+bin, "DESTDIR="+root, "PREFIX=/usr")
	b.run(t, "cp", "-a", "/share/root/.", "/")
	b.run(t, "systemctl", "daemon-reload")
}

// outside runs a command at the top of the module, with one variable added to
// the environment.
func outside(t *testing.T, env string, args ...string) {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), env)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// A process is a command that runs inside beside the test.
type process struct {
	name  string
	lines chan string // of its standard error
	done  chan error  // gets how it ended
}

// start starts a command inside and follows its standard error. It is killed
// with the test at the latest.
func (b *box) start(t *testing.T, args ...string) *process {
	t.Helper()
	cmd := b.command(t.Context(), args...)
	cmd.WaitDelay = time.Second
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{
		name:  strings.Join(args, " "),
		lines: make(chan string, 1000),
		done:  make(chan error, 1),
	}
	go func() {
		p.follow(stderr)
		p.done <- cmd.Wait()
	}()
	return p
}

// follow passes on lines until the end; those that nobody takes are dropped.
func (p *process) follow(r io.Reader) {
	defer close(p.lines)
	for scanner := bufio.NewScanner(r); scanner.Scan(); {
		select {
		case p.lines <- scanner.Text():
		default:
		}
	}
}

// waitFor returns when the process has said a line with the given words.
func (p *process) waitFor(t *testing.T, words string) {
	t.Helper()
	timeout := time.After(patience)
	var said []string
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				t.Fatalf("%s ended without saying %q, but:\n%s", p.name, words, strings.Join(said, "\n"))
			}
			if strings.Contains(line, words) {
				return
			}
			said = append(said, line)
		case <-timeout:
			t.Fatalf("%s did not say %q, but:\n%s", p.name, words, strings.Join(said, "\n"))
		}
	}
}

// wait returns when the process has ended with exit code 0.
func (p *process) wait(t *testing.T) {
	t.Helper()
	select {
	case err := <-p.done:
		if err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
	case <-time.After(patience):
		t.Fatalf("%s does not end", p.name)
	}
}
