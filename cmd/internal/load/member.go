//go:build linux

package load

import (
	"encoding/binary"
	"errors"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"yodel/wire"
	"yodel/wire/secure"
)

// member is one socket, and what is behind it. The loop owns it from adopt on.
type member struct {
	number  int
	room    int
	place   int // among the talkers of its room; a listener's is not below Config.Talkers
	fd      int
	session *session // nil without one
	flows   []flow   // of the room's talkers by place; nil: it does not hear
	voice   *voice   // nil: it does not talk

	audio   bool   // has received some since it was looked at last
	lastPos uint64 // of the room log
	ended   bool   // its TalkReport has come
	wakeAt  int64  // when it is looked at
	slot    int    // in timers; −1: not there
}

// member makes the n-th of all.
func (c *Config) member(n int) *member {
	m := &member{number: n, room: n / c.perRoom(), place: n % c.perRoom(), fd: -1, slot: -1}
	if c.hears(m) {
		m.flows = make([]flow, c.Talkers)
	}
	return m
}

// talks and hears tell a member's part.
func (c *Config) talks(m *member) bool { return m.place < c.Talkers }
func (c *Config) hears(m *member) bool { return c.Hear || !c.talks(m) }

// drain takes all that came for a member.
func (l *loop) drain(m *member) {
	for m.fd >= 0 {
		n, err := l.batch.receive(m.fd)
		if err != nil {
			l.lose(m, reading(err))
			return
		}
		l.now = time.Now()
		l.at = l.sinceStart(l.now)
		for i := range n {
			for rest, size := l.batch.group(i); len(rest) > 0; rest = rest[min(size, len(rest)):] {
				l.datagram(m, rest[:min(size, len(rest))])
			}
		}
		if n < batchSize {
			return
		}
	}
}

// reading words an error of a socket.
func reading(err error) string {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "nothing listens there any more"
	}
	return err.Error()
}

// datagram takes one that came at l.now. Audio goes by its clear header.
func (l *loop) datagram(m *member, b []byte) {
	switch {
	case m.session == nil:
		l.plain(m, b)
	case len(b) > rtpHeader && b[0] == 2<<6 && b[1]&^marker == wire.PayloadOpus:
		l.audio(m, b)
	default:
		l.message(m, b)
	}
}

// checkEvery is how many packets of a voice go by for one that a member decrypts.
const checkEvery = 64

// audio counts a packet of a voice.
func (l *loop) audio(m *member, b []byte) {
	ssrc := binary.BigEndian.Uint32(b[8:])
	v := l.voices[ssrc]
	if v == nil {
		l.counts.strange++
		return
	}
	sequence := binary.BigEndian.Uint16(b[2:])
	if int(sequence)%checkEvery == m.number%checkEvery {
		l.check(m, v, b)
	}
	l.heard(m, v, wire.Nearest(int64(v.next), sequence))
}

// check decrypts a packet and compares it with what its talker sent.
func (l *loop) check(m *member, v *voice, b []byte) {
	ssrc := binary.BigEndian.Uint32(b[8:])
	if m.flows == nil {
		return
	}
	if f := &m.flows[v.place]; !f.allowed || ssrc != v.ssrc {
		f.allowed = true
		m.session.rx.Allow(ssrc)
	}
	plain, err := m.session.rx.OpenRTP(l.scratch.opened[:0], b)
	if errors.Is(err, secure.ErrReplayed) {
		return // a double; it is counted as one
	}
	l.counts.checked++
	if err == nil && string(plain[rtpHeader:]) == string(v.packet[rtpHeader:]) {
		return
	}
	l.counts.false++
	if l.counts.false == 1 {
		l.fault("a packet is not what its talker sent")
	}
}

// heard counts the packet of a voice with that number at a member.
func (l *loop) heard(m *member, v *voice, number int64) {
	m.audio = true
	l.counts.received++
	if v.room != m.room || m.flows == nil || number < int64(v.first) || number >= int64(v.next) {
		l.counts.strange++
		return
	}
	measured := uint64(number) >= v.from && uint64(number) < v.until
	if !m.flows[v.place].take(number) {
		if measured {
			l.counts.doubled++
		}
		return
	}
	if !measured {
		return
	}
	l.counts.delivered++
	if v.next-uint64(number) <= uint64(len(v.sent)) {
		l.latency.add(time.Duration(l.at-v.sent[uint64(number)%uint64(len(v.sent))]) - v.hold)
	}
}

// message takes what is no audio.
func (l *loop) message(m *member, b []byte) {
	err := m.session.take(l.now, b)
	l.attend(m, err)
}

// attend takes the messages that have come to a session, sends what waits, and sets its timer.
func (l *loop) attend(m *member, err error) {
	if err != nil {
		l.lose(m, err.Error())
		return
	}
	for msg := m.session.receive(l.now); msg != nil; msg = m.session.receive(l.now) {
		l.told(m, msg)
	}
	m.session.flush(l.now)
	l.timers.by(m, l.sinceStart(m.session.deadline()))
}

// told takes one message.
func (l *loop) told(m *member, msg *wire.Message) {
	switch k := msg.GetKind().(type) {
	case *wire.Message_Receipt:
		l.receipted(k.Receipt)
	case *wire.Message_Entry:
		l.entered(m, k.Entry)
	case *wire.Message_TalkStart: // it may be another SSRC for a known voice
		if v := l.talker(k.TalkStart.GetNick()); v != nil {
			l.voices[k.TalkStart.GetSsrc()] = v
		}
	case *wire.Message_TalkReport:
		m.ended = true
	case *wire.Message_Refused:
		l.fault("refused: " + wire.Printable(k.Refused.GetReason()))
	default: // presence and what is known
	}
}

// lose ends a member before its time.
func (l *loop) lose(m *member, why string) {
	if m.fd < 0 {
		return
	}
	l.counts.lost++
	if l.counts.lost == 1 {
		l.fault("a session has ended: " + why)
	}
	l.release(m)
}

// release lets go of a member's socket.
func (l *loop) release(m *member) {
	if m.fd < 0 {
		return
	}
	l.timers.drop(m)
	l.poll.remove(m.fd)
	_ = unix.Close(m.fd)
	m.fd = -1
}
