package daemon

import (
	"time"

	"yodel/wire"
)

// budget is what the peer of a link may send. The mu of the link's shard guards it.
type budget struct {
	control        bucket // packets of the message stream, and feedback
	packets, bytes bucket // audio
	voices, rate   int64  // that may be said at once, and the bytes a second of their payloads at most
}

// controlOf is how many packets a second that are no audio a session may send, by the rate of its publishes.
func controlOf(publishRate int64) int64 {
	if publishRate == 0 {
		return controlRateFree
	}
	return controlRate + publishRate/1024
}

// allow has the budget be that of some voices.
func (b *budget) allow(talks map[uint32]*voice) {
	b.voices, b.rate = min(int64(len(talks)), maxTalks), 0
	for _, v := range talks {
		b.rate += payloadRate(v.payload)
	}
	b.rate = min(b.rate, maxTalks*linearBytes)
}

// payloadRate is how many bytes a second a codec gives at most.
func payloadRate(payload uint8) int64 {
	switch payload {
	case wire.PayloadL16:
		return linearBytes
	case wire.PayloadPCMU, wire.PayloadPCMA:
		return companderBytes
	}
	return opusBytes
}

// makesMore counts a packet of audio that is made of a copy, and tells whether it is more than the peer may send.
func (l *link) makesMore(now time.Time, n int) bool {
	l.shard.mu.Lock()
	defer l.shard.mu.Unlock()
	return l.over(now, n, true)
}

// over counts an authentic packet of n bytes, and tells whether it is more than the peer may send.
func (l *link) over(now time.Time, n int, audio bool) bool {
	b, p := &l.budget, l.shard.plane
	if !audio {
		if rate := p.control.Load(); b.control.take(now, atRate(1, rate), atRate(controlBurst, rate)) {
			return false
		}
		p.drops.count(dropControlRate)
		return true
	}
	packets := b.voices * audioPackets * audioShare / 2
	bytes := (b.rate + b.voices*audioPackets*audioHeader) * audioShare / 2
	if b.packets.take(now, atRate(1, packets), audioBurst) && b.bytes.take(now, atRate(int64(n), bytes), audioBurst) {
		return false
	}
	p.drops.count(dropVoiceRate)
	return true
}
