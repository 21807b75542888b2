package daemon

import (
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// alarmFile is a timer of the kernel's. The pump waits for it in the runtime's poller as for a socket: who finds it there goes on with the pump
// itself. A timer of the runtime's, and a channel, would make the pump ready for anyone, and wake another thread to look for it.
type alarmFile struct {
	file *os.File
	raw  syscall.RawConn
	call func(fd uintptr) bool
	fd   uintptr
	fell [8]byte // how often it went off
}

// useFile has the alarm be a file's, if the system has one.
func (a *alarm) useFile() error {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("timerfd_create", err)
	}
	f := &alarmFile{file: os.NewFile(uintptr(fd), "timer"), fd: uintptr(fd)}
	if f.raw, err = f.file.SyscallConn(); err != nil {
		_ = f.file.Close()
		return err
	}
	f.call = f.read
	a.file = f
	return nil
}

// set has it go off after a time; 0 stops it.
func (f *alarmFile) set(after time.Duration) {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(after))}
	_, _, _ = unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, f.fd, 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
}

func (f *alarmFile) wait() bool { return f.raw.Read(f.call) == nil }

func (f *alarmFile) read(fd uintptr) bool {
	_, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&f.fell)), unsafe.Sizeof(f.fell))
	return errno != unix.EAGAIN
}

func (f *alarmFile) close() { _ = f.file.Close() }
