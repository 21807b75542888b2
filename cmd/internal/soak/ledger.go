package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// judgeVoice is how long a run must be for its voice to be judged: in a shorter one the few talks may all fall into faults of the network.
const judgeVoice = 30 * time.Second

// ledger is what was sent and what came. Its methods may be called by any goroutine.
type ledger struct {
	mu        sync.Mutex
	receipted map[string]map[string]bool // texts by room
	readers   []*reading

	published, receipts           atomic.Int64
	came, doubled, sessions, lost atomic.Int64
	voice                         [2]voiceCount // of live and of echo
}

// voiceCount is what hearers count.
type voiceCount struct{ talks, packets, lost atomic.Int64 }

// reading is what came to one reader.
type reading struct {
	name, room string
	atLeast    bool // messages may come again
	seen       map[string]int
}

func newLedger() *ledger {
	return &ledger{receipted: map[string]map[string]bool{live: {}, echo: {}}}
}

// reader adds one to those that must miss nothing.
func (l *ledger) reader(name, room string, atLeast bool) *reading {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &reading{name: name, room: room, atLeast: atLeast, seen: make(map[string]int)}
	l.readers = append(l.readers, r)
	return r
}

// receipt notes that a message is in the room log.
func (l *ledger) receipt(room, text string) {
	l.receipts.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.receipted[room][text] = true
}

// read notes that a message came to a reader.
func (l *ledger) read(r *reading, text string) {
	l.came.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.seen[text]++; r.seen[text] > 1 && !r.atLeast {
		l.doubled.Add(1)
	}
}

// missing is how many messages with a receipt have not come to their readers, in all.
func (l *ledger) missing() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.readers {
		n += l.missedBy(r)
	}
	return n
}

func (l *ledger) missedBy(r *reading) (n int) {
	for text := range l.receipted[r.room] {
		if r.seen[text] == 0 {
			n++
		}
	}
	return n
}

// faults tells what was lost or doubled in a run of a length.
func (l *ledger) faults(last time.Duration) (all []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.readers {
		if n := l.missedBy(r); n > 0 {
			all = append(all, fmt.Sprintf("%s missed %d of %d messages with a receipt", r.name, n, len(l.receipted[r.room])))
		}
	}
	if n := l.doubled.Load(); n > 0 {
		all = append(all, fmt.Sprintf("%d messages came twice", n))
	}
	if p, r := l.published.Load(), l.receipts.Load(); r != p {
		all = append(all, fmt.Sprintf("%d of %d messages have no receipt", p-r, p))
	}
	if n := l.receipts.Load(); n == 0 {
		all = append(all, "no message was published")
	}
	for i, room := range []string{live, echo} {
		if last >= judgeVoice && l.voice[i].packets.Load() == 0 {
			all = append(all, "nothing was heard in "+room)
		}
	}
	return all
}
