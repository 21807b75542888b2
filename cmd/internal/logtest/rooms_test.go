//go:build linux

package logtest

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"yodel/peer"
)

const (
	manyRooms   = 10_000
	startsIn    = time.Second
	roomsMemory = 40 << 20
	inFlight    = 200
)

// tenThousandRooms starts a daemon whose log has as many rooms with one message each.
func tenThousandRooms(w *world) (figures string, err error) {
	if err := errors.Join(w.serve(), fillRooms(w), w.stop(syscall.SIGTERM)); err != nil {
		return "", err
	}
	begin := time.Now()
	if err := w.serve(); err != nil {
		return "", err
	}
	took := time.Since(begin)
	m, err := memoryOf(w.daemon.Cmd.Process.Pid)
	if err != nil {
		return "", err
	}
	if took > bar(startsIn) {
		err = fmt.Errorf("the start takes %v, at most %v", took, bar(startsIn))
	}
	if m.now > roomsMemory {
		err = errors.Join(err, fmt.Errorf("%s in memory, at most %s", mib(m.now), mib(roomsMemory)))
	}
	o, readErr := w.do("reader", "read", "--room", roomName(manyRooms-1))
	if readErr == nil && o.last("message").Text != roomName(manyRooms-1) {
		readErr = fmt.Errorf("the last room has %q", o.last("message").Text)
	}
	return fmt.Sprintf("ready after %s, %s, at most %s", seconds(took), mib(m.now), mib(m.most)), errors.Join(err, readErr)
}

func roomName(n int) string { return fmt.Sprintf("room-%d", n) }

// fillRooms publishes one message in each room.
func fillRooms(w *world) error {
	c, err := w.dial("filler")
	if err != nil {
		return err
	}
	defer c.Close()
	return w.within(2*settle, func(ctx context.Context) error {
		waiting := make([]*peer.Publication, 0, inFlight)
		for n := range manyRooms {
			p, err := c.Publish(ctx, peer.Outgoing{Room: roomName(n), Body: []byte(roomName(n))})
			if err != nil {
				return err
			}
			if waiting = append(waiting, p); len(waiting) < inFlight && n+1 < manyRooms {
				continue
			}
			for _, p := range waiting {
				if _, err := p.Receipt(ctx); err != nil {
					return err
				}
			}
			waiting = waiting[:0]
		}
		return nil
	})
}
