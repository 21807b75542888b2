package control

import "golang.org/x/sys/unix"

// process is one that is watched (pidfd_open(2)).
type process int

func watch(pid int) (process, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	return process(fd), err
}

// gone tells whether it has ended.
func (p process) gone() bool {
	fds := []unix.PollFd{{Fd: int32(p), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0
}

func (p process) close() { _ = unix.Close(int(p)) }
