package stream

import (
	"math/bits"
	"time"

	"yodel/wire"
)

const (
	// rtpHeader is the size of an RTP header without contributing sources and extensions (RFC 3550, 5.1).
	rtpHeader = 12
	// overhead is what protection adds at most to an RTP packet: the tag of AEAD_AES_128_GCM (RFC 7714, 9).
	overhead = 16
	// maxPacket is the most bytes of a message packet before it is protected.
	maxPacket = wire.MaxDatagram - overhead
	// fragmentSize cuts long messages: with the longest header of a chunk (8 + 4 + 4 + 2 bytes) and of a payload (2)
	// a fragment fills a packet. A message has at most 57 fragments, so that a set of them is a word.
	fragmentSize = maxPacket - rtpHeader - 2 - 18
)

// sendWindow is how far a message may be ahead of the oldest unacknowledged one to be sent, and how far ahead of the next one
// it is accepted. It bounds what a receiver has to remember.
const sendWindow = 4096

// ref names a fragment of a message that was sent in a packet.
type ref struct {
	message  int64
	fragment uint8
}

func (f ref) before(g ref) bool {
	return f.message < g.message || f.message == g.message && f.fragment < g.fragment
}

// outMessage is a message until it is acknowledged whole.
type outMessage struct {
	data  []byte // nil when done
	acked uint64 // set of fragments
	lost  uint64 // set of fragments that are in outbox.lost
	done  bool   // all are acknowledged
	// Of a message of one fragment only: when it was sent first, and the newest packet that carries it. The other packets do not matter
	// any more: losing them does not send it again.
	sent   time.Time
	packet int64
}

// single tells that the message has one fragment: only such messages are repeated.
func (m *outMessage) single() bool { return len(m.data) <= fragmentSize }

func fragments(length int) int { return max(1, (length+fragmentSize-1)/fragmentSize) }

// outbox keeps the messages that are not acknowledged and knows which fragment is sent next.
type outbox struct {
	messages ring[outMessage]  // from the oldest that is not acknowledged whole
	bytes    int               // of these
	fresh    ref               // first fragment that was never sent
	lost     []ref             // to be sent again, in the order of their loss; some may be acknowledged meanwhile
	recent   [maxRepeats]int64 // the messages of one fragment that were sent last, newest first
}

func (o *outbox) add(data []byte) {
	*o.messages.push() = outMessage{data: data}
	o.bytes += len(data)
}

// chunk gives the bytes of a fragment.
func (o *outbox) chunk(f ref) wire.Chunk {
	data := o.messages.at(f.message).data
	from := int(f.fragment) * fragmentSize
	return wire.Chunk{
		Message: uint64(f.message),
		Offset:  from,
		Total:   len(data),
		Data:    data[from:min(len(data), from+fragmentSize)],
	}
}

// nextLost gives the oldest loss that still matters; it stays until takeLost.
func (o *outbox) nextLost() (f ref, ok bool) {
	for len(o.lost) > 0 {
		f := o.lost[0]
		if o.messages.has(f.message) && o.messages.at(f.message).lost>>f.fragment&1 != 0 {
			return f, true
		}
		o.lost = o.lost[1:]
	}
	o.lost = nil
	return ref{}, false
}

func (o *outbox) takeLost() {
	f := o.lost[0]
	o.messages.at(f.message).lost &^= 1 << f.fragment
	o.lost = o.lost[1:]
	o.markSent(f)
}

// nextFresh gives the first fragment that was never sent, if the other side may accept its message already.
func (o *outbox) nextFresh() (f ref, ok bool) {
	return o.fresh, o.fresh.message < o.messages.end() && o.fresh.message < o.messages.first+sendWindow
}

func (o *outbox) takeFresh(now time.Time) {
	o.messages.at(o.fresh.message).sent = now
	o.markSent(o.fresh)
	o.fresh.fragment++
	if int(o.fresh.fragment) == fragments(len(o.messages.at(o.fresh.message).data)) {
		o.fresh = ref{message: o.fresh.message + 1}
	}
}

// nextOutstanding gives the first fragment from f on that was sent and neither acknowledged nor found lost.
func (o *outbox) nextOutstanding(f ref) (ref, bool) {
	if f.message < o.messages.first {
		f = ref{message: o.messages.first}
	}
	for f.before(o.fresh) {
		m := o.messages.at(f.message)
		f.fragment += uint8(bits.TrailingZeros64(^((m.acked | m.lost) >> f.fragment)))
		if !m.done && int(f.fragment) < fragments(len(m.data)) {
			return f, f.before(o.fresh)
		}
		f = ref{message: f.message + 1}
	}
	return ref{}, false
}

// acked notes that a fragment arrived.
func (o *outbox) acked(f ref) {
	if !o.messages.has(f.message) {
		return
	}
	m := o.messages.at(f.message)
	if m.acked>>f.fragment&1 != 0 {
		return
	}
	m.acked |= 1 << f.fragment
	m.lost &^= 1 << f.fragment
	if bits.OnesCount64(m.acked) == fragments(len(m.data)) {
		o.bytes -= len(m.data)
		m.data, m.done = nil, true
	}
	for o.messages.n > 0 && o.messages.at(o.messages.first).done {
		o.messages.pop()
	}
}

// wasLost notes that a fragment was in a lost packet: it has to be sent again, unless a newer one carries it, too.
func (o *outbox) wasLost(f ref, packet int64) {
	if !o.messages.has(f.message) {
		return
	}
	m := o.messages.at(f.message)
	if (m.acked|m.lost)>>f.fragment&1 != 0 || m.packet > packet {
		return
	}
	m.lost |= 1 << f.fragment
	o.lost = append(o.lost, f)
}
