//go:build linux

package load

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"syscall"
	"time"

	"yodel/wire"
)

// voice is what one talker says.
type voice struct {
	room, place int // place among the talkers of the room
	talker      *member
	ssrc        uint32        // of a plain voice: its number
	hold        time.Duration // for which the room holds its packets
	first, next uint64        // extended sequence numbers
	from, until uint64        // of the packets that are measured
	sent        []int64       // when each packet was sent, by sequence number modulo the length
	packet      []byte        // the next one, before protection
}

// ringSlack is how much longer than the room's delay a packet may be on its way and be measured.
const ringSlack = 4 * time.Second

// newVoice makes the voice of a talker. A plain one has no first sequence number but 0.
func (c *Config) newVoice(m *member, ssrc uint32, hold time.Duration) *voice {
	v := &voice{room: m.room, place: m.place, talker: m, ssrc: ssrc, hold: hold, from: ^uint64(0), until: ^uint64(0)}
	packets := uint64(c.Rate * (hold + ringSlack).Seconds())
	v.sent = make([]int64, 1<<bits.Len64(packets))
	if c.Plain {
		// As long as the datagrams of the same load that a daemon delivers.
		v.packet = make([]byte, max(rtpHeader+c.Size+plainTag, plainHeader))
		v.packet[0], v.packet[1] = plainData, byte(m.room)
		return v
	}
	v.first = wire.FirstSeq()
	v.next = v.first
	v.packet = make([]byte, rtpHeader+c.Size)
	v.packet[0], v.packet[1] = 2<<6, marker|wire.PayloadOpus
	binary.BigEndian.PutUint32(v.packet[8:], ssrc)
	payload := v.packet[rtpHeader:]
	for i := range payload {
		payload[i] = byte(rand.Uint32())
	}
	return v
}

// marker is the marker bit beside the payload type (RFC 3550, 5.1).
const marker = 1 << 7

// timestamp is that of a packet.
func (v *voice) timestamp(number uint64, rate float64) uint32 {
	return uint32(float64(number-v.first) * clockRate / rate)
}

// say sends the next packet; l.now is not looked at, because the send call's instant counts.
func (l *loop) say(v *voice) {
	datagram := v.packet
	if l.cfg.Plain {
		binary.BigEndian.PutUint64(v.packet[2:], uint64(v.ssrc)<<plainSeqBits|v.next)
	} else {
		binary.BigEndian.PutUint16(v.packet[2:], uint16(v.next))
		binary.BigEndian.PutUint32(v.packet[4:], v.timestamp(v.next, l.cfg.Rate))
		sealed, err := v.talker.session.tx.SealRTP(l.scratch.sealed[:0], v.packet, v.next)
		if err != nil { // the sequence is without a jump
			l.fault("a packet could not be sealed: " + err.Error())
			return
		}
		datagram = sealed
		v.packet[1] &^= marker
	}
	v.sent[v.next%uint64(len(v.sent))] = l.sinceStart(time.Now())
	v.next++
	if errno := send(v.talker.fd, datagram); errno != 0 {
		l.sendFailed(v.talker, errno)
	}
}

// sendFailed: a full buffer is a loss that shows by itself, and nobody there is the end of the member.
func (l *loop) sendFailed(m *member, errno syscall.Errno) {
	if errno == syscall.ECONNREFUSED {
		l.lose(m, "nothing listens there any more")
	}
}
