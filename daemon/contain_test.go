package daemon

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// broken is a world in which something is out of order for alice: work for her panics.
type broken struct {
	*world
	h     *hub
	alice *client
	s     *session
	relay *relay // of the room
	ssrc  uint32 // of her talk
	mend  func() // in the loop, before others are served again; nil: nothing
}

// in has the loop do something, with the locks of what is alice's.
func (b *broken) in(f func()) {
	b.server.hub.plane.tell.add(func(time.Time) {
		sh := b.s.link.shard
		b.relay.mu.Lock()
		defer b.relay.mu.Unlock()
		sh.mu.Lock()
		defer sh.mu.Unlock()
		f()
	})
	b.pass(0)
}

// containments are the ways in which a panic comes about, without anything in the daemon that is there for tests.
var containments = []struct {
	what   chore
	ends   bool // alice's session
	panics func(b *broken)
}{
	{choreOpen, false, func(b *broken) {
		rx := b.s.link.rx
		b.in(func() { b.s.link.rx = nil })
		b.mend = func() { b.s.link.rx = rx }
		b.alice.ping()
		b.alice.speak(b.ssrc, 1, 960)
	}},
	{choreAudio, true, func(b *broken) {
		b.alice.speak(b.ssrc, 0, 0) // is in the line
		b.in(func() { b.h.voices[b.ssrc].line.anchor.clock = 0 })
		b.alice.speak(b.ssrc, 1, 960)
		b.alice.speak(b.ssrc, 2, 1920)
	}},
	{choreTurn, true, func(b *broken) {
		b.alice.speak(b.ssrc, 1, 960) // the one before it is asked for
		b.in(func() { b.s.link.tx = nil })
		b.pass(100 * time.Millisecond)
	}},
	{choreListener, true, func(b *broken) {
		b.in(func() { b.s.link.tx = nil })
		b.alice.speak(b.ssrc, 0, 0)
		b.pass(2 * time.Second)
	}},
	{choreDoor, false, func(b *broken) {
		door := b.s.link.shard.door
		b.in(func() { b.s.link.shard.door = nil })
		b.mend = func() { b.s.link.shard.door = door }
		for range 3 {
			b.send(b.alice.addr, secure.BindingRequest(nil, [12]byte{1}, nil))
		}
	}},
	{choreDatagram, false, func(b *broken) {
		stranger, table := b.outpost("10.0.0.9:9"), b.h.table
		nonce := stranger.nonce()
		b.in(func() { b.h.table = nil })
		b.mend = func() { b.h.table = table }
		for i := range byte(3) {
			stranger.send(secure.BindingRequest(nil, [12]byte{i}, nonce))
		}
	}},
	{choreHandshake, false, func(b *broken) {
		from := b.alice.addr
		b.in(func() {
			p := b.h.table[from]
			p.pending, p.shakes = &handshake{from: from}, b.h.shaking.PushBack(p)
			b.h.census.pending++
		})
		b.send(from, append([]byte{22, 254, 253}, make([]byte, 20)...))
		b.pass(0)
		if b.h.census.pending != 0 || b.h.table[from].pending != nil {
			b.t.Errorf("%d handshakes are pending", b.h.census.pending)
		}
	}},
	{choreSession, true, func(b *broken) {
		b.in(func() { b.s.stream = nil })
		b.alice.ping()
	}},
	{choreSession, true, func(b *broken) {
		b.in(func() {
			b.h.timers.set(&b.s.timer, time.Now().Add(time.Second))
			b.s.stream = nil
		})
		b.pass(2 * time.Second)
	}},
	{choreMessage, true, func(b *broken) {
		log := b.h.messages
		b.in(func() { b.h.messages = nil })
		b.mend = func() { b.h.messages = log }
		b.alice.publish("lobby", 1, "one")
	}},
	{choreFlush, true, func(b *broken) {
		b.in(func() {
			b.s.stream = nil
			b.s.mark()
		})
	}},
	{choreVoice, true, func(b *broken) {
		home := b.relay.home
		b.in(func() { b.relay.home = nil })
		b.mend = func() { b.relay.home = home }
		b.alice.endTalk(b.ssrc, 5)
	}},
}

// A panic ends the work in which it happens and the session that it is for, and nothing else: no lock stays locked, no other session suffers, and
// it is counted, and logged once with its stack.
func TestPanicsAreContained(t *testing.T) {
	for _, c := range containments {
		var out bytes.Buffer
		cfg := Config{Delay: time.Second, Logger: slog.New(slog.NewTextHandler(&out, nil))}
		inWorld(t, cfg, func(t *testing.T, w *world) {
			w.panics = true
			a := w.connect("10.0.0.1:1", newID(t))
			a.enter("alice", "lobby", nil)
			b := &broken{world: w, h: w.server.hub, alice: a, s: w.session(a), ssrc: a.talk("lobby", 0, 0)}
			b.relay = b.h.rooms["lobby"].relay
			c.panics(b)
			if b.mend != nil {
				b.in(b.mend)
			}
			w.pass(time.Second)
			name := choreNames[c.what]
			if n := w.dropped(dropPanic); n == 0 {
				t.Errorf("%s: no panic was counted", name)
			}
			text := out.String()
			if n := strings.Count(text, `"panic contained" work=`+name); n != 1 || !strings.Contains(text, "goroutine ") {
				t.Errorf("%s: %d log lines with the stack:\n%s", name, n, text)
			}
			if b.s.gone != c.ends {
				t.Errorf("%s: the session has ended: %v, want %v", name, b.s.gone, c.ends)
			}
			if c.ends && b.s.link.tx != nil && a.bye != wire.ByeFault { // without keys there is no BYE
				t.Errorf("%s: BYE for %q", name, a.bye)
			}
			w.served(name)
		})
	}
}

// served fails if two new sessions can not talk to each other in the room of before.
func (w *world) served(after string) {
	w.t.Helper()
	bob, carol := w.connect("10.0.0.2:1", newID(w.t)), w.connect("10.0.0.3:2", newID(w.t))
	bob.enter("bob", "lobby", nil)
	carol.enter("carol", "lobby", nil)
	bob.publish("lobby", 1, "hello")
	ssrc := bob.talk("lobby", 0, 0)
	bob.speak(ssrc, 0, 0)
	bob.endTalk(ssrc, 0)
	w.pass(3 * time.Second)
	if len(carol.texts()) != 1 || len(carol.seqs(ssrc)) != 1 || last(bob, (*wire.Message).GetTalkReport) == nil {
		w.t.Errorf("%s: afterwards carol read %v and heard %v", after, carol.texts(), carol.seqs(ssrc))
	}
	w.pass(5 * time.Second)
	if n := w.server.hub.plane.echo.Load(); n != 0 {
		w.t.Errorf("%s: %d bytes are counted for lines that have nothing", after, n)
	}
	for _, r := range w.server.hub.rooms {
		r.relay.mu.Lock()
		if r.relay.bytes != 0 || len(r.voices) > 1 {
			w.t.Errorf("%s: %d bytes are left in %s, of %d voices", after, r.relay.bytes, r.name, len(r.voices))
		}
		r.relay.mu.Unlock()
	}
}
