package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// defaultRecorder records the microphone when YODEL_RECORD does not say otherwise.
const defaultRecorder = "arecord -q -t wav -f S16_LE -r 48000 -c 1"

// recorderGrace is how long a recorder that was told to stop may take.
const recorderGrace = 2 * time.Second

// recorder is a running program that writes a WAV to its standard output.
type recorder struct {
	line   string
	cmd    *exec.Cmd
	wav    *os.File // until EOF: what it writes
	exited chan struct{}
	err    error // once exited: how
}

// recorderLine gives the shell's command line; the error says that its program is not there.
func recorderLine() (string, error) {
	text := cmp.Or(os.Getenv(envRecord), defaultRecorder)
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return "", fmt.Errorf("%w: %s is blank", errRecorder, envRecord)
	}
	if text != defaultRecorder {
		return text, nil // the shell may know what this program does not: functions, assignments
	}
	if _, err := exec.LookPath(fields[0]); err != nil {
		return "", withHint(fmt.Errorf("%w: %w", errRecorder, err),
			"install %s (package alsa-utils), or let %s name a command that writes a WAV to its standard output", fields[0], envRecord)
	}
	return text, nil
}

// startRecorder runs the command in a process group of its own, so that all of it can be told to stop.
func (sh *shell) startRecorder(line string, stderr io.Writer) (*recorder, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRecorder, err)
	}
	cmd := exec.Command("sh", "-c", line)
	cmd.Stdout, cmd.Stderr = w, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = recorderGrace
	err = cmd.Start()
	_ = w.Close() // the program has its own
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", errRecorder, err), r.Close())
	}
	rec := &recorder{line: line, cmd: cmd, wav: r, exited: make(chan struct{})}
	sh.recorder.Store(rec)
	go func() {
		rec.err = cmd.Wait()
		close(rec.exited)
	}()
	return rec, nil
}

// stop tells the program to stop and waits until it has; it may be called again.
func (r *recorder) stop() {
	r.signal(syscall.SIGTERM)
	grace := time.NewTimer(recorderGrace)
	defer grace.Stop()
	select {
	case <-r.exited:
	case <-grace.C:
		r.signal(syscall.SIGKILL)
		<-r.exited
	}
}

// kill ends the program at once, when this one ends and cannot wait; nil is none.
func (r *recorder) kill() {
	if r != nil {
		r.signal(syscall.SIGKILL)
	}
}

// signal reaches the whole group; a group that has gone is no fault.
func (r *recorder) signal(sig syscall.Signal) {
	select {
	case <-r.exited:
	default:
		_ = syscall.Kill(-r.cmd.Process.Pid, sig)
	}
}

// failure tells why nothing was recorded.
func (r *recorder) failure(cause error) error {
	r.stop()
	if r.err != nil {
		cause = r.err
	}
	return fmt.Errorf("%w: %s: %w", errRecorder, r.line, cause)
}
