package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// niceness is that of sound servers. Peers on the same machine that wake for a datagram would else each interrupt the relay that has
// more to send, twice a datagram; and a voice is late when a compiler has its turn first.
const niceness = -10

// raisePriority gives all threads the niceness of a sound server, unless somebody has chosen one already. Threads to come inherit it.
func raisePriority() error {
	// The system call gives 20 less the niceness.
	if now, err := unix.Getpriority(unix.PRIO_PROCESS, 0); err != nil || now != 20 {
		return err
	}
	for range 3 { // a thread may have begun others meanwhile
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("threads: %w", err)
		}
		raised := 0
		for _, task := range tasks {
			id, err := strconv.Atoi(task.Name())
			if err != nil {
				continue
			}
			if now, err := unix.Getpriority(unix.PRIO_PROCESS, id); err != nil || now == 20-niceness {
				continue
			}
			if err := unix.Setpriority(unix.PRIO_PROCESS, id, niceness); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("niceness %d: %w", niceness, err)
			}
			raised++
		}
		if raised == 0 {
			break
		}
	}
	return nil
}
