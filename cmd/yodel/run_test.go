package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// outcome is what a command line did.
type outcome struct {
	code           int
	stdout, stderr string
}

// yodel runs a command line in this process, with an empty standard input.
func yodel(t *testing.T, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), append([]string{"yodel"}, args...), streams{strings.NewReader(""), &stdout, &stderr})
	return outcome{code, stdout.String(), stderr.String()}
}

func TestRunWithoutDaemon(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", "")
	junk := filepath.Join(dir, "junk.wav")
	if err := os.WriteFile(junk, []byte("this is a text, and no sound at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args   string
		code   int
		stderr string
	}{
		{"", 2, "yodel send"},
		{"--version x", 0, ""},
		{"send --room a/b hi", 4, "illegal room name"},
		{"send --nick \x01 hi", 4, "illegal nick"},
		{"send --server : hi", 2, "illegal server address"},
		{"send --server= hi", 2, "--server is empty"},
		{"send \xff", 1, "iconv"},
		{"send " + strings.Repeat("x", 70000), 1, "message too long: 70000 bytes, at most 61440"},
		{"send hi --quiet", 2, "nothing was sent"},
		{"read -n -1", 2, "-n -1"},
		{"read -n x", 2, "invalid value"},
		{"read --since yesterday", 2, "--since"},
		{"read --after x", 2, "--after"},
		{"read --after :7", 2, "--after"},
		{"read -n 3 --since 1h", 2, "only one of"},
		{"read extra", 2, "unexpected argument"},
		{"talk a b", 2, "one FILE"},
		{"talk --open-mic a.wav", 2, "--open-mic"},
		{"talk -o x.wav y.wav", 2, "--hear"},
		{"talk --rate 8000 y.wav", 2, "--format"},
		{"talk --codec mp3 " + junk, 2, "unknown codec"},
		{"talk --format u8 " + junk, 2, "u8"},
		{"talk --format s16le --rate 1 " + junk, 2, "samples a second"},
		{"talk --codec l16 " + junk, 2, "neither WAV nor Ogg Opus"},
		{"talk --codec l16 " + dir + "/none.wav", 1, "none.wav"},
		{"hear --for -1s", 2, "--for"},
		{"hear --for soon", 2, "must be a time"},
		{"hear --output=", 2, "-o is empty"},
		{"ping -n 0", 2, "-n 0"},
		{"who --timeout x", 2, "must be a time"},
		{"key --identity " + junk, 1, "junk.wav"},
	}
	for _, tt := range tests {
		name, _, _ := strings.Cut(tt.args, "xxx")
		t.Run(name, func(t *testing.T) {
			got := yodel(t, strings.Fields(tt.args)...)
			if got.code != tt.code || !strings.Contains(got.stderr, tt.stderr) {
				t.Errorf("got %+v, want exit %d and %q", got, tt.code, tt.stderr)
			}
		})
	}
}

func TestRunEmptyText(t *testing.T) {
	if got := yodel(t, "send", ""); got.code != 2 || !strings.Contains(got.stderr, "empty message") {
		t.Errorf("got %+v", got)
	}
}

func TestRunHelpIntoAFullDisk(t *testing.T) {
	for _, args := range [][]string{{"yodel", "--help"}, {"yodel", "help", "read"}} {
		var stderr bytes.Buffer
		got := run(t.Context(), args, streams{strings.NewReader(""), brokenWriter{syscall.ENOSPC}, &stderr})
		if got != exitFailed || !strings.Contains(stderr.String(), "yodel: error: standard output: no space left") {
			t.Errorf("%v: exit %d with %q", args, got, stderr.String())
		}
	}
}

// brokenWriter fails in one way.
type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func TestRunAloneIsTenLines(t *testing.T) {
	got := yodel(t)
	if n := strings.Count(got.stderr, "\n"); n != 10 || got.stdout != "" {
		t.Errorf("got %d lines on stderr and %q on stdout, want 10 and none", n, got.stdout)
	}
}

func TestRunErrorAsJSON(t *testing.T) {
	got := yodel(t, "--json", "read", "--nonsense")
	var o errorObject
	if err := json.Unmarshal([]byte(got.stdout), &o); err != nil {
		t.Fatalf("%q: %v", got.stdout, err)
	}
	if o.Type != "error" || o.Code != "usage" || o.Exit != 2 || !strings.Contains(o.Message, "--nonsense") {
		t.Errorf("got %+v", o)
	}
	if !strings.HasPrefix(got.stderr, "yodel: error: unknown flag --nonsense\nyodel: hint: ") {
		t.Errorf("stderr is %q", got.stderr)
	}
}

func TestRunUnreachable(t *testing.T) {
	t.Setenv("YODEL_IDENTITY", filepath.Join(t.TempDir(), "id.pem"))
	got := yodel(t, "ping", "--server", "127.0.0.1:1", "--json")
	if got.code != 3 || !strings.Contains(got.stdout, `"code":"unreachable"`) || !strings.Contains(got.stderr, "yodel: hint: ") {
		t.Errorf("got %+v", got)
	}
}

func TestRunKey(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	first, second := yodel(t, "key", "--json"), yodel(t, "key", "--json")
	var a, b keyObject
	if json.Unmarshal([]byte(first.stdout), &a) != nil || json.Unmarshal([]byte(second.stdout), &b) != nil {
		t.Fatalf("got %q and %q", first.stdout, second.stdout)
	}
	if !a.Created || b.Created || a.Fingerprint != b.Fingerprint || a.Path != filepath.Join(dir, "yodel", "identity.pem") {
		t.Errorf("got %+v and then %+v", a, b)
	}
}

func TestRunWithoutHome(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("HOME", "")
	t.Setenv("YODEL_IDENTITY", "")
	got := yodel(t, "key")
	if got.code != 2 || !strings.Contains(got.stderr, "--identity") || !strings.Contains(got.stderr, "YODEL_IDENTITY") {
		t.Errorf("got %+v", got)
	}
}

func TestSettingsPrecedence(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("HOME", dir)
	t.Setenv("YODEL_IDENTITY", filepath.Join(dir, "env.pem"))
	if got := yodel(t, "key"); !strings.Contains(got.stdout, "env.pem") {
		t.Errorf("the environment does not go before the default: %+v", got)
	}
	if got := yodel(t, "--identity", filepath.Join(dir, "flag.pem"), "key"); !strings.Contains(got.stdout, "flag.pem") {
		t.Errorf("the flag does not go before the environment: %+v", got)
	}
	t.Setenv("YODEL_ROOM", "a b")
	if got := yodel(t, "key"); got.code != 4 {
		t.Errorf("the room of the environment is not used: %+v", got)
	}
	t.Setenv("YODEL_ROOM", "")
	if got := yodel(t, "key"); got.code != 0 {
		t.Errorf("an empty variable does not count as none: %+v", got)
	}
}
