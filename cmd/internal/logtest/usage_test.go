//go:build linux

package logtest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// memory is what of a process is in RAM, in bytes.
type memory struct {
	now, most int64
}

// memoryOf reads that of a process (proc_pid_status(5)).
func memoryOf(pid int) (m memory, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return m, err
	}
	for line := range strings.Lines(string(b)) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[2] != "kB" {
			continue
		}
		n, err := strconv.ParseInt(fields[1], 10, 64)
		switch {
		case err != nil:
			return m, err
		case fields[0] == "VmRSS:":
			m.now = n << 10
		case fields[0] == "VmHWM:":
			m.most = n << 10
		}
	}
	if m.now == 0 || m.most == 0 {
		err = fmt.Errorf("process %d tells nothing about its memory", pid)
	}
	return m, err
}

// cpuOf is the processor time that a process has used.
func cpuOf(pid int) (time.Duration, error) {
	var ts unix.Timespec
	// The clock of a process (clock_getcpuclockid(3)): its id inverted, and CPUCLOCK_SCHED, which is 2.
	if err := unix.ClockGettime(^int32(pid)<<3|2, &ts); err != nil {
		return 0, fmt.Errorf("clock of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

// forgetPeak makes the most that a process has had what it has now.
func forgetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

func mib(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
