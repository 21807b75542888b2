package daemon

import (
	"sync/atomic"

	"yodel/wire"
)

// traffic is datagrams by what their clear headers say that they are. Nothing of them need be authentic.
type traffic struct {
	datagrams, bytes [trafficKinds]atomic.Uint64
}

// trafficKind is a kind of datagram as it is counted: wire.Kind, with the message stream apart from audio.
type trafficKind uint8

const (
	trafficUnknown trafficKind = iota
	trafficSTUN
	trafficDTLS
	trafficAudio
	trafficMessage
	trafficRTCP
	trafficKinds
)

var trafficNames = [trafficKinds]string{
	trafficUnknown: "unknown",
	trafficSTUN:    "stun",
	trafficDTLS:    "dtls",
	trafficAudio:   "rtp_audio",
	trafficMessage: "rtp_message",
	trafficRTCP:    "rtcp",
}

// trafficKindOf is the kind of a datagram of which wire.KindOf has told one already.
func trafficKindOf(kind wire.Kind, datagram []byte) trafficKind {
	switch kind {
	case wire.KindSTUN:
		return trafficSTUN
	case wire.KindDTLS:
		return trafficDTLS
	case wire.KindRTCP:
		return trafficRTCP
	case wire.KindRTP:
		if ssrc := wire.SSRCOf(datagram); ssrc == wire.SSRCPeer || ssrc == wire.SSRCDaemon {
			return trafficMessage
		}
		return trafficAudio
	case wire.KindUnknown:
	}
	return trafficUnknown
}

// tally is traffic that one goroutine has counted and not made known yet: so a datagram costs an addition, and atomics are for as many as are read
// or sent together.
type tally struct {
	datagrams, bytes [trafficKinds]uint32
}

// count notes a datagram.
func (t *tally) count(kind wire.Kind, datagram []byte) {
	k := trafficKindOf(kind, datagram)
	t.datagrams[k]++
	t.bytes[k] += uint32(len(datagram))
}

// publish makes known what was counted since the last time.
func (t *tally) publish(to *traffic) {
	for k, n := range t.datagrams {
		if n > 0 {
			to.datagrams[k].Add(uint64(n))
			to.bytes[k].Add(uint64(t.bytes[k]))
			t.datagrams[k], t.bytes[k] = 0, 0
		}
	}
}
