package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"yodel/wire"
	"yodel/wire/secure"
)

const (
	// bookmarkForm is the first line of a state file. Each line that follows is DAEMON ROOM LOG:POS.
	bookmarkForm = "yodel read --state 1"
	// maxBookmark is the most bytes of one: some 5000 rooms.
	maxBookmark = 1 << 20
	// bookmarkEvery is how often a follower saves its place.
	bookmarkEvery = time.Second
)

// bookmark is the file of read --state: up to where the messages of rooms were printed. While it is open no other program can
// open it. Its methods may be called by any goroutine; those of nil remember nothing.
type bookmark struct {
	path string

	mu     sync.Mutex
	file   *os.File // as it was saved last; locked
	places map[place]position
	here   place
	dirty  bool
	saved  time.Time
	timer  *time.Timer
}

// place is a room of a daemon.
type place struct{ daemon, room string }

// openBookmark takes the file, made if need be, for this program alone. Errors: errStateForm, errStateInUse, and those of the file.
func openBookmark(path string) (*bookmark, error) {
	if path == "" {
		return nil, usagef("--state is empty")
	}
	path, err := targetOf(path)
	if err != nil {
		return nil, err
	}
	b := &bookmark{path: path, places: make(map[place]position), timer: time.NewTimer(0)}
	<-b.timer.C
	for b.file == nil {
		if b.file, err = lockedFile(path); err != nil {
			return nil, err
		}
	}
	if err := b.load(); err != nil {
		_ = b.file.Close()
		return nil, err
	}
	return b, nil
}

// targetOf follows links, so that a link stays one, and refuses what is there and is not a regular file.
func targetOf(path string) (string, error) {
	target, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, lost := os.Lstat(path); lost == nil {
			return "", fmt.Errorf("--state %s: a symbolic link to a file that is not there: %w", path, fs.ErrNotExist)
		}
		return path, nil
	}
	if err != nil {
		return "", err
	}
	info, err := os.Stat(target)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("--state %s: %w: it is no regular file", path, errStateForm)
	}
	return target, nil
}

// lockedFile opens and locks a file. It gives nil when another program has meanwhile put another in its place.
func lockedFile(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lock(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	mine, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if there, err := os.Stat(path); err != nil || !os.SameFile(mine, there) {
		return nil, file.Close()
	}
	return file, nil
}

// lock takes the lock of a file, which ends when that is closed (flock(2)).
func lock(file *os.File) error {
	err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("--state %s: %w", file.Name(), errStateInUse)
	}
	if err != nil {
		return &os.PathError{Op: "flock", Path: file.Name(), Err: err}
	}
	return nil
}

// load reads the file. One that is empty is new: it is saved, so that a folder that cannot be written to shows at once.
func (b *bookmark) load() error {
	text, err := io.ReadAll(io.LimitReader(b.file, maxBookmark+1))
	switch {
	case err != nil:
		return err
	case len(text) == 0:
		return b.write()
	case len(text) > maxBookmark:
		return fmt.Errorf("--state %s: %w: it is longer than %d bytes", b.path, errStateForm, maxBookmark)
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		if n == 1 && lines.Text() == bookmarkForm {
			continue
		}
		key, at, ok := parsePlace(lines.Text())
		if n == 1 || !ok {
			return fmt.Errorf("--state %s: %w: line %d is not of its form", b.path, errStateForm, n)
		}
		b.places[key] = at
	}
	return lines.Err()
}

func parsePlace(line string) (key place, at position, ok bool) {
	words := strings.Split(line, " ")
	if len(words) != 3 || !strings.HasPrefix(words[0], "SHA256:") || wire.CheckRoom(words[1]) != nil {
		return place{}, position{}, false
	}
	at, err := parsePosition(words[2])
	return place{words[0], words[1]}, at, err == nil && len(at.log) > 0
}

// begin says which room of which daemon is read, and gives its place if there is one.
func (b *bookmark) begin(daemon secure.Fingerprint, room string) (position, bool) {
	if b == nil {
		return position{}, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.here = place{daemon.String(), room}
	at, ok := b.places[b.here]
	return at, ok
}

// note remembers that the messages up to a position were printed. It is saved later.
func (b *bookmark) note(at position) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.dirty {
		b.timer.Reset(time.Until(b.saved.Add(bookmarkEvery)))
	}
	b.places[b.here], b.dirty = at, true
}

// due is ready when it is time to save.
func (b *bookmark) due() <-chan time.Time {
	if b == nil {
		return nil
	}
	return b.timer.C
}

// save writes what was noted since the last time.
func (b *bookmark) save() error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.dirty || b.file == nil {
		return nil
	}
	if err := b.write(); err != nil {
		return err
	}
	b.dirty, b.saved = false, time.Now()
	return nil
}

// close saves, and lets others have the file.
func (b *bookmark) close() error {
	err := b.save()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timer.Stop()
	return errors.Join(err, b.file.Close())
}

// write puts a new file in the place of the old one, which stays whole until then. The new one is locked before it has the name.
func (b *bookmark) write() (err error) {
	old, err := b.file.Stat()
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(b.path), "."+filepath.Base(b.path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
			_ = file.Close()
		}
	}()
	if err := errors.Join(lock(file), file.Chmod(old.Mode().Perm())); err != nil {
		return err
	}
	if _, err := file.Write(b.text()); err != nil {
		return err
	}
	if err := errors.Join(file.Sync(), os.Rename(file.Name(), b.path)); err != nil {
		return err
	}
	_ = b.file.Close() // nothing was written to it
	b.file = file
	return syncFolder(filepath.Dir(b.path))
}

// text is the content of the file.
func (b *bookmark) text() []byte {
	lines := make([]string, 0, len(b.places))
	for key, at := range maps.All(b.places) {
		lines = append(lines, fmt.Sprintf("%s %s %s:%d\n", key.daemon, key.room, hex.EncodeToString(at.log), at.pos))
	}
	slices.Sort(lines)
	return []byte(bookmarkForm + "\n" + strings.Join(lines, ""))
}

// syncFolder has the disk keep a new name.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
