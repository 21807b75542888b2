package daemon

import (
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// errNowhere is a packet for a session that is at no address: somebody else has shown to be at the one that it had.
var errNowhere = errors.New("no address")

// link is the half of a session through which packets go. Its shard owns it: shard.mu guards all but what never changes.
type link struct {
	shard   *shard
	session *session // the hub's; nobody else looks into it
	rx      *secure.Rx
	tx      *secure.Tx
	to      target // where the peer is
	nowhere bool   // somebody else is there, or the session is over: nothing is sent
	carried carried
	talks   map[uint32]*voice // what it says, by the SSRC under which it does
	heard   time.Time         // when a packet of it last was authentic
	packets uint64            // authentic ones
	budget  budget            // of what it sends
	rtt     atomic.Int64      // smoothed round-trip time in nanoseconds, as the hub measures it; 0: unknown
}

// open authenticates an SRTP or SRTCP datagram and appends what is in it to dst. It is called with shard.mu held.
func (l *link) open(now time.Time, dst, b []byte) (plain []byte, err error) {
	if wire.KindOf(b) == wire.KindRTCP {
		plain, err = l.rx.OpenRTCP(dst, b)
	} else {
		plain, err = l.rx.OpenRTP(dst, b)
	}
	if err == nil {
		l.heard = now
		l.packets++
		l.carried.packetsIn++
		l.carried.bytesIn += uint64(len(b))
	}
	return plain, err
}

// sealRTP protects a packet for the peer; index is its extended sequence number. It is called with shard.mu held.
func (l *link) sealRTP(w *writer, plain []byte, index uint64) error {
	if l.nowhere {
		return errNowhere
	}
	sealed, err := l.tx.SealRTP(w.space(), plain, index)
	if err != nil {
		return err
	}
	l.put(w, sealed)
	return nil
}

// put gives a protected packet to the writer. It is called with shard.mu held.
func (l *link) put(w *writer, sealed []byte) {
	l.carried.packetsOut++
	l.carried.bytesOut += uint64(len(sealed))
	w.add(&l.to, sealed)
}

// sendRTP protects a packet and gives it to the writer.
func (l *link) sendRTP(w *writer, plain []byte, index uint64) error {
	l.shard.mu.Lock()
	defer l.shard.mu.Unlock()
	return l.sealRTP(w, plain, index)
}

// sendRTCP protects a compound packet and gives it to the writer.
func (l *link) sendRTCP(w *writer, plain []byte) error {
	l.shard.mu.Lock()
	defer l.shard.mu.Unlock()
	if l.nowhere {
		return errNowhere
	}
	sealed, err := l.tx.SealRTCP(w.space(), plain)
	if err != nil {
		return err
	}
	l.put(w, sealed)
	return nil
}

// sealBye protects a packet that is to be sent when the session is no more.
func (l *link) sealBye(plain []byte) ([]byte, error) {
	l.shard.mu.Lock()
	defer l.shard.mu.Unlock()
	return l.tx.SealRTCP(nil, plain)
}

// direct says where the peer is from now on.
func (l *link) direct(to netip.AddrPort) {
	l.shard.mu.Lock()
	l.to, l.nowhere = l.shard.socket.target(to), false
	l.shard.mu.Unlock()
}

// end has nothing be sent, and nothing of the peer be taken any more.
func (l *link) end() {
	l.shard.mu.Lock()
	l.nowhere = true
	l.rx.Disallow(wire.SSRCPeer)
	l.shard.mu.Unlock()
}

// silence has nothing be sent any more, until direct.
func (l *link) silence() {
	l.shard.mu.Lock()
	l.nowhere = true
	l.shard.mu.Unlock()
}

// says has a voice be what comes under an SSRC.
func (l *link) says(ssrc uint32, v *voice) {
	l.shard.mu.Lock()
	defer l.shard.mu.Unlock()
	if l.talks == nil {
		l.talks = make(map[uint32]*voice)
	}
	l.talks[ssrc] = v
	l.budget.allow(l.talks)
	l.rx.Allow(ssrc)
}

// goesOn has another voice be what comes under an SSRC, if the hub has not taken that back.
func (l *link) goesOn(ssrc uint32, next *voice) {
	l.shard.mu.Lock()
	defer l.shard.mu.Unlock()
	if l.talks[ssrc] != nil {
		l.talks[ssrc] = next
	}
}

// saysNoMore takes an SSRC back.
func (l *link) saysNoMore(ssrc uint32) {
	l.shard.mu.Lock()
	defer l.shard.mu.Unlock()
	delete(l.talks, ssrc)
	l.budget.allow(l.talks)
	l.rx.Disallow(ssrc)
}

// usage tells how much of the keys is used. It looks at every SSRC.
func (l *link) usage() (packets uint64, ssrcs int) {
	l.shard.mu.Lock()
	defer l.shard.mu.Unlock()
	return max(l.tx.Packets(), l.packets), max(l.tx.SSRCs(), l.rx.SSRCs())
}

// lastHeard is when a packet of the peer last was authentic.
func (l *link) lastHeard() time.Time {
	l.shard.mu.Lock()
	defer l.shard.mu.Unlock()
	return l.heard
}
