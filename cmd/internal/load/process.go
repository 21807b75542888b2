//go:build linux

package load

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// process is the daemon's, by its id; 0 is not known, and all its counters are 0.
type process int

// cpu is the time that all its threads have run, to the nanosecond.
func (p process) cpu() (time.Duration, error) {
	if p == 0 {
		return 0, nil
	}
	var ts unix.Timespec
	// The clock of a process (clock_getcpuclockid(3)): its id inverted, and CPUCLOCK_SCHED, which is 2.
	if err := unix.ClockGettime(^int32(p)<<3|2, &ts); err != nil {
		return 0, fmt.Errorf("%w: %d: %w", ErrProcess, p, err)
	}
	return time.Duration(ts.Nano()), nil
}

// rss is its memory that is in RAM, in bytes.
func (p process) rss() (int64, error) {
	if p == 0 {
		return 0, nil
	}
	b, err := os.ReadFile("/proc/" + strconv.Itoa(int(p)) + "/statm")
	if err != nil {
		return 0, fmt.Errorf("%w: %d: %w", ErrProcess, p, err)
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0, fmt.Errorf("%w: %d: statm has %d fields", ErrProcess, p, len(fields))
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %d: %w", ErrProcess, p, err)
	}
	return pages * int64(os.Getpagesize()), nil
}
