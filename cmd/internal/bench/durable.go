package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"yodel/cmd/internal/bench/plainlog"
	"yodel/daemon/roomlog"
)

// durable is one line of the third table: messages that are on the disk, with senders who wait for each of theirs.
type durable struct {
	name    string
	senders int
	beside  func(dir string) (store, error)
	least   float64 // times as many
}

var durables = []durable{
	{"room log, 100 senders, beside a plain group commit", 100, plain(plainlog.MaxBatch), 0.8},
	{"room log, 1000 senders, beside a plain group commit", 1000, plain(plainlog.MaxBatch), 0.8},
	{"room log, 100 senders, beside a commit for each message", 100, plain(1), 6},
}

// store is what senders give messages to. done is called when the message is on the disk.
type store interface {
	append(e roomlog.Entry, done func(error))
	close() error
}

// Load of the third table.
const (
	bodySize = 200
	roomsOf  = 20
)

// durables is the third table.
func (b *bench) durables(ctx context.Context) error {
	titled := false
	for _, d := range durables {
		if !b.rows.MatchString(d.name) {
			continue
		}
		if !titled {
			fmt.Printf("\nMessages a second that are on the disk, %d bytes each: median of %d rounds of %v\n\n%s\n", bodySize, b.rounds, b.length, durableHeader)
			titled = true
		}
		var ours, theirs, ratio []float64
		for round := range b.rounds {
			o, t, err := b.besides(ctx, &d, round)
			if err != nil {
				return fmt.Errorf("%s: %w", d.name, err)
			}
			ours, theirs, ratio = append(ours, o), append(theirs, t), append(ratio, o/t)
		}
		met := median(ratio) >= d.least
		fmt.Printf("| %s | %.0f | %.0f | %.2f | %.2f–%.2f | %.1f | %s |\n", d.name, median(ours), median(theirs), median(ratio),
			slices.Min(ratio), slices.Max(ratio), d.least, yes(met))
		if !met {
			b.missed++
		}
	}
	return nil
}

const durableHeader = "| load | room log, 1/s | beside it, 1/s | ratio | of the rounds | at least | met |\n|---|---|---|---|---|---|---|"

// besides measures both; who is first changes.
func (b *bench) besides(ctx context.Context, d *durable, round int) (ours, theirs float64, err error) {
	rates := [2]*float64{&ours, &theirs}
	for i := range rates {
		who := (i + round) % 2
		if *rates[who], err = b.stored(ctx, d.senders, [2]func(string) (store, error){own, d.beside}[who]); err != nil {
			return 0, 0, err
		}
	}
	return ours, theirs, nil
}

// stored gives the messages a second of a new store in a folder of its own.
func (b *bench) stored(ctx context.Context, senders int, open func(dir string) (store, error)) (rate float64, err error) {
	dir, err := os.MkdirTemp(b.dir, "log-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := open(dir)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, b.length)
	defer cancel()
	var wg sync.WaitGroup
	counts, errs := make([]int, senders), make([]error, senders)
	began := time.Now()
	for i := range senders {
		wg.Go(func() { counts[i], errs[i] = send(ctx, s, i) })
	}
	wg.Wait()
	took := time.Since(began)
	total := 0
	for i := range senders {
		total += counts[i]
		if err == nil {
			err = errs[i]
		}
	}
	if closing := s.close(); err == nil {
		err = closing
	}
	return float64(total) / took.Seconds(), err
}

// send is a sender, who waits for each message before the next.
func send(ctx context.Context, s store, sender int) (n int, err error) {
	outcome := make(chan error, 1)
	done := func(err error) { outcome <- err }
	e := roomlog.Entry{Room: fmt.Sprintf("room %d", sender%roomsOf), Nick: fmt.Sprintf("sender %d", sender), Body: make([]byte, bodySize)}
	copy(e.Sender[:], fmt.Sprintf("%032d", sender))
	for ; ctx.Err() == nil; n++ {
		e.ID, e.At = uint64(n), time.Now().UnixNano()
		s.append(e, done)
		if err := <-outcome; err != nil {
			return n, err
		}
	}
	return n, nil
}

// ownLog is the daemon's log, with an owner.
type ownLog struct {
	*roomlog.Log
	mu   sync.Mutex
	more sync.Cond
	work []func()
	over bool
	wg   sync.WaitGroup
}

func own(dir string) (store, error) {
	o := &ownLog{}
	o.more.L = &o.mu
	var err error
	if o.Log, err = roomlog.Open(roomlog.Options{Dir: dir, Keep: roomlog.DefaultKeep, Total: roomlog.DefaultTotal, Deliver: o.deliver}); err != nil {
		return nil, err
	}
	o.wg.Go(o.run)
	return o, nil
}

func (o *ownLog) deliver(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.work = append(o.work, f)
	o.more.Signal()
}

// run is the owner's goroutine.
func (o *ownLog) run() {
	var work []func()
	for {
		o.mu.Lock()
		for len(o.work) == 0 && !o.over {
			o.more.Wait()
		}
		work, o.work = o.work, work[:0]
		o.mu.Unlock()
		if len(work) == 0 {
			return
		}
		for _, f := range work {
			f()
		}
	}
}

func (o *ownLog) append(e roomlog.Entry, done func(error)) {
	o.Append(e, func(r roomlog.Result) { done(r.Err) })
}

func (o *ownLog) close() error {
	err := o.Close()
	o.mu.Lock()
	o.over = true
	o.more.Signal()
	o.mu.Unlock()
	o.wg.Wait()
	return err
}

// plainLog is what the daemon's log is compared with.
type plainLog struct{ *plainlog.Log }

func plain(batch int) func(dir string) (store, error) {
	return func(dir string) (store, error) {
		l, err := plainlog.Open(filepath.Join(dir, "plain.db"), batch)
		return plainLog{l}, err
	}
}

func (p plainLog) append(e roomlog.Entry, done func(error)) {
	p.Append(plainlog.Entry{
		Room: e.Room, Sender: e.Sender[:], ID: e.ID, Nick: e.Nick, Type: e.Type, Body: e.Body, At: e.At,
	}, done)
}

func (p plainLog) close() error { return p.Close() }
