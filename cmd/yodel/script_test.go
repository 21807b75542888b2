package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience bounds every wait of a script.
const patience = time.Minute

// yodeldDir is the folder of the daemon that TestMain builds.
var yodeldDir string

func TestMain(m *testing.M) {
	testscript.Main(withDaemon{m}, map[string]func(){"yodel": main})
}

// withDaemon builds the daemon before the tests: it is another main package, and cannot be imported.
type withDaemon struct{ m *testing.M }

func (w withDaemon) Run() int {
	if err := flag.Set("test.parallel", "6"); err != nil { // scripts mostly wait; the command line's -parallel holds
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // else under nohup the programs would leave it ignored
	dir, err := os.MkdirTemp("", "yodeld")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "yodeld"), "yodel/cmd/yodeld")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building yodeld: %v\n%s", err, out)
		return 1
	}
	yodeldDir = dir
	return w.m.Run()
}

// TestScript runs the real programs against each other. Beside testscript's own commands the scripts have:
//
//	daemon [flags...]          starts yodeld, waits until it is ready, sets YODEL_SERVER; at the end it is killed
//	daemon-stop [-SIGNAL]      ends it with SIGTERM or another signal
//	daemon-again [flags...]    starts it anew at the same address and with the same state
//	exits CODE program...      runs a program that must exit with CODE
//	start NAME program...      runs a program beside the script; its output goes to NAME.out and NAME.err
//	start-tty NAME program...  runs it on a terminal; what it writes goes to NAME.out
//	start-stalled NAME program...  runs it with a standard output that nobody reads
//	full NAME                  waits until that takes no more
//	type NAME text             writes a line to its standard input; without text that is closed
//	type-file NAME FILE        writes a file to it
//	await FILE pattern [n]     waits until the pattern is in FILE, n times
//	ends NAME CODE [-SIGNAL]   sends it the signal, and waits until it exits with CODE
//	tone FILE seconds rate     writes a WAV with a tone of 440 Hz
//	sounds FILE least most     checks that a WAV or Ogg file has so many seconds of sound
//	carries FILE SENT          checks that the packets of one Ogg file are in another, in order and as they are
//	card FILE                  makes a sound card that plays into FILE, a WAV, for the programs that follow
//	card-hangs                 lets that take no more
//	plays FILE seconds         waits until so many seconds of sound are in FILE
func TestScript(t *testing.T) { runScripts(t, scriptsIn("testdata/script")) }

// scriptsIn is how the scripts of a folder are run.
func scriptsIn(dir string) testscript.Params {
	return testscript.Params{
		Dir: dir,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("PATH", yodeldDir+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("YODEL_NICK", "alice")
			env.Setenv("GORACE", "atexit_sleep_ms=1") // else each program with the race detector takes a second to end
			env.Values[worldKey{}] = &world{background: make(map[string]*process)}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"daemon":        cmdDaemon,
			"daemon-stop":   cmdDaemonStop,
			"daemon-again":  cmdDaemonAgain,
			"exits":         cmdExits,
			"start":         cmdStart,
			"start-tty":     cmdStartTTY,
			"start-stalled": cmdStartStalled,
			"full":          cmdFull,
			"type":          cmdType,
			"type-file":     cmdTypeFile,
			"await":         cmdAwait,
			"ends":          cmdEnds,
			"tone":          cmdTone,
			"sounds":        cmdSounds,
			"carries":       cmdCarries,
			"card":          cmdCard,
			"card-hangs":    cmdCardHangs,
			"plays":         cmdPlays,
		},
		RequireExplicitExec: true,
	}
}

// world is what runs beside one script.
type world struct {
	daemon     *process
	background map[string]*process
	stopCard   func()
}

type worldKey struct{}

func worldOf(ts *testscript.TestScript) *world {
	w, _ := ts.Value(worldKey{}).(*world)
	return w
}

// process is a running program.
type process struct {
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	stalled *os.File // of start-stalled: its standard output
	done    chan struct{}
	err     error // once done
}

// program makes a command in the script's folder and environment.
func program(ts *testscript.TestScript, args []string) *exec.Cmd {
	path, err := exec.LookPath(args[0])
	if args[0] == "yodeld" {
		path, err = filepath.Join(yodeldDir, args[0]), nil
	}
	ts.Check(err)
	cmd := exec.Command(path, args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, v := range []string{"HOME", "PATH", "TMPDIR", "YODEL_SERVER", "YODEL_NICK", "YODEL_ROOM", "YODEL_IDENTITY", "YODEL_RECORD", "ALSA_CONFIG_PATH", "GORACE"} {
		cmd.Env = append(cmd.Env, v+"="+ts.Getenv(v))
	}
	return cmd
}

// launch runs a program whose output goes to files of that name; it is killed at the script's end.
func launch(ts *testscript.TestScript, name string, args []string) *process {
	cmd := program(ts, args)
	stdout, err := os.Create(ts.MkAbs(name + ".out"))
	ts.Check(err)
	defer func() { _ = stdout.Close() }()
	stderr, err := os.Create(ts.MkAbs(name + ".err"))
	ts.Check(err)
	defer func() { _ = stderr.Close() }()
	cmd.Stdout, cmd.Stderr = stdout, stderr
	stdin, err := cmd.StdinPipe()
	ts.Check(err)
	p := watch(ts, name, cmd)
	p.stdin = stdin
	return p
}

// watch starts a program and waits for it beside the script.
func watch(ts *testscript.TestScript, name string, cmd *exec.Cmd) *process {
	p := &process{cmd: cmd, done: make(chan struct{})}
	ts.Check(cmd.Start())
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	ts.Defer(func() {
		_ = cmd.Process.Kill()
		<-p.done
		ts.Logf("[%s.err]\n%s", name, readFile(ts, name+".err"))
	})
	return p
}

// exit waits for the program's end and gives its exit code; -1 for a signal.
func (p *process) exit(ts *testscript.TestScript) int {
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		ts.Fatalf("it does not end")
		return 0
	}
}

