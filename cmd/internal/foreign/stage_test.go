package foreign

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yodel/cmd/internal/fates"
	"yodel/cmd/internal/impair"
)

const (
	python   = "/usr/bin/python3" // the one that sees Debian's packages
	client   = "../../../wire/testdata/client/client.py"
	vectors  = "../../../wire/testdata/client/vectors.py"
	room     = "lobby"
	patience = 2 * time.Minute // for one line of a program
)

// bin is the folder of the programs that TestMain builds.
var bin string

func TestMain(m *testing.M) { goleak.VerifyTestMain(withPrograms{m}) }

// withPrograms builds yodel and yodeld before the tests.
type withPrograms struct{ m *testing.M }

func (w withPrograms) Run() int {
	if err := flag.Set("test.parallel", "6"); err != nil { // programs mostly wait; the command line's -parallel holds
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dir, err := os.MkdirTemp("", "foreign")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	build := exec.Command("go", "build", "-o", dir, "yodel/cmd/yodel", "yodel/cmd/yodeld")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building: %v\n%s", err, out)
		return 1
	}
	bin = dir
	return w.m.Run()
}

// needPython skips the test where Python or a package is missing, but in CI (the environment says CI=true) fails it.
func needPython(t *testing.T) {
	t.Helper()
	out, err := exec.Command(python, "-c", "import OpenSSL, pylibsrtp, google.protobuf, cryptography").CombinedOutput()
	if err == nil {
		_, err = exec.LookPath("protoc")
	}
	if err == nil {
		return
	}
	const loss = "THE FOREIGN CLIENT IS NOT TESTED: it cannot run here"
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s: %v\n%s", loss, err, out)
	}
	t.Skipf("%s: %v\n%s", loss, err, out)
}

// A stage is a daemon, the way to it, and a folder for files.
type stage struct {
	t           *testing.T
	dir         string
	server      string // of the peer in Go
	daemon      *process
	way         string // of the foreign client: the same, or that of a proxy
	fingerprint string
}

// newStage starts a daemon whose rooms have that echo; of what passes between it and foreign clients the share loss is lost.
func newStage(t *testing.T, echo time.Duration, loss float64) *stage {
	t.Helper()
	s := &stage{t: t, dir: t.TempDir()}
	s.daemon = s.start(filepath.Join(bin, "yodeld"), "serve", "--listen", "127.0.0.1:0", "--state", s.file("state"), "--delay", echo.String())
	fields := strings.Fields(s.daemon.await("ready on")) // yodeld: ready on ADDRESS FINGERPRINT
	if len(fields) != 5 {
		t.Fatalf("the daemon said %q", fields)
	}
	s.server, s.way, s.fingerprint = fields[3], fields[3], fields[4]
	if loss > 0 {
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		p, err := impair.New(impair.Config{
			Target: s.server, Profile: fates.Profile{Loss: loss, Delay: 5 * time.Millisecond, Jitter: 2 * time.Millisecond}, Seed: seed,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		s.way = p.Addr().String()
	}
	return s
}

func (s *stage) file(name string) string { return filepath.Join(s.dir, name) }

// yodel starts the peer in Go as somebody.
func (s *stage) yodel(nick, command string, args ...string) *process {
	s.t.Helper()
	flags := []string{command, "--server", s.server, "--room", room, "--nick", nick, "--identity", s.file(nick + ".pem")}
	return s.start(filepath.Join(bin, "yodel"), append(flags, args...)...)
}

// foreign starts the client in Python as somebody; args are flags, a command, and its own.
func (s *stage) foreign(nick string, args ...string) *process {
	s.t.Helper()
	flags := []string{client, "--server", s.way, "--room", room, "--nick", nick, "--identity", s.file(nick + ".foreign.pem")}
	return s.start(python, append(flags, args...)...)
}

// A process is a program that runs, at the longest until its test is over.
type process struct {
	t     *testing.T
	name  string
	lines chan string // of both its outputs; closed when it has ended
	err   error       // then
	said  strings.Builder
}

func (s *stage) start(path string, args ...string) *process {
	s.t.Helper()
	r, w := io.Pipe()
	cmd := exec.CommandContext(s.t.Context(), path, args...)
	cmd.Env = append(os.Environ(), "HOME="+s.dir, "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	p := &process{t: s.t, name: filepath.Base(path), lines: make(chan string, 4096)}
	go func() { _ = w.CloseWithError(cmd.Wait()) }()
	go p.read(r)
	s.t.Cleanup(func() {
		for range p.lines { // the context has ended it; wait for that
		}
	})
	return p
}

// read collects what the program says, until it ends.
func (p *process) read(r io.Reader) {
	defer close(p.lines)
	b := bufio.NewReader(r)
	for {
		line, err := b.ReadString('\n')
		if line != "" {
			p.lines <- strings.TrimSuffix(line, "\n")
		}
		if err != nil {
			if !errors.Is(err, io.EOF) { // that is what an exit with 0 leaves
				p.err = err
			}
			return
		}
	}
}

// line gives the next line, and whether there is one.
func (p *process) line() (string, bool) {
	p.t.Helper()
	select {
	case l, ok := <-p.lines:
		p.said.WriteString(l + "\n")
		return l, ok
	case <-time.After(patience):
		p.t.Fatalf("%s says nothing more:\n%s", p.name, p.said.String())
		return "", false
	}
}

// await waits for a line with those words.
func (p *process) await(words string) string {
	p.t.Helper()
	for {
		l, ok := p.line()
		if !ok {
			p.t.Fatalf("%s has ended (%v) without %q:\n%s", p.name, p.err, words, p.said.String())
		}
		if strings.Contains(l, words) {
			return l
		}
	}
}

// ends waits for the end, which must be a good one, and gives all that the program said.
func (p *process) ends() string {
	p.t.Helper()
	for ok := true; ok; {
		_, ok = p.line()
	}
	if p.err != nil {
		p.t.Fatalf("%s: %v\n%s", p.name, p.err, p.said.String())
	}
	return p.said.String()
}
