package roomlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	lockName = "lock"
	// lockPatience is how long a daemon waits for one that is just ending.
	lockPatience = time.Second
	// lockRetry is the time between two tries.
	lockRetry = 50 * time.Millisecond
)

// lockFolder takes the lock of a state folder (flock(2) of the file "lock" in it, made if need be) or gives ErrLocked. It ends with unlock, or
// with the process.
func lockFolder(dir string) (unlock func(), err error) {
	path := filepath.Join(dir, lockName)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, unwritable(dir, err)
	}
	for late := time.Now().Add(lockPatience); ; <-time.After(lockRetry) {
		err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return func() { _ = file.Close() }, nil // closing releases the lock
		case errors.Is(err, unix.EINTR):
		case !errors.Is(err, unix.EWOULDBLOCK):
			return nil, errors.Join(&os.PathError{Op: "flock", Path: path, Err: err}, file.Close())
		case time.Now().After(late):
			return nil, errors.Join(fmt.Errorf("%w: %s is locked: stop that one, or give this one a folder of its own", ErrLocked, path), file.Close())
		}
	}
}

// unwritable tells apart what the operator can mend by permissions.
func unwritable(path string, err error) error {
	if errors.Is(err, os.ErrPermission) || errors.Is(err, unix.EROFS) {
		return fmt.Errorf("%w: the daemon needs to write in %s: %w", ErrUnwritable, path, err)
	}
	return err
}
