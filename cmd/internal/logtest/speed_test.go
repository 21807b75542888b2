//go:build linux

package logtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"yodel/cmd/internal/programs"
)

const (
	sentLines     = 100_000
	linesPerSec   = 15_000
	flatGrowth    = 16 << 20 // of either program, from a tenth of the lines to all
	textSize      = 200
	speedAttempts = 3 // the best counts: what others do on the machine only takes away from it
)

// rate is how fast something went, and what each of it took of the processor.
type rate struct {
	perSec float64
	yodel  time.Duration
	yodeld time.Duration
	peak   int64 // memory of yodel
}

func (r rate) String() string {
	return fmt.Sprintf("%.0f/s, CPU of each %v yodel, %v yodeld", r.perSec, r.yodel, r.yodeld)
}

// measure has f do something n times, and tells how fast it was.
func (w *world) measure(n int, f func() (yodel time.Duration, err error)) (r rate, err error) {
	pid := w.daemon.Cmd.Process.Pid
	before, err := cpuOf(pid)
	if err != nil {
		return r, err
	}
	begin := time.Now()
	used, err := f()
	took := time.Since(begin)
	if err != nil {
		return r, err
	}
	after, err := cpuOf(pid)
	each := func(d time.Duration) time.Duration { return (d / time.Duration(n)).Round(10 * time.Nanosecond) }
	return rate{perSec: float64(n) / took.Seconds(), yodel: each(used), yodeld: each(after - before)}, err
}

// wholeWay sends lines from a pipe by the real programs: how many a second, and whether memory stays flat.
func wholeWay(w *world) (figures string, err error) {
	if err := w.serve(); err != nil {
		return "", err
	}
	for range 2 { // the first makes the key
		if r, err := w.sendMany(sentLines / 10); err != nil {
			return r.String(), err
		}
	}
	small, err := w.sendMany(sentLines / 10)
	if err != nil {
		return "", err
	}
	pid := w.daemon.Cmd.Process.Pid
	before, err := memoryOf(pid)
	if err != nil {
		return "", err
	}
	var best rate
	var peak int64
	for range speedAttempts {
		r, err := w.sendMany(sentLines)
		if err != nil {
			return "", err
		}
		if peak = max(peak, r.peak); r.perSec > best.perSec {
			best = r
		}
	}
	after, err := memoryOf(pid)
	if err != nil {
		return "", err
	}
	figures = fmt.Sprintf("%v; yodel %s, of a tenth of the lines %s; yodeld %s, after a tenth %s", best, mib(peak), mib(small.peak), mib(after.most), mib(before.most))
	return figures, errors.Join(atLeast("lines", best.perSec, linesPerSec), flat("yodel", small.peak, peak), flat("yodeld", before.most, after.most))
}

func atLeast(what string, perSec, least float64) error {
	if perSec < least {
		return fmt.Errorf("%.0f %s a second, at least %.0f", perSec, what, least)
	}
	return nil
}

func flat(program string, small, large int64) error {
	if large-small > flatGrowth {
		return fmt.Errorf("%s grows from %s to %s with ten times the lines, at most by %s", program, mib(small), mib(large), mib(flatGrowth))
	}
	return nil
}

// sendMany sends so many lines of 200 bytes.
func (w *world) sendMany(n int) (r rate, err error) {
	file := filepath.Join(w.dir, "lines")
	if err := writeLines(file, n); err != nil {
		return r, err
	}
	input, err := os.Open(file)
	if err != nil {
		return r, err
	}
	defer input.Close()
	var peak int64
	r, err = w.measure(n, func() (time.Duration, error) {
		p, err := w.start(fmt.Sprintf("send-%d", w.started.Add(1)), input, append(w.yodel("bulk", "send"), "--quiet", "--json=false")...)
		if err != nil {
			return 0, err
		}
		peak = watchPeak(p)
		err = w.within(2*time.Minute, func(ctx context.Context) error { return p.Ends(ctx, 0, 0) })
		return p.Cmd.ProcessState.UserTime() + p.Cmd.ProcessState.SystemTime(), err
	})
	r.peak = peak
	return r, err
}

// watchPeak gives the most memory that a process has had, when it has ended. (What wait4(2) tells of it counts what was there before exec.)
func watchPeak(p *programs.Process) (peak int64) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if m, err := memoryOf(p.Cmd.Process.Pid); err == nil {
				peak = m.most
			}
		case <-p.Done():
			return peak
		}
	}
}

// writeLines writes a file of lines of 200 bytes with the newline.
func writeLines(file string, n int) error {
	var b bytes.Buffer
	for i := range n {
		text := line("bulk", i+1)
		b.WriteString(text)
		for range textSize - len(text) - 1 {
			b.WriteByte('.')
		}
		b.WriteByte('\n')
	}
	return os.WriteFile(file, b.Bytes(), 0o600)
}
