package completion_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"yodel/cmd/internal/programs"
)

// bin is the folder of the programs.
var bin string

func TestMain(m *testing.M) {
	dir, cleanUp, err := programs.Find()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	bin = dir
	code := m.Run()
	cleanUp()
	os.Exit(code)
}

func TestBashCompletesCommandsAndFlags(t *testing.T) {
	tests := []struct {
		name   string
		words  []string // the last one is being typed
		have   []string
		others []string // must not be offered
	}{
		{name: "commands", words: []string{"yodel", ""}, have: []string{"send", "read", "chat"}},
		{name: "a command's beginning", words: []string{"yodel", "se"}, have: []string{"send"}, others: []string{"read"}},
		{name: "flags of a command", words: []string{"yodel", "send", "--ro"}, have: []string{"--room"}, others: []string{"--server"}},
		{name: "after a flag with its value", words: []string{"yodel", "read", "-r", "club", "--fo"}, have: []string{"--follow"}},
		{name: "a room with the name of a command", words: []string{"yodel", "-r", "send", ""}, have: []string{"read", "send"}},
		{name: "a value is not offered flags", words: []string{"yodel", "read", "--room", "="}},
		{name: "nor a value that has begun", words: []string{"yodel", "read", "--room", "=", "x"}},
		{name: "after a value with an equals sign", words: []string{"yodel", "read", "--room", "=", "send", "--fo"}, have: []string{"--follow"}},
		{name: "text", words: []string{"yodel", "send", "hello", ""}},
		{name: "text after the end of flags", words: []string{"yodel", "send", "--", "hello", ""}},
		{name: "all flags", words: []string{"yodel", "send", "--"}, have: []string{"--room", "--timeout", "--help"}},
		{name: "flags behind the text", words: []string{"yodel", "send", "hi", "--"}},
		{name: "a flag behind the text", words: []string{"yodel", "send", "hi", "--ro"}},
		{name: "the old flag that asked", words: []string{"yodel", "send", "hi", "--generate-bash-completion"}},
		{name: "a value that looks like a flag", words: []string{"yodel", "send", "--room", "--"}},
		{name: "the value of a short flag", words: []string{"yodel", "read", "-fn", "--"}},
		{name: "after short flags in one word", words: []string{"yodel", "read", "-fn5", "--fo"}, have: []string{"--follow"}},
		{name: "a word that a command takes", words: []string{"yodel", "key", ""}, have: []string{"rotate"}},
		{name: "flags of a command that changes the daemon", words: []string{"yodeld", "stop", "--"}, have: []string{"--control", "--json"}},
		{name: "flags after a value", words: []string{"yodeld", "room", "set", "--delay", "1s", "--"}, have: []string{"--keep"}},
		{name: "flags after an argument", words: []string{"yodeld", "room", "set", "studio", "--del"}, have: []string{"--delay"}},
		{name: "flags after whom", words: []string{"yodeld", "kick", "alice", "--"}, have: []string{"--reason"}},
		{name: "what the shell would run", words: []string{"yodel", "-r", "$(touch $HOME/ran)", "se"}, have: []string{"send"}},
		{name: "what the shell would run too", words: []string{"yodel", "-r", "`touch $HOME/ran`;touch $HOME/ran", "se"}, have: []string{"send"}},
		{name: "commands of the daemon", words: []string{"yodeld", ""}, have: []string{"serve", "key", "backup"}},
		{name: "commands below a command", words: []string{"yodeld", "history", ""}, have: []string{"delete"}},
		{name: "flags of the daemon", words: []string{"yodeld", "serve", "--li"}, have: []string{"--listen"}},
	}
	sockets := t.TempDir()
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			home := t.TempDir()
			control := filepath.Join(sockets, strconv.Itoa(i))
			asked := listen(t, control)
			got := complete(t, home, control, test.words)
			if n := asked(); n > 0 {
				t.Errorf("completing asked the daemon %d times", n)
			}
			for _, want := range test.have {
				if !slices.Contains(got, want) {
					t.Errorf("%q is not among %q", want, got)
				}
			}
			if test.have == nil && len(got) > 0 {
				t.Errorf("%q is offered, want nothing", got)
			}
			for _, other := range test.others {
				if slices.Contains(got, other) {
					t.Errorf("%q is among %q", other, got)
				}
			}
			if made, err := os.ReadDir(home); err != nil || len(made) > 0 {
				t.Errorf("completing made %v in the home folder (%v)", made, err)
			}
		})
	}
}

// listen stands in for a daemon's control socket. What it gives tells how often it was asked, and ends it.
func listen(t *testing.T, path string) (asked func() int) {
	t.Helper()
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	count := make(chan int)
	go func() {
		n := 0
		for {
			conn, err := listener.Accept()
			if err != nil {
				count <- n
				return
			}
			n++
			_ = conn.Close()
		}
	}()
	return func() int {
		_ = listener.Close()
		return <-count
	}
}

// complete gives what bash offers for a command line, where the daemon's control socket is at a path.
func complete(t *testing.T, home, control string, words []string) []string {
	t.Helper()
	script, err := os.ReadFile("completion.bash")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), words[0])
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(script), "@PROG@", words[0])), 0o600); err != nil {
		t.Fatal(err)
	}
	const ask = `. "$0" && COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) && _"$1" && printf '%s\n' "${COMPREPLY[@]}"`
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", append([]string{"--norc", "-c", ask, file}, words...)...)
	cmd.Env = []string{"HOME=" + home, "YODELD_CONTROL=" + control, "PATH=" + bin + ":" + os.Getenv("PATH")}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}
