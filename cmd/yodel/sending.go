package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"yodel/peer"
)

// maxTogether bounds the lines that are handed to the client at once.
const maxTogether = 64

// sending is a send under way: one goroutine publishes, one takes the receipts, one follows the session.
type sending struct {
	*shell
	client  *peer.Client
	awaited chan sentLine
	away    atomic.Pointer[error] // why there is no session now; nil: there is

	// Of the publishing goroutine:
	ended bool   // the input has
	stuck []line // that the client has not taken

	// Of the goroutine that takes receipts, until it has ended:
	stopped error // why none is waited for any more
	unsent  unsentObject
}

// sentLine is a line that waits for its receipt; of TEXT the number is 0.
type sentLine struct {
	number int
	*peer.Publication
}

// send publishes text, or with nil the lines of standard input, and waits for the receipts.
func (sh *shell) send(ctx context.Context, text []byte) error {
	client, err := sh.dial(ctx, dialing{nick: true, reconnect: true})
	if err != nil {
		return err
	}
	defer hangUp(client)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &sending{shell: sh, client: client, awaited: make(chan sentLine, maxAwaited)}
	go func() { cancel(s.followSession()) }()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.takeReceipts(ctx, cancel)
	}()
	err = s.publish(ctx, text)
	close(s.awaited)
	<-done
	return s.outcome(firstError(s.stopped, err))
}

// followSession tells of the session's losses, until the client has come to its end.
func (s *sending) followSession() error {
	for ev := range s.client.Events() {
		switch ev := ev.(type) {
		case *peer.Lost:
			s.away.Store(&ev.Err)
			s.tellEvent(ev)
		case *peer.Back:
			s.away.Store(nil)
			s.tellEvent(ev)
		}
	}
	return gone(s.client)
}

// publish hands the messages to the client, at most as fast as receipts come back.
func (s *sending) publish(ctx context.Context, text []byte) error {
	if text != nil {
		s.ended = true
		return s.publishAll(ctx, []line{{text: text}})
	}
	if isTerminal(s.stdin) {
		s.out.remark("type lines to send them; Ctrl-D ends")
	}
	lines := readLines(ctx, s.stdin)
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case l := <-lines:
			some, last := together(l, lines)
			if err := s.publishAll(ctx, some); err != nil {
				return err
			}
			if errors.Is(last, io.EOF) {
				s.ended = true
				return nil
			}
			if last != nil {
				return last
			}
		}
	}
}

// together gives the lines that are there, and why there are no more behind them; nil: there may be.
func together(l line, more <-chan line) (some []line, last error) {
	for {
		if l.err != nil {
			return some, l.err
		}
		if len(l.text) > 0 {
			some = append(some, l)
		}
		if len(some) == maxTogether {
			return some, nil
		}
		select {
		case l = <-more:
		default:
			return some, nil
		}
	}
}

// publishAll publishes lines. Those behind one that can be no message are not sent.
func (s *sending) publishAll(ctx context.Context, some []line) error {
	out := make([]peer.Outgoing, len(some))
	for i, l := range some {
		out[i] = peer.Outgoing{Room: s.room, Media: plainText, Body: l.text}
	}
	taken, err := s.client.PublishAll(ctx, out)
	for i, p := range taken {
		s.awaited <- sentLine{some[i].number, p} // never for long: takeReceipts takes all
	}
	if err == nil {
		return nil
	}
	rest := some[len(taken):]
	if ctx.Err() == nil && s.client.Err() == nil && rest[0].number > 0 { // it can be no message
		return fmt.Errorf("line %d: %w", rest[0].number, err)
	}
	s.stuck = rest
	return orCause(ctx, err)
}

// takeReceipts waits for the receipts in order and prints them with --json. After the first that does not come it ends the context, waits no more,
// and counts the lines that have none.
func (s *sending) takeReceipts(ctx context.Context, cancel context.CancelCauseFunc) {
	timer := time.NewTimer(answerTimeout)
	defer timer.Stop()
	for l := range s.awaited {
		if s.stopped == nil {
			if s.stopped = s.await(ctx, l, timer); s.stopped != nil {
				cancel(s.stopped)
			}
		}
		r, err := l.Receipt(ctx) // does not wait: it is there, or ctx has ended
		switch {
		case err != nil:
			s.unsent.add(l.number)
		case s.json:
			s.out.object(receiptOf(s.room, r))
		}
	}
}

// await waits for a receipt: as long as --timeout says since the one before, or since the line was read when none before was missing.
func (s *sending) await(ctx context.Context, l sentLine, timer *time.Timer) error {
	limit := cmp.Or(s.timeout, answerTimeout)
	select {
	case <-l.Done():
	default:
		timer.Reset(limit)
		select {
		case <-l.Done():
		case <-ctx.Done():
		case <-timer.C:
			return s.late(limit)
		}
	}
	_, err := l.Receipt(ctx)
	return orCause(ctx, err)
}

// late tells that no receipt has come.
func (s *sending) late(limit time.Duration) error {
	if why := s.away.Load(); why != nil {
		return fmt.Errorf("%w in %s; %w", errNoReceipt, exact(limit), *why)
	}
	return fmt.Errorf("%w in %s", errNoReceipt, exact(limit))
}

// outcome adds to err which lines have no receipt.
func (s *sending) outcome(err error) error {
	for _, l := range s.stuck {
		s.unsent.add(l.number)
	}
	s.unsent.Ended = s.ended
	if err == nil || s.unsent.Lines == 0 || s.unsent.First == 0 && errors.Is(err, peer.ErrRefused) {
		return err
	}
	return &unsentError{s.unsent, err}
}

// add counts a line; they come in order.
func (u *unsentObject) add(number int) {
	if u.Lines == 0 {
		u.First = number
	}
	u.Lines++
	u.Last = number
}

// unsentError tells which lines have no receipt, and why.
type unsentError struct {
	unsentObject
	err error
}

func (e *unsentError) Unwrap() error { return e.err }

func (e *unsentError) Error() string {
	what := fmt.Sprintf("%d of the lines %d to %d have no receipt", e.Lines, e.First, e.Last)
	switch {
	case e.First == 0:
		what = "the message has no receipt"
	case e.Lines == 1:
		what = fmt.Sprintf("line %d has no receipt", e.First)
	case e.Lines == e.Last-e.First+1:
		what = fmt.Sprintf("lines %d to %d have no receipt", e.First, e.Last)
	}
	if !e.Ended {
		what += fmt.Sprintf("; reading stopped at line %d", e.Last)
	}
	return what + ": " + e.err.Error()
}
