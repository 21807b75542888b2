package secure

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// lockPatience is how long a lock is waited for: those who hold it write one line.
	lockPatience = 5 * time.Second
	// lockRetry is the time between two tries.
	lockRetry = 20 * time.Millisecond
)

// LockFile takes the lock of a file (flock(2)), made if need be: ErrLocked when others keep it for over 5 s. It waits at most lockPatience for whoever has it, in this process or another; the
// clock here is that of the machine, because so is the lock. The lock ends with unlock or with the process.
func LockFile(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, privateFile)
	if err != nil {
		return nil, err
	}
	for late := time.Now().Add(lockPatience); ; <-time.After(lockRetry) {
		err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return func() { _ = file.Close() }, nil // closing releases the lock (flock(2))
		case errors.Is(err, unix.EINTR):
		case !errors.Is(err, unix.EWOULDBLOCK):
			return nil, errors.Join(&os.PathError{Op: "flock", Path: path, Err: err}, file.Close())
		case time.Now().After(late):
			return nil, errors.Join(fmt.Errorf("%w: %s", ErrLocked, path), file.Close())
		}
	}
}
