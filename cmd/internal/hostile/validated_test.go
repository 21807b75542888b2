//go:build linux

package hostile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"yodel/wire/secure"
)

const (
	// botnet is how many addresses attack that have shown to be there: of as many subscribers.
	botnet = 2000
	// leastBots is what their attacks must have in datagrams a second.
	leastBots = leastFlood / 2 // getting the nonces is part of the time
	// askEvery is the time from one round of asking for nonces to the next: some answers a second is what an address gets.
	askEvery = 260 * time.Millisecond
)

// Attacks of those that are at their addresses, and go no further than the handshake.
func TestValidatedAddresses(t *testing.T) {
	var all []attack
	for _, a := range []struct {
		name  string
		short bool
		shot  func(*bots) shot
	}{
		{"half-open handshakes", true, (*bots).newHello},
		{"ClientHello again and again", false, (*bots).sameHello},
		{"fragments for ever", false, (*bots).fragments},
		{"good nonces again and again", false, (*bots).goodSTUN},
	} {
		all = append(all, attack{name: a.name, short: a.short, least: leastBots, run: func(w *world, _ *victim, out *outcome, stop <-chan struct{}) error {
			return runBots(w, out, stop, a.shot)
		}})
	}
	try(t, all)
}

// bots are the addresses of a crowd that have nonces, and so can be validated.
type bots struct {
	*shots
	*crowd
	mu     sync.Mutex
	nonces [botnet][]byte // guarded by mu
	known  int
}

// runBots gets the nonces, and then floods: every 64th datagram is a request with a good nonce, so that the addresses stay validated.
func runBots(w *world, out *outcome, stop <-chan struct{}, attack func(*bots) shot) (err error) {
	b := &bots{}
	if b.shots, err = newShots(w.seed); err != nil {
		return err
	}
	if b.crowd, err = newCrowd(w, b.take); err != nil {
		return err
	}
	defer func() {
		b.close(out)
		out.in, out.out = 0, 0 // who is validated may be sent more than it sends
	}()
	if err := b.learn(w, stop); err != nil {
		return err
	}
	next, good := attack(b), b.goodSTUN()
	return b.flood(stop, func(n int, scratch []byte) ([]byte, netip.AddrPort) {
		if n%64 == 0 {
			return good(n/64, scratch)
		}
		return next(n, scratch)
	})
}

// take notes the nonces that come. It is called by the crowd's reader.
func (b *bots) take(at netip.AddrPort, d []byte) {
	bot := crowdNumber(at.Addr())
	if len(d) < 20 || bot >= botnet {
		return
	}
	reply, err := secure.ParseBindingReply(d, [12]byte(d[8:20]))
	if err != nil || reply.Nonce == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.nonces[bot] == nil {
		b.nonces[bot] = reply.Nonce
		b.known++
	}
}

// learn asks for nonces until most bots have one.
func (b *bots) learn(w *world, stop <-chan struct{}) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ask := func(n int, scratch []byte) ([]byte, netip.AddrPort) { return b.bareSTUN(n%botnet, scratch) }
	for range 40 {
		for at := 0; at < botnet; at += atOnce {
			if err := b.volley(atOnce, ask); err != nil {
				return err
			}
		}
		if err := w.pause(askEvery); err != nil {
			return err
		}
		b.mu.Lock()
		known := b.known
		b.mu.Unlock()
		if known > botnet*9/10 {
			return nil
		}
		select {
		case <-stop:
			return fmt.Errorf("only %d bots have a nonce", known)
		default:
		}
	}
	return errors.New("not enough bots have a nonce")
}

// newHello begins a handshake from each bot again and again, and never goes on.
func (b *bots) newHello() shot {
	return func(n int, scratch []byte) ([]byte, netip.AddrPort) {
		d, _ := b.clientHello(n, scratch)
		return d, crowdAddr(n % botnet)
	}
}

// sameHello is one ClientHello of each bot.
func (b *bots) sameHello() shot {
	return func(n int, scratch []byte) ([]byte, netip.AddrPort) {
		d := scratch[:copy(scratch[:cap(scratch)], b.hello)]
		binary.BigEndian.PutUint32(d[helloRandom:], uint32(n%botnet))
		return d, crowdAddr(n % botnet)
	}
}

// fragments are of a ClientHello and of the messages behind it, once a handshake was begun.
func (b *bots) fragments() shot {
	return func(n int, scratch []byte) ([]byte, netip.AddrPort) {
		if n%32 == 0 {
			return b.newHello()(n/32, scratch)
		}
		d := b.piece(scratch)
		binary.BigEndian.PutUint16(d[17:], uint16(n%4)) // the message's number
		d[13] = [...]byte{1, 11, 16, 15}[n%4]
		return d, crowdAddr(n / 32 % botnet)
	}
}

// goodSTUN is a request with a good nonce.
func (b *bots) goodSTUN() shot {
	b.mu.Lock()
	defer b.mu.Unlock()
	requests := make([][]byte, botnet)
	for i := range requests {
		requests[i] = secure.BindingRequest(nil, [12]byte{}, b.nonces[i])
	}
	return func(n int, scratch []byte) ([]byte, netip.AddrPort) {
		return b.copied(requests[n%botnet], scratch), crowdAddr(n % botnet)
	}
}
