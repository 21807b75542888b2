package control

import (
	"context"
	"fmt"
	"time"

	"yodel/daemon"
	"yodel/daemon/roomlog"
	"yodel/wire"
)

// changeOf gives what a request changes of a room. Limits of the room log that it does not name stay as they are.
func (s *Server) changeOf(ctx context.Context, q *RoomRequest) (c daemon.RoomChange, err error) {
	if q.Delay == nil && q.Messages == nil && q.Age == nil && q.Bytes == nil {
		return c, fmt.Errorf("%w: nothing is to change", ErrRequest)
	}
	if q.Delay != nil {
		if *q.Delay < 0 || *q.Delay > wire.MaxDelay.Seconds() {
			return c, fmt.Errorf("%w: a delay of %v s: it must be from 0 to %v", ErrRequest, *q.Delay, wire.MaxDelay)
		}
		delay := time.Duration(*q.Delay * float64(time.Second)).Round(time.Millisecond)
		c.Delay = &delay
	}
	if q.Messages == nil && q.Age == nil && q.Bytes == nil {
		return c, nil
	}
	now, err := s.cfg.Daemon.Room(ctx, q.Room)
	if err != nil {
		return c, err
	}
	keep := now.Keep
	if q.Messages != nil {
		keep.Messages = *q.Messages
	}
	if q.Age != nil {
		keep.Age = *q.Age
	}
	if q.Bytes != nil {
		keep.Bytes = *q.Bytes
	}
	if keep.Messages < 0 || keep.Bytes < 0 || keep.Age < 0 || keep.Age > maxFor.Seconds() {
		return c, fmt.Errorf("%w: a limit below 0, or of more than 100 years", ErrRequest)
	}
	c.Keep = &roomlog.Keep{Entries: keep.Messages, Age: time.Duration(keep.Age * float64(time.Second)), Bytes: keep.Bytes}
	return c, nil
}
