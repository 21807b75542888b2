package stream

import (
	"slices"
	"time"

	"github.com/pion/rtp"

	"yodel/wire"
)

// AppendPacket appends the next packet to send, to be protected as its kind says, or nothing. number is the packet number of an RTP
// packet: the extended index under which it is protected. The caller calls it until it says None, after everything that it
// told the stream. Together with protection no packet exceeds wire.MaxDatagram.
func (s *Stream) AppendPacket(now time.Time, dst []byte) (out []byte, kind Kind, number uint64) {
	switch {
	case s.err != nil:
		return dst, None, 0
	case s.acks.due:
		s.stats.ReportsSent++
		return s.appendReport(now, dst), RTCP, 0
	case s.maySend(now):
		dst = s.appendPacket(now, dst)
		return dst, RTP, uint64(s.sent.end() - 1)
	}
	return dst, None, 0
}

// maySend tells if there is something to send and the windows allow it.
func (s *Stream) maySend(now time.Time) bool {
	// RFC 9002, 7.5: "Probe packets MUST NOT be blocked by the congestion controller."
	if s.probes > 0 {
		s.makeRoom(true)
		return true
	}
	_, resend := s.out.nextLost()
	_, fresh := s.out.nextFresh()
	if !resend && !fresh {
		if s.makeRoom(false) && s.probeEarly(now) {
			s.probes = 1
			return true
		}
		s.reno.underused = true
		return false
	}
	if !s.makeRoom(false) {
		s.reno.underused = true
		return false
	}
	// RFC 9002, 7: "An endpoint MUST NOT send a packet if it would cause bytes_in_flight [...] to be larger than the congestion window".
	s.reno.underused = false
	return s.reno.inFlight+wire.MaxDatagram <= s.window()
}

func (s *Stream) window() int { return s.reno.window }

// makeRoom keeps the packets that are waited for below wire.MaxInFlight. Lost ones at the old end are forgotten early; to
// send a probe one that is in flight is given up, too.
func (s *Stream) makeRoom(forProbe bool) bool {
	for s.sent.n >= wire.MaxInFlight {
		oldest := s.sent.at(s.sent.first)
		if oldest.fate == inFlight {
			if !forProbe {
				return false
			}
			s.sent.inFlight--
			s.reno.inFlight -= oldest.size
			for _, f := range oldest.refs {
				s.out.wasLost(f, s.sent.first)
			}
		}
		s.sent.pop()
	}
	return true
}

// appendPacket appends a message packet with as many chunks as fit: lost ones, in a probe then the oldest
// outstanding ones, then new ones, then repeats.
func (s *Stream) appendPacket(now time.Time, dst []byte) []byte {
	s.skip(now)
	number := s.sent.end()
	packet := s.sent.push()
	// RFC 9000, 12.3: "A QUIC endpoint MUST NOT reuse a packet number".
	header := rtp.Header{
		Version:        2,
		PayloadType:    wire.PayloadMessage,
		SequenceNumber: uint16(number),
		Timestamp:      uint32(now.Sub(s.start) / time.Millisecond), // clock of 1000 Hz
		SSRC:           s.cfg.Local,
	}
	base := len(dst)
	dst = append(dst, make([]byte, rtpHeader)...)
	if _, err := header.MarshalTo(dst[base:]); err != nil {
		panic(err) // a fixed header fits into its 12 bytes
	}
	dst = wire.AppendDistance(dst, int(number-s.sent.first))

	recent := s.out.recent
	pack := packer{out: &s.out, number: number, dst: dst, limit: base + maxPacket, refs: packet.refs[:0]}
	s.stats.ChunksResent += uint64(pack.lost())
	if s.probes > 0 {
		s.probes--
		s.stats.Probes++
		s.stats.ChunksResent += uint64(pack.outstanding())
	}
	pack.fresh(now)
	pack.limit = min(pack.limit, base+s.repeatLimit())
	s.stats.Repeats += uint64(pack.repeat(recent[:s.repeats()]))
	s.stats.PacketsSent++

	*packet = sentPacket{at: now, size: len(pack.dst) - base + overhead, refs: pack.refs}
	s.sent.inFlight++
	s.sent.last = now
	s.reno.sent(packet.size)
	return pack.dst
}

// packer puts chunks into one packet.
type packer struct {
	out    *outbox
	number int64 // of the packet
	dst    []byte
	limit  int // of len(dst)
	refs   []ref
}

// add appends a fragment if it fits.
func (p *packer) add(f ref) bool {
	c := p.out.chunk(f)
	if len(p.dst)+c.Size() > p.limit {
		return false
	}
	p.dst = wire.AppendChunk(p.dst, c)
	p.refs = append(p.refs, f)
	if m := p.out.messages.at(f.message); m.single() {
		m.packet = p.number
	}
	return true
}

func (p *packer) lost() (n int) {
	for f, ok := p.out.nextLost(); ok && p.add(f); f, ok = p.out.nextLost() {
		p.out.takeLost()
		n++
	}
	return n
}

func (p *packer) fresh(now time.Time) {
	for f, ok := p.out.nextFresh(); ok && p.add(f); f, ok = p.out.nextFresh() {
		p.out.takeFresh(now)
	}
}

func (p *packer) outstanding() (n int) {
	// RFC 9002, 6.2.4, would have new data in a probe. Here it is the oldest data: with one ordered stream everything else waits for them,
	// and a receiver that is full takes nothing but the next message. New data follow if there is room.
	for f, ok := p.out.nextOutstanding(ref{}); ok; f, ok = p.out.nextOutstanding(ref{f.message, f.fragment + 1}) {
		if slices.Contains(p.refs, f) {
			continue
		}
		if !p.add(f) {
			break
		}
		n++
	}
	return n
}
