//go:build linux

package load

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// counts are the loop's.
type counts struct {
	received  int // audio datagrams since the start
	delivered int // of the measured packets, once each
	doubled   int
	strange   int
	checked   int
	false     int
	lost      int // members
}

// loop receives for all members, and sends what is due. One goroutine runs it and owns all but the commands.
type loop struct {
	cfg     *Config
	poll    *poller
	batch   *batch
	scratch scratch
	start   time.Time
	now     time.Time // of what is being taken
	at      int64     // the same since start

	members []*member // by number; nil: never joined
	names   map[string]*voice
	voices  map[uint32]*voice // by SSRC
	timers  timers
	talkers []*voice
	talking turns // period 0: nobody talks
	chat    chat

	counts  counts
	latency histogram
	lag     histogram
	faults  int

	mu       sync.Mutex
	commands []func()
	ended    bool
	err      error
	done     chan struct{}
}

func newLoop(cfg *Config) (*loop, error) {
	poll, err := newPoller()
	if err != nil {
		return nil, err
	}
	return &loop{
		cfg: cfg, poll: poll, batch: newBatch(), start: time.Now(),
		members: make([]*member, cfg.Sessions()), names: make(map[string]*voice), voices: make(map[uint32]*voice),
		done: make(chan struct{}),
	}, nil
}

// run is the loop's goroutine, until end.
func (l *loop) run() {
	defer close(l.done)
	for {
		events, err := l.poll.wait()
		if err != nil {
			l.mu.Lock()
			l.err = err
			l.mu.Unlock()
			return
		}
		for i := range events {
			if l.event(&events[i]) {
				return
			}
		}
		l.due()
	}
}

// event takes one event; true ends the loop.
func (l *loop) event(e *unix.EpollEvent) (end bool) {
	switch e.Fd {
	case eventTimer:
	case eventWake:
		l.poll.clear()
		return l.obey()
	default:
		if m := l.members[e.Fd]; m != nil {
			l.drain(m)
		}
	}
	return false
}

// maxTurns is how much is sent before what came is looked at again.
const maxTurns = 64

// due does what is due and sets the timer.
func (l *loop) due() {
	next := forever
	if l.talking.period > 0 {
		next = l.talk()
	}
	if l.chat.turns.period > 0 {
		next = min(next, l.publish())
	}
	now := time.Now()
	at := l.sinceStart(now)
	for range maxTurns {
		if l.timers.next() > at {
			break
		}
		l.wake(l.timers[0], now, at)
	}
	l.poll.arm(min(next, l.timers.next()), at)
}

// talk has those speak whose turn it is, and gives the next turn.
func (l *loop) talk() int64 {
	for range maxTurns {
		at := l.sinceStart(time.Now())
		due := l.talking.due()
		if due > at {
			return due
		}
		v := l.talkers[l.talking.take()]
		if v.talker.fd < 0 {
			continue
		}
		if v.from <= v.next {
			l.lag.add(time.Duration(at - due))
		}
		l.say(v)
	}
	return 0
}

// wake looks after a session.
func (l *loop) wake(m *member, now time.Time, at int64) {
	l.now, l.at = now, at
	audio := m.audio || m.voice != nil && l.talking.period > 0
	m.audio = false
	l.timers.set(m, forever)
	l.attend(m, m.session.wake(now, audio))
}

// post has the loop run f. What is posted after the end is dropped.
func (l *loop) post(f func()) {
	l.mu.Lock()
	l.commands = append(l.commands, f)
	l.mu.Unlock()
	l.poll.wake()
}

// do has the loop run f and waits for it. The error is the loop's end.
func (l *loop) do(f func()) error {
	did := make(chan struct{})
	l.post(func() {
		l.now = time.Now()
		l.at = l.sinceStart(l.now)
		f()
		close(did)
	})
	select {
	case <-did:
		return nil
	case <-l.done:
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.err
	}
}

// obey runs the commands; true ends the loop.
func (l *loop) obey() (end bool) {
	l.mu.Lock()
	commands := l.commands
	l.commands = nil
	l.mu.Unlock()
	for _, f := range commands {
		f()
	}
	return l.ended
}

// close ends the loop and frees all that it has. It is called once.
func (l *loop) close() {
	l.post(func() { l.ended = true })
	<-l.done
	for _, m := range l.members {
		if m != nil {
			l.release(m)
		}
	}
	l.poll.close()
}

// adopt takes a member over, with what it was told of its voice.
func (l *loop) adopt(m *member) {
	l.members[m.number] = m
	if v := m.voice; v != nil {
		l.voices[v.ssrc] = v
		l.names[l.cfg.nick(m.number)] = v
	}
	if m.session != nil {
		m.session.scratch = &l.scratch
		l.attend(m, nil)
	}
	if err := l.poll.add(m.fd, m.number); err != nil {
		l.lose(m, err.Error())
	}
}

// talker finds a voice by its nick.
func (l *loop) talker(nick string) *voice { return l.names[nick] }

// maxFaults is how many faults are told.
const maxFaults = 5

func (l *loop) fault(line string) {
	if l.faults++; l.faults <= maxFaults {
		l.cfg.Fault(line)
	}
}
