//go:build linux

package logtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// insideVar tells the suite that it runs enclosed.
const insideVar = "YODEL_LOG_INSIDE"

// errEnclosed is why file systems cannot be mounted here; nil: they can.
var errEnclosed error

// enclose runs the suite again as the first process of a process namespace, with mounts of its own: when it ends, in whatever way, all
// programs that it has started are gone, and what it has mounted too. done tells that the suite has run so, with an exit code.
func enclose() (code int, done bool) {
	if os.Getenv(insideVar) != "" {
		if errEnclosed = unix.Mount("proc", "/proc", "proc", 0, ""); errEnclosed != nil {
			fmt.Fprintln(os.Stderr, "logtest: /proc:", errEnclosed)
			return 1, true
		}
		return 0, false
	}
	runtime.LockOSThread() // the suite inside ends with this thread
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), insideVar+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL,
	}
	if errEnclosed = cmd.Start(); errEnclosed != nil {
		return 0, false // what needs a mount tells that it is not tested
	}
	if err := cmd.Wait(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() > 0 {
			return exit.ExitCode(), true
		}
		fmt.Fprintln(os.Stderr, "logtest:", err)
		return 1, true
	}
	return 0, true
}