func (p *process) signal(ts *testscript.TestScript, arg string) {
	signals := map[string]syscall.Signal{
		"-TERM": syscall.SIGTERM, "-INT": syscall.SIGINT, "-HUP": syscall.SIGHUP,
		"-KILL": syscall.SIGKILL, "-STOP": syscall.SIGSTOP, "-CONT": syscall.SIGCONT,
	}
	sig, ok := signals[arg]
	if !ok {
		ts.Fatalf("unknown signal %s", arg)
	}
	ts.Check(p.cmd.Process.Signal(sig))
}

func cmdDaemon(ts *testscript.TestScript, neg bool, args []string) {
	startDaemon(ts, neg, freePort(ts), args)
}

// freePort gives an address of this machine at which nothing listens. It is outside of those that the system gives out: a daemon finds its own free when
// it comes back.
func freePort(ts *testscript.TestScript) string {
	const first, ports = 24000, 3000
	for range 100 {
		addr := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: first + rand.IntN(ports)}
		if conn, err := net.ListenUDP("udp", addr); err == nil {
			_ = conn.Close()
			return addr.String()
		}
	}
	ts.Fatalf("no port is free")
	return ""
}

func cmdDaemonAgain(ts *testscript.TestScript, neg bool, args []string) {
	startDaemon(ts, neg, ts.Getenv("YODEL_SERVER"), args)
}

func startDaemon(ts *testscript.TestScript, neg bool, listen string, args []string) {
	if neg {
		ts.Fatalf("daemon takes no !")
	}
	w := worldOf(ts)
	w.daemon = launch(ts, "yodeld", append([]string{"yodeld", "serve", "--listen", listen, "--state", "state"}, args...))
	ready := await(ts, "yodeld.out", regexp.MustCompile(`(?m)^yodeld: ready on (\S+) SHA256:\S+$`), 1)
	ts.Setenv("YODEL_SERVER", ready[1])
}

func cmdDaemonStop(ts *testscript.TestScript, _ bool, args []string) {
	sig := "-TERM"
	if len(args) > 0 {
		sig = args[0]
	}
	p := worldOf(ts).daemon
	p.signal(ts, sig)
	p.exit(ts)
}

func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE program...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME program...")
	}
	worldOf(ts).background[args[0]] = launch(ts, args[0], args[1:])
}

func background(ts *testscript.TestScript, name string) *process {
	p := worldOf(ts).background[name]
	if p == nil {
		ts.Fatalf("%s was not started", name)
	}
	return p
}

func cmdType(ts *testscript.TestScript, _ bool, args []string) {
	p := background(ts, args[0])
	if len(args) == 1 {
		ts.Check(p.stdin.Close())
		return
	}
	_, err := io.WriteString(p.stdin, strings.Join(args[1:], " ")+"\n")
	ts.Check(err)
}

func cmdTypeFile(ts *testscript.TestScript, _ bool, args []string) {
	_, err := io.WriteString(background(ts, args[0]).stdin, ts.ReadFile(args[1]))
	ts.Check(err)
}

func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await FILE pattern [n]")
	}
	times := 1
	if len(args) > 2 {
		n, err := strconv.Atoi(args[2])
		ts.Check(err)
		times = n
	}
	await(ts, args[0], regexp.MustCompile("(?m)"+args[1]), times)
}

// await polls a file until a pattern is in it so many times; it gives the first match.
func await(ts *testscript.TestScript, file string, pattern *regexp.Regexp, times int) []string {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		if found := pattern.FindAllStringSubmatch(readFile(ts, file), times); len(found) == times {
			return found[0]
		}
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("%s has no %d of %s:\n%s", file, times, pattern, readFile(ts, file))
		}
	}
}

func readFile(ts *testscript.TestScript, file string) string {
	b, err := os.ReadFile(ts.MkAbs(file))
	if err != nil {
		return ""
	}
	return string(b)
}

func cmdEnds(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: ends NAME CODE [-SIGNAL]")
	}
	p := background(ts, args[0])
	if len(args) > 2 {
		p.signal(ts, args[2])
	}
	if got := p.exit(ts); strconv.Itoa(got) != args[1] {
		ts.Fatalf("%s: exit code %d, want %s; standard error:\n%s", args[0], got, args[1], readFile(ts, args[0]+".err"))
	}
}
