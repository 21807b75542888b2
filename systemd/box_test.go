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
	patience  = 3 * time.Minute // for one command inside, or one line of it
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

// fails runs a command inside that has to end with the given exit code, and returns what it says on standard error.
func (b *box) fails(t *testing.T, code int, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var stderr bytes.Buffer
	cmd := b.command(ctx, args...)
	cmd.Stderr, cmd.WaitDelay = &stderr, time.Second
	_ = cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("%s: exit code %d, want %d\n%s\n%s", strings.Join(args, " "), got, code, &stderr, b.journal())
	}
	return stderr.String()
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

// Versions of the packages that a box has in its shared folder.
const (
	older = "1.0.0"
	newer = "1.1.0"
)

// pack makes both packages in both versions: the same programs, with an older and a newer number.
func (b *box) pack(t *testing.T) {
	t.Helper()
	bin := t.TempDir()
	outside(t, "CGO_ENABLED=1", "make", "packages", "BIN="+bin, "DIST="+b.share, "VERSION=v"+older)
	tool, err := filepath.Glob("../.tools/nfpm-*")
	if err != nil || len(tool) != 1 {
		t.Fatalf("nfpm: %v, %v", tool, err)
	}
	outside(t, "LC_ALL=C", "systemd/package/build.sh", strings.TrimPrefix(tool[0], "../"), bin, b.share, "v"+newer)
}

// dpkg runs dpkg inside, on the files of the given packages in one version. The index of manual pages is left as it is: making it anew takes long.
func (b *box) dpkg(t *testing.T, version, what string, packages ...string) string {
	t.Helper()
	const run = `v=$0; what=$1; shift; cd /share; for p; do set -- "$@" ${p}_${v}_*.deb; shift; done; DEBIAN_FRONTEND=noninteractive dpkg --no-triggers $what "$@" 2>&1`
	return b.run(t, append([]string{"bash", "-c", run, version, what}, packages...)...)
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
	box   *box
	pid   string      // inside
	lines chan string // of its standard error
	done  chan error  // gets how it ended
}

// start starts a command inside and follows its standard error. It is killed
// with the test at the latest.
func (b *box) start(t *testing.T, args ...string) *process {
	t.Helper()
	cmd := b.command(t.Context(), append([]string{"sh", "-c", `echo "$$" >&2; exec "$0" "$@"`}, args...)...)
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
		box:   b,
		lines: make(chan string, 1000),
		done:  make(chan error, 1),
	}
	said := bufio.NewReader(stderr)
	if p.pid, err = said.ReadString('\n'); err != nil {
		t.Fatalf("%s: %v", p.name, err)
	}
	p.pid = strings.TrimSpace(p.pid)
	go func() {
		p.follow(said)
		p.done <- cmd.Wait()
	}()
	return p
}

// kill ends the process; how it ends is not looked at.
func (p *process) kill(t *testing.T) {
	t.Helper()
	p.box.run(t, "kill", p.pid)
	select {
	case err := <-p.done:
		t.Logf("%s was ended: %v", p.name, err)
	case <-time.After(patience):
		t.Fatalf("%s does not end", p.name)
	}
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
