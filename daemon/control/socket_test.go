package control

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func listenAt(t *testing.T, path string) *Socket {
	t.Helper()
	s, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestSocketIsForItsGroupOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s := listenAt(t, path)
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != fs.ModeSocket|0o660 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after its end: %v", err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	if err := stale.Close(); err != nil {
		t.Fatal(err)
	}
	listenAt(t, path)
	conn, err := connect(path, patience)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

func TestWhatIsThereIsNotTouched(t *testing.T) {
	dir := t.TempDir()
	live, file := filepath.Join(dir, "live"), filepath.Join(dir, "file")
	listenAt(t, live)
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(live); !errors.Is(err, ErrInUse) {
		t.Errorf("another daemon's: %v", err)
	}
	conn, err := connect(live, patience)
	if err != nil {
		t.Fatalf("it is of no more use: %v", err)
	}
	_ = conn.Close()
	if _, err := Listen(file); !errors.Is(err, ErrForeign) {
		t.Errorf("a file: %v", err)
	}
	if b, _ := os.ReadFile(file); string(b) != "precious" {
		t.Errorf("the file has %q", b)
	}
	if _, err := Listen(filepath.Join(dir, "none", "s")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}

// A daemon does not take away at its end what another has put in the place of its socket.
func TestSocketOfALaterDaemonStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	first := listenAt(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	listenAt(t, path)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	conn, err := connect(path, patience)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

func TestPathThatIsTooLongForASocket(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 200))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "control.sock")
	s := listenAt(t, path)
	if _, err := Listen(path); !errors.Is(err, ErrInUse) {
		t.Errorf("a second one: %v", err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode() != fs.ModeSocket|0o660 {
		t.Errorf("%v, %v", info, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := NewClient(path).Status(bounded(t)); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after its end: %v", err)
	}
}
