package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"yodel/wire"
)

// What a daemon says names no file and no line of one: what is written is the identity, the line of known_hosts with the name that the user gave, and
// the files that the user named.
func TestADaemonChoosesNoFile(t *testing.T) {
	t.Parallel()
	d := newHostileDaemon(t, attack{message: slander})
	cmd := hostileCommand(t, d, "hear", "--for", "500ms", "-o", "x.wav")
	endure(t, cmd, 0).expect(t, exitDone, 3*time.Second)
	read := hostileCommand(t, d, "read", "--state", "place")
	read.Dir, read.Env = cmd.Dir, append(read.Env, "HOME="+cmd.Dir)
	endure(t, read, 0)
	var files []string
	err := filepath.WalkDir(cmd.Dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			name, _ := filepath.Rel(cmd.Dir, path)
			files = append(files, name)
		}
		return err
	})
	want := []string{".config/yodel/identity.pem", ".config/yodel/known_hosts", ".config/yodel/known_hosts.lock", "place", "x.wav"}
	if err != nil || !slices.Equal(files, want) {
		t.Errorf("%v, %v", files, err)
	}
	known, err := os.ReadFile(filepath.Join(cmd.Dir, want[1]))
	if err != nil || string(known) != d.addr()+" "+d.identity.Fingerprint().String()+"\n" {
		t.Errorf("known_hosts has %q, %v", known, err)
	}
	place, err := os.ReadFile(filepath.Join(cmd.Dir, "place"))
	if lines := strings.Split(string(place), "\n"); err != nil || len(lines) != 3 || lines[0] != bookmarkForm || !strings.HasPrefix(lines[1], d.identity.Fingerprint().String()+" lobby ") {
		t.Errorf("the state is %q, %v", place, err)
	}
}

// -o does with what is there already what a shell does with it.
func TestOutputOntoWhatIsThere(t *testing.T) {
	t.Parallel()
	const header = 44
	for name, tt := range map[string]struct {
		prepare func(t *testing.T, dir string)
		exit    int
		size    int64 // of "target"; negative: it is not there
	}{
		"a longer file": {func(t *testing.T, dir string) { write(t, dir, "x.wav", 200_000) }, exitDone, -1},
		"a link":        {func(t *testing.T, dir string) { write(t, dir, "target", 9); link(t, dir, "x.wav") }, exitDone, header + 48_000},
		"a folder":      {func(t *testing.T, dir string) { must(t, os.Mkdir(filepath.Join(dir, "x.wav"), 0o700)) }, exitFailed, -1},
		"a link to nothing": {func(t *testing.T, dir string) {
			link(t, dir, "x.wav")
			must(t, os.Symlink("nowhere/x", filepath.Join(dir, "target")))
		}, exitFailed, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := hostileCommand(t, newHostileDaemon(t, attack{}), "hear", "--for", "500ms", "-o", "x.wav")
			tt.prepare(t, cmd.Dir)
			endure(t, cmd, 0).expect(t, tt.exit, 2*time.Second)
			info, err := os.Stat(filepath.Join(cmd.Dir, "target"))
			if tt.size < 0 && err == nil || tt.size >= 0 && (err != nil || info.Size() != tt.size) {
				t.Errorf("the target: %v, %v", info, err)
			}
			if info, err := os.Stat(filepath.Join(cmd.Dir, "x.wav")); tt.exit == exitDone && (err != nil || info.Size() != header+48_000) {
				t.Errorf("%v, %v", info, err)
			}
		})
	}
	t.Run("a FIFO", func(t *testing.T) {
		t.Parallel()
		cmd := hostileCommand(t, newHostileDaemon(t, attack{}), "hear", "--for", "500ms", "-o", "x.wav")
		path := filepath.Join(cmd.Dir, "x.wav")
		must(t, syscall.Mkfifo(path, 0o600))
		came := make(chan int, 1)
		go func() {
			f, err := os.Open(path)
			if err != nil {
				came <- -1
				return
			}
			b, _ := io.ReadAll(f)
			_ = f.Close()
			came <- len(b)
		}()
		endure(t, cmd, 0).expect(t, exitDone, 2*time.Second)
		if n := <-came; n != header+48_000 {
			t.Errorf("%d bytes came", n)
		}
	})
}

// A log id that is none does not get into the state file, where it would make it unreadable for good.
func TestALogIDThatIsNone(t *testing.T) {
	t.Parallel()
	for name, id := range map[string][]byte{"empty": nil, "long": make([]byte, 60_000)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newHostileDaemon(t, attack{message: func(v *victim, m *wire.Message) bool {
				if j := m.GetJoin(); j != nil {
					joined := v.joined(j)
					joined.LogId, joined.Newest = id, 7
					v.say(&wire.Message{Kind: &wire.Message_Joined{Joined: joined}})
					return true
				}
				return false
			}})
			cmd := hostileCommand(t, d, "read", "--state", "place")
			endure(t, cmd, 5*time.Second).expect(t, 130, 2*time.Second)
			if text, err := os.ReadFile(filepath.Join(cmd.Dir, "place")); err != nil || string(text) != bookmarkForm+"\n" {
				t.Errorf("the state is %q, %v", text, err)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, dir, name string, size int) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o600))
}

// link makes a symbolic link to "target".
func link(t *testing.T, dir, name string) {
	t.Helper()
	must(t, os.Symlink("target", filepath.Join(dir, name)))
}
