package main

import (
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// openTerminal gives both sides of a new pseudo-terminal.
func openTerminal() (master, slave *os.File, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, err
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, nil, err
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	return master, slave, err
}

// cmdStartTTY runs a program on a terminal of its own; what it writes goes to NAME.out.
func cmdStartTTY(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start-tty NAME program...")
	}
	master, slave, err := openTerminal()
	ts.Check(err)
	cmd := program(ts, args[1:])
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	out, err := os.Create(ts.MkAbs(args[0] + ".out"))
	ts.Check(err)
	copied := make(chan struct{})
	go func() {
		_, _ = io.Copy(out, master) // ends with EIO when the slave is closed
		close(copied)
	}()
	ts.Defer(func() { // once the program has ended: what is deferred first runs last
		<-copied
		_ = out.Close()
		_ = master.Close()
	})
	p := watch(ts, args[0], cmd)
	ts.Check(slave.Close())
	p.stdin = master
	worldOf(ts).background[args[0]] = p
}
