package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"yodel/peer"
	"yodel/wire"
)

// A replay that is promised again and again and does not come is not waited for longer than any answer, and asked for less and less often.
func TestReadGivesUpWaiting(t *testing.T) {
	for name, asked := range map[string]start{"last": {last: 5}, "since": {since: time.Unix(1, 0)}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { givesUp(t, asked) })
		})
	}
}

func givesUp(t *testing.T, asked start) {
	sh := &shell{out: newPrinter(io.Discard, io.Discard)}
	began := time.Now()
	var joins []time.Duration
	pages := newPager(sh, follow{client: new(peer.Client)}, asked, &peer.Joined{Replay: 100})
	pages.join = func(context.Context, peer.JoinOptions) (*peer.Joined, error) {
		joins = append(joins, time.Since(began))
		return &peer.Joined{Replay: uint64(100 - len(joins))}, nil
	}
	err := sh.ask(t.Context(), pages.print)
	if !errors.Is(err, errNoAnswer) || explain(err).exit != exitUnreachable || time.Since(began) != answerTimeout {
		t.Errorf("got %v after %v", err, time.Since(began))
	}
	if want := "[1s 3s 7s 15s]"; fmt.Sprint(joins) != want {
		t.Errorf("asked after %v, want %s", joins, want)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(io.ErrClosedPipe)
	if err := sh.ask(ctx, pages.print); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("with an ended context: %v", err)
	}
}

// A replay of which the newest message was erased after it had been promised ends when the daemon says that nothing is left, and soon.
func TestReadEndsWhenWhatWasPromisedWasErased(t *testing.T) {
	t.Parallel()
	joins := 0
	d := newHostileDaemon(t, attack{message: func(v *victim, m *wire.Message) bool {
		j := m.GetJoin()
		if j == nil {
			return false
		}
		joined := v.joined(j)
		if joins++; joins == 1 {
			joined.Newest, joined.Replay = 3, 3
			v.say(&wire.Message{Kind: &wire.Message_Joined{Joined: joined}}, entryOf(1, "bob", "one"), entryOf(2, "bob", "two"))
			return true
		}
		if j.GetAfter().GetPos() != 2 || !bytes.Equal(j.GetAfter().GetLogId(), v.d.log) || !j.GetObserve() {
			t.Errorf("joined with %v", j)
		}
		joined.Newest = 2
		v.say(&wire.Message{Kind: &wire.Message_Joined{Joined: joined}})
		return true
	}})
	r := endure(t, hostileCommand(t, d, "read", "-n", "5"), 0)
	r.expect(t, exitDone, 2*time.Second)
	if strings.Count(r.out, "\n") != 2 || !strings.HasSuffix(r.out, "bob: two\n") {
		t.Errorf("printed %q", r.out)
	}
}

// The last messages of a busy room are read from a daemon whose disk is slow: when it is asked again, and has other messages by then, it is those
// that are printed, and it is not asked more often than it can answer.
func TestReadOfABusyRoomFromASlowDaemon(t *testing.T) {
	t.Parallel()
	for _, stored := range []uint64{3, 10} { // of the 10 that are asked for, at first
		t.Run(fmt.Sprint(stored, " at first"), func(t *testing.T) {
			t.Parallel()
			joins, replayed := uint64(0), []uint64(nil)
			d := newHostileDaemon(t, attack{message: func(v *victim, m *wire.Message) bool {
				j := m.GetJoin()
				if j == nil {
					return false
				}
				joins++
				joined := v.joined(j)
				joined.Newest, joined.Replay = 100*joins, 10
				if joins == 1 {
					joined.Replay = stored
				}
				v.say(&wire.Message{Kind: &wire.Message_Joined{Joined: joined}})
				newest := joined.Newest
				time.AfterFunc(2500*time.Millisecond, func() {
					v.replayLate(newest, func() bool {
						if newest != 100*joins {
							return false
						}
						replayed = append(replayed, newest)
						return true
					})
				})
				return true
			}})
			r := endure(t, hostileCommand(t, d, "read", "-n", "10"), 0)
			r.expect(t, exitDone, 2*time.Second)
			d.mu.Lock()
			defer d.mu.Unlock()
			lines := strings.Split(strings.TrimSuffix(r.out, "\n"), "\n")
			one := func(newest uint64) bool {
				return len(lines) == 10 && strings.HasSuffix(lines[0], fmt.Sprint("bob: number ", newest-9)) && strings.HasSuffix(lines[9], fmt.Sprint("bob: number ", newest))
			}
			if !slices.ContainsFunc(replayed, one) || joins > 5 {
				t.Errorf("%d times joined, the ten up to %d sent, printed %q", joins, replayed, r.out)
			}
		})
	}
}

// replayLate sends the ten messages up to newest, unless another Join has taken the place of the one that they are for.
func (v *victim) replayLate(newest uint64, wanted func() bool) {
	v.d.mu.Lock()
	defer v.d.mu.Unlock()
	if !wanted() {
		return
	}
	for pos := newest - 9; pos <= newest; pos++ {
		v.say(entryOf(pos, "bob", fmt.Sprint("number ", pos)))
	}
	v.settle()
}
