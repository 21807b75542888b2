//go:build linux

package hostile

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"yodel/cmd/internal/programs"
)

// figures is what a process has of the machine.
type figures struct {
	resident, peak       int64 // bytes; peak: the most since the last reset
	threads, descriptors int
	cpu                  time.Duration
}

// figuresOf reads them.
func figuresOf(p *programs.Process) (f figures, err error) {
	dir := fmt.Sprintf("/proc/%d", p.Cmd.Process.Pid)
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return f, err
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSuffix(strings.TrimSpace(value), " kB")
		switch name {
		case "VmRSS", "VmHWM", "Threads":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return f, fmt.Errorf("%s: %w", name, err)
			}
			switch name {
			case "VmRSS":
				f.resident = n << 10
			case "VmHWM":
				f.peak = n << 10
			default:
				f.threads = int(n)
			}
		}
	}
	if f.cpu, err = cpuOf(dir); err != nil {
		return f, err
	}
	open, err := os.ReadDir(filepath.Join(dir, "fd"))
	f.descriptors = len(open)
	return f, err
}

// cpuOf is the processor time of a process (proc(5), stat: utime and stime in hundredths of a second).
func cpuOf(dir string) (time.Duration, error) {
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return 0, err
	}
	const utime, stime = 11, 12 // behind the name in parentheses
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, err := strconv.Atoi(fields[utime])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(fields[stime])
	return time.Duration(user+system) * 10 * time.Millisecond, err
}

// resetPeak has the peak of a process begin anew (proc(5), clear_refs).
func resetPeak(p *programs.Process) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.Cmd.Process.Pid), []byte("5"), 0)
}
