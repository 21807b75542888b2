package daemon

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// What somebody else has copied brings him a hint or error 438, and the session stays.
func TestCopiesStealNothing(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		w := a.w
		thief := w.outpost("10.6.6.6:6")
		ssrc := a.talk("lobby", 0, 0)
		audio := a.sealed(ssrc, 0, 0)
		home := w.outpost("10.9.9.9:9") // where the genuine request is for
		request := a.pathRequest(1, home.nonce())
		for name, c := range map[string][]byte{"audio": audio, "path request": request} {
			got := thief.send(c)
			if len(got) != 1 || len(got[0]) > len(c) {
				t.Fatalf("%s: %d answers", name, len(got))
			}
			if _, ok := secure.ParseHint(got[0]); !ok {
				t.Errorf("%s: %x", name, got[0])
			}
		}
		a.run(func(time.Time) { a.send(audio) })
		thief.send(audio)
		a.w.pass(time.Second)
		b.publish("lobby", 1, "to alice")
		if len(a.texts()) != 1 || len(a.heard) != 1 || len(b.heard) != 1 || len(a.questions) != 0 {
			t.Errorf("alice read %v and heard %v, bob %v", a.texts(), a.heard, b.heard)
		}
		for _, d := range thief.got {
			if wire.KindOf(d) != wire.KindSTUN {
				t.Errorf("the thief got %x", d)
			}
		}
		if thief.gotBytes > thief.sentBytes {
			t.Errorf("%d bytes for %d", thief.gotBytes, thief.sentBytes)
		}
	})
}

// A peer that sends requests without end, from many addresses, moves once a second and has the old path asked three times a move.
func TestFloodOfPathRequestsIsBounded(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		a.mute = true
		var posts []*outpost
		var nonces [][]byte
		for i := range 8 {
			o := a.w.outpost(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, 0, byte(i)}), 1).String())
			posts, nonces = append(posts, o), append(nonces, o.nonce())
		}
		asked := len(a.questions)
		at, moves := a.w.session(a).addr, 0
		s := a.w.session(a)
		for i := range 1000 {
			o := posts[i%len(posts)]
			if o.addr != s.addr {
				o.send(a.pathRequest(uint64(i+1), nonces[i%len(posts)]))
			}
			a.w.pass(5 * time.Millisecond)
			if s.addr != at {
				at = s.addr
				moves++
			}
			if i%300 == 0 {
				b.ping()
			}
		}
		if moves < 2 || moves > 6 {
			t.Errorf("%d moves in 5 s", moves)
		}
		questions := len(a.questions) - asked
		for _, o := range posts {
			for _, d := range o.got {
				if _, ok := secure.ParsePathQuestion(d); ok {
					questions++
				}
			}
			if o.gotBytes > o.sentBytes+3*160*moves {
				t.Errorf("%d bytes for %d", o.gotBytes, o.sentBytes)
			}
		}
		if questions > (moves+1)*askTimes {
			t.Errorf("%d questions for %d moves", questions, moves)
		}
		if a.w.dropped(dropCandidate) < 500 {
			t.Errorf("%d replaced candidates were counted", a.w.dropped(dropCandidate))
		}
		guests := 0
		for _, p := range a.w.server.hub.table {
			guests += len(p.guests)
		}
		if guests > len(posts)+1 {
			t.Errorf("%d guests", guests)
		}
	})
}

// To a path that has not answered with its nonce the daemon sends less than came from there.
func TestUnansweredPathGetsLessThanItSends(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, _ *client) {
		o := a.w.outpost("10.6.6.6:6")
		stale := a.w.outpost("10.6.6.7:6").nonce()
		ssrc := a.talk("lobby", 0, 0)
		a.mute = true
		for i := range 50 {
			o.send(a.pathRequest(uint64(i+1), stale))
			o.send(a.sealed(ssrc, uint16(i), 0))
			o.send(secure.BindingRequest(nil, txid(1), stale)[:20])
			o.send([]byte{22, 254, 253})
			a.w.pass(20 * time.Millisecond)
		}
		if o.gotBytes > o.sentBytes || o.gotBytes == 0 || o.count(wire.KindSTUN) != len(o.got) {
			t.Errorf("%d bytes for %d", o.gotBytes, o.sentBytes)
		}
	})
}

func TestHintsAreLimited(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		var posts []*outpost
		for i := range wire.MaxHints/maxHintsTo + 1 {
			posts = append(posts, w.outpost(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 6, 6, 6}), uint16(i+1)).String()))
		}
		o := posts[0]
		long, short := make([]byte, 68), make([]byte, 67)
		long[0], short[0] = 128, 128
		if got := o.send(short); len(got) != 0 {
			t.Errorf("%d bytes in answer to 67", len(got[0]))
		}
		w.pass(500 * time.Millisecond)
		for i, o := range posts {
			for j := range 3 * maxHintsTo {
				got := o.send(long)
				if want := j < maxHintsTo && i*maxHintsTo < wire.MaxHints; (len(got) == 1) != want || want && len(got[0]) > len(long) {
					t.Fatalf("datagram %d of address %d: %d answers", j, i, len(got))
				}
			}
		}
		w.pass(999 * time.Millisecond)
		if len(o.send(long)) != 0 || len(posts[len(posts)-1].send(long)) != 0 {
			t.Error("a hint too early")
		}
		w.pass(time.Millisecond)
		if want := uint64(3*maxHintsTo*len(posts) - wire.MaxHints + 2); len(o.send(long)) != 1 || w.dropped(dropHints) != want {
			t.Errorf("no hint after a second, %d were not given", w.dropped(dropHints))
		}
	})
}

// Copies of a good request get its answer again and nothing else, whatever waits to be sent.
func TestCopiesOfARequestStirNothing(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		a.run(func(time.Time) { a.send(secure.BindingRequest(nil, txid(0), nil)) })
		reply, err := secure.ParseBindingReply(a.stuns[0], txid(0))
		if err != nil {
			t.Fatal(err)
		}
		request := a.pathRequest(1, reply.Nonce)
		a.w.send(a.addr, request)
		a.run(func(time.Time) { a.send = func([]byte) {} }) // no acknowledgements
		b.publish("lobby", 1, strings.Repeat("x", 50_000))
		before := len(a.stuns)
		a.w.deliver = func(to *client, d []byte) {
			if to == a && wire.KindOf(d) != wire.KindSTUN {
				t.Errorf("%d bytes more", len(d))
			}
			to.arrives(d)
		}
		for range 100 {
			a.w.send(a.addr, request)
		}
		synctest.Wait()
		a.w.deliver = func(to *client, d []byte) { to.arrives(d) }
		if n := len(a.stuns) - before; n != 100 {
			t.Errorf("%d answers", n)
		}
	})
}
