package access

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Store writes the file of a state folder, in a goroutine of its own: one snapshot after another, each whole or not at all, also when the machine loses
// its power. Its owner gives it one snapshot at a time.
type Store struct {
	dir     string
	deliver func(func())
	jobs    chan job
	done    chan struct{}
}

// job is a snapshot that is to be written, and who wants to know how that went.
type job struct {
	state   *Snapshot
	outcome func(error)
}

// NewStore makes a store. deliver hands a function to the owner's goroutine, and does not block.
func NewStore(dir string, deliver func(func())) *Store {
	s := &Store{dir: dir, deliver: deliver, jobs: make(chan job, 1), done: make(chan struct{})}
	go s.run()
	return s
}

// Save has a snapshot be written; outcome comes by deliver when it is on the disk, or could not be put there. The owner waits for it before it saves
// again.
func (s *Store) Save(st *Snapshot, outcome func(error)) { s.jobs <- job{st, outcome} }

func (s *Store) run() {
	defer close(s.done)
	for j := range s.jobs {
		err := Write(s.dir, j.state)
		s.deliver(func() { j.outcome(err) })
	}
}

// Close ends the goroutine, when what was given to it is written and delivered, and waits for that.
func (s *Store) Close() {
	close(s.jobs)
	<-s.done
}

// Write writes a snapshot: into a file beside, then that takes the old one's place. After an error that file's place may be taken or not.
func Write(dir string, st *Snapshot) error {
	text, err := st.encode()
	if err != nil {
		return err
	}
	beside := filepath.Join(dir, newName)
	if err := os.Remove(beside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeSynced(beside, text); err != nil {
		_ = os.Remove(beside)
		return err
	}
	if err := os.Rename(beside, filepath.Join(dir, fileName)); err != nil {
		return err
	}
	return syncFolder(dir)
}

// writeSynced makes a file, and follows no link to another.
func writeSynced(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// syncFolder makes sure that the name is on the disk.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
