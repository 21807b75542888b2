//go:build linux

package nettest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"yodel/cmd/internal/fates"
	"yodel/cmd/internal/netem"
)

const (
	oneWay   = 200 * time.Millisecond
	trials   = 7
	maxTrips = 4
)

// tripSlop is for the emulator's timers and the scheduler, over all trips. The short form runs on machines that others use: it finds half a trip
// more, not how fast the machine is.
func tripSlop() time.Duration {
	if settings.Full {
		return 60 * time.Millisecond
	}
	return oneWay
}

// maxCPU is what a set-up may take of the processor: the bar, or in the short form three times as much.
func maxCPU() time.Duration {
	if settings.Full {
		return 10 * time.Millisecond
	}
	return 30 * time.Millisecond
}

// setUp is one `yodel send` on an idle machine: from the start of the process to the receipt, and what the process took.
type setUp struct {
	receipt, cpu time.Duration
	there, back  int64 // packets
}

// trial sends one message by a new process.
func trial(w *world) (s setUp, err error) {
	there, back := w.alice.link.Stats(netem.A), w.alice.link.Stats(netem.B)
	p, err := w.peer(w.alice, liveRoom, nil, "send", "Is anybody up there?")
	if err != nil {
		return s, err
	}
	ctx, cancel := context.WithTimeoutCause(w.ctx, settle, fmt.Errorf("not within %v", settle))
	defer cancel()
	receipt, err := p.AwaitEvent(ctx, "receipt", "", 1)
	s.there = w.alice.link.Stats(netem.A).Received.Packets - there.Received.Packets
	s.back = w.alice.link.Stats(netem.B).Received.Packets - back.Received.Packets
	if err := errors.Join(err, p.Ends(ctx, 0, 0)); err != nil {
		return s, err
	}
	s.receipt = receipt.Got.Sub(p.Began)
	s.cpu = p.Cmd.ProcessState.UserTime() + p.Cmd.ProcessState.SystemTime()
	return s, nil
}

// try makes several trials and gives one number of each, in ascending order; the first trial, which makes the key, is left out.
func try(w *world, out *outcome, of func(setUp) time.Duration) (all []time.Duration, last setUp, err error) {
	for i := range trials + 1 {
		s, err := trial(w)
		if err != nil {
			return nil, s, err
		}
		out.lines++
		out.receipts++
		if i > 0 {
			all = append(all, of(s))
		}
		last = s
	}
	slices.Sort(all)
	return all, last, nil
}

func toReceipt(s setUp) time.Duration { return s.receipt }

// setUpTrips measures how many round trips lie between nothing and the receipt: the time with delay less that without, each the least of all trials, as
// what others do on the machine only adds to it.
func setUpTrips(w *world, _ row, out *outcome) error {
	base, _, err := try(w, out, toReceipt)
	if err != nil {
		return err
	}
	if err := w.alice.link.SetBoth(netem.Impairment{Profile: fates.Profile{Delay: oneWay}}); err != nil {
		return err
	}
	far, last, err := try(w, out, toReceipt)
	if err != nil {
		return err
	}
	took := far[0] - base[0]
	trips := float64(took) / float64(2*oneWay)
	out.note = fmt.Sprintf("%.2f RTT, %d packets there and %d back", trips, last.there, last.back)
	if took > maxTrips*2*oneWay+tripSlop() {
		return fmt.Errorf("set-up takes %.2f RTT, at most %d", trips, maxTrips)
	}
	return nil
}

// setUpTime measures the processor time of a whole `yodel send`, and what of it is the set-up and not the start of a program that does nothing.
// Both are the
// least of all trials, as what others do on the machine only adds to it. Only the set-up is held to the bar.
func setUpTime(w *world, _ row, out *outcome) error {
	var idle []time.Duration
	for range trials {
		p, err := w.start(w.alice.ns, fmt.Sprintf("version-%d", len(idle)), nil, "yodel", "--version")
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeoutCause(w.ctx, settle, fmt.Errorf("not within %v", settle))
		err = p.Ends(ctx, 0, 0)
		cancel()
		if err != nil {
			return err
		}
		idle = append(idle, p.Cmd.ProcessState.UserTime()+p.Cmd.ProcessState.SystemTime())
	}
	slices.Sort(idle)
	all, _, err := try(w, out, func(s setUp) time.Duration { return s.cpu })
	if err != nil {
		return err
	}
	start, whole := idle[0], all[0]
	out.note = fmt.Sprintf("%.1f ms of processor time (median %.1f), %.1f of them to start", float64(whole)/1e6, float64(all[trials/2])/1e6, float64(start)/1e6)
	if cpu := whole - start; cpu > maxCPU() {
		return fmt.Errorf("set-up takes %v of processor time, at most %v", cpu, maxCPU())
	}
	return nil
}
