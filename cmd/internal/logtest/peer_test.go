//go:build linux

package logtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"yodel/cmd/internal/programs"
)

// yodel gives the command line of a peer with a nick and a key of that name.
func (w *world) yodel(nick, command string, args ...string) []string {
	line := []string{
		filepath.Join(settings.Bin, "yodel"), command, "--json", "--room", room, "--nick", nick, "--server", w.server,
		"--identity", filepath.Join(w.dir, nick, "identity.pem"),
	}
	return append(line, args...)
}

// peer starts yodel. input is its standard input; nil: a pipe.
func (w *world) peer(nick string, input *os.File, command string, args ...string) (*programs.Process, error) {
	name := fmt.Sprintf("%s-%s-%d", nick, command, w.started.Add(1))
	return w.start(name, input, w.yodel(nick, command, args...)...)
}

// follow starts a follower and waits until it is in the room.
func (w *world) follow(nick string, args ...string) (*programs.Process, error) {
	p, err := w.peer(nick, nil, "read", append([]string{"-f"}, args...)...)
	if err != nil {
		return nil, err
	}
	return p, w.within(settle, func(ctx context.Context) error { return p.AwaitCount(ctx, "joined", 1) })
}

// outcome is what a program that has ended printed, and its exit code.
type outcome struct {
	events []programs.Event
	code   int
	stderr string
}

// last is the last event of a type; the zero Event when there is none.
func (o outcome) last(kind string) (last programs.Event) {
	for _, e := range o.events {
		if e.Type == kind {
			last = e
		}
	}
	return last
}

// do runs yodel to its end, whatever its exit code. It has nothing on its standard input.
func (w *world) do(nick, command string, args ...string) (o outcome, err error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return o, err
	}
	defer null.Close()
	p, err := w.peer(nick, null, command, args...)
	if err != nil {
		return o, err
	}
	err = w.within(2*settle, func(ctx context.Context) error {
		o.code, err = p.Exit(ctx, 0)
		return err
	})
	o.events, _ = p.All()
	o.stderr = p.Stderr()
	return o, err
}

// say sends one message, which must succeed, and gives its position.
func (w *world) say(nick, text string) (pos uint64, err error) {
	o, err := w.do(nick, "send", "--", text)
	switch receipt := o.last("receipt"); {
	case err != nil:
		return 0, err
	case o.code != 0 || receipt.Pos == 0:
		return 0, fmt.Errorf("yodel send: exit code %d, %q", o.code, o.stderr)
	default:
		return receipt.Pos, nil
	}
}

// readAll reads the whole room.
func (w *world) readAll() (messages []programs.Event, err error) {
	o, err := w.do("reader", "read", "-n", "100000000")
	if err != nil || o.code != 0 {
		return nil, errors.Join(err, fmt.Errorf("yodel read: exit code %d, %s", o.code, o.stderr))
	}
	for _, e := range o.events {
		if e.Type == "message" {
			messages = append(messages, e)
		}
	}
	return messages, nil
}

// yodeld runs another command of yodeld on the daemon's state folder, to its end.
func (w *world) yodeld(command []string, args ...string) (o outcome, err error) {
	line := append([]string{filepath.Join(settings.Bin, "yodeld")}, command...)
	return w.tool(append(append(line, "--state", w.state), args...)...)
}

// tool runs a command to its end, whatever its exit code; events has its lines.
func (w *world) tool(args ...string) (o outcome, err error) {
	cmd := w.command(nil, args...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	o.stderr = said.String()
	for line := range strings.Lines(string(out)) {
		o.events = append(o.events, programs.Event{Line: strings.TrimSuffix(line, "\n")})
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		o.code, err = exit.ExitCode(), nil
	}
	if err != nil {
		return o, fmt.Errorf("%s: %w", args[0], err)
	}
	return o, nil
}

// stdout is what was printed.
func (o outcome) stdout() string {
	lines := make([]string, len(o.events))
	for i, e := range o.events {
		lines[i] = e.Line
	}
	return strings.Join(lines, "\n")
}

var word = regexp.MustCompile(`\w+`)

// containsWord tells whether a word is in a text.
func containsWord(text, wanted string) bool {
	return slices.Contains(word.FindAllString(text, -1), wanted)
}
