package control

import (
	"context"
	"fmt"
	"os"
	"time"
)

// stopTick is how often it is looked whether a daemon has ended of which the process cannot be watched.
const stopTick = 20 * time.Millisecond

// Stop has the daemon end, and waits until its process has: what had a receipt is on the disk then, and its port is free. Of a daemon whose process is not
// to be seen from here (in another PID namespace) it waits until the socket is closed. ErrNoAnswer when ctx ends before.
func (c *Client) Stop(ctx context.Context) error {
	gone := c.gone
	if pid := c.listener(); pid > 0 && pid != os.Getpid() {
		if process, err := watch(pid); err == nil {
			defer process.close()
			gone = process.gone
		}
	}
	if err := c.post(ctx, "/v1/stop", Done{}, &StopAnswer{}); err != nil {
		return err
	}
	tick := time.NewTicker(stopTick)
	defer tick.Stop()
	for !gone() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: it is told to stop, and has not ended yet: %s", ErrNoAnswer, c.path)
		}
	}
	return nil
}

// listener gives the process that listens on the socket; 0: it is not known.
func (c *Client) listener() (pid int) {
	conn, err := connect(c.path, answerFor)
	if err != nil {
		return 0
	}
	defer func() { _ = conn.Close() }()
	return pidOf(conn)
}

// gone tells whether nobody listens on the socket any more.
func (c *Client) gone() bool {
	conn, err := connect(c.path, stopTick)
	if err != nil {
		return true
	}
	_ = conn.Close()
	return false
}
