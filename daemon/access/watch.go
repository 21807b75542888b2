package access

import (
	"errors"
	"io/fs"
	"os"
	"time"
)

// watchEvery is how often is looked whether the operator's file has changed. A change counts when the next look finds the same, so that a file that is
// just being written is not read, and one that is taken away and put back is not missed.
const watchEvery = time.Second

// Watch reads the operator's file when it changes, in the goroutine of its caller, until stop is closed. A change is seen within 3 s. got gets what was
// read, or why it cannot be, and does not block: what is no error of a line (ErrLine) may pass, so it is tried again, and told once. seen is what the file was when it
// was read the last time (StampOf).
func Watch(path string, seen *Stamp, stop <-chan struct{}, got func(keys []Key, err error)) {
	w := &watcher{path: path, seen: seen, latest: seen, read: ReadAuthorizedKeys, got: got}
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			w.look()
		}
	}
}

// watcher follows a file.
type watcher struct {
	path   string
	seen   *Stamp // when it was read
	latest *Stamp
	failed *Stamp // when it could not be read, and that was told; nil: it could be
	read   func(path string) ([]Key, error)
	got    func(keys []Key, err error)
}

// look reads the file if it has changed and is being changed no longer.
func (w *watcher) look() {
	before := w.latest
	w.latest = StampOf(w.path)
	if w.latest.same(before) && !w.latest.same(w.seen) {
		w.try()
	}
}

func (w *watcher) try() {
	keys, err := w.read(w.path)
	if err == nil || w.failed == nil || !w.failed.same(w.latest) {
		w.got(keys, err)
	}
	if err == nil || errors.Is(err, ErrLine) {
		w.seen, w.failed = w.latest, nil
	} else {
		w.failed = w.latest
	}
}

// Stamp tells whether a file is the same as before.
type Stamp struct {
	info fs.FileInfo // nil: it is not there
}

// StampOf looks at a file.
func StampOf(path string) *Stamp {
	info, err := os.Stat(path)
	if err != nil {
		info = nil
	}
	return &Stamp{info}
}

func (s *Stamp) same(other *Stamp) bool {
	if s.info == nil || other.info == nil {
		return s.info == nil && other.info == nil
	}
	a, b := s.info, other.info
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && a.Mode() == b.Mode()
}
