//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"time"
)

// plan is what is sent.
type plan struct {
	n, size int
	rate    float64 // messages a second
	seed    uint64
}

// stampSize is the least size of a message: it begins with when it was sent and which one it is.
const stampSize = 16

// times is what one run measured.
type times struct {
	begin        time.Time // stamps count from here
	latency, lag []time.Duration
}

// stamp makes the i-th message as it is sent now.
func (t *times) stamp(p *plan, i int) []byte {
	msg := make([]byte, p.size)
	binary.BigEndian.PutUint64(msg, uint64(time.Since(t.begin)))
	binary.BigEndian.PutUint64(msg[8:], uint64(i))
	return msg
}

// arrived takes a message. The error tells that it is not the next one.
func (t *times) arrived(msg []byte) error {
	if len(msg) < stampSize {
		return fmt.Errorf("message of %d bytes", len(msg))
	}
	if i := binary.BigEndian.Uint64(msg[8:]); i != uint64(len(t.latency)) {
		return fmt.Errorf("message %d after %d", i, len(t.latency))
	}
	t.latency = append(t.latency, time.Since(t.begin)-time.Duration(binary.BigEndian.Uint64(msg)))
	return nil
}

// pace calls send for each message when it is due, until one fails or stop is closed. Lags are how late it was.
func pace(p *plan, stop <-chan struct{}, send func(i int) error) (lag []time.Duration, err error) {
	begin := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := range p.n {
		due := begin.Add(time.Duration(float64(i) / p.rate * float64(time.Second)))
		timer.Reset(time.Until(due))
		select {
		case <-timer.C:
		case <-stop:
			return lag, nil
		}
		lag = append(lag, time.Since(due))
		if err := send(i); err != nil {
			return lag, err
		}
	}
	return lag, nil
}
