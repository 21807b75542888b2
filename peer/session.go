package peer

import (
	"crypto/rand"
	"encoding/binary"
	"time"

	"github.com/pion/rtp"

	"yodel/wire"
	"yodel/wire/secure"
	"yodel/wire/stream"
)

// session is what ends with one secured connection.
type session struct {
	write  func(datagram []byte) error // to the socket
	tx     *secure.Tx
	rx     *secure.Rx
	stream *stream.Stream
	err    error // why it is over

	publishes credit
	entries   *allowance // shared with the events that wait

	welcomed    bool
	lastMessage time.Time // when a message was sent
	lastReport  time.Time // when a report was sent
	lastAudio   time.Time // when audio was sent or received

	granted map[uint32]bool // SSRCs for talks, each for one
	streams map[uint32]*streamIn
	ignored map[uint32]bool     // announced streams that are not wanted
	told    map[uint32]*Talking // announced streams in rooms without a Hearing
	held    []heldPacket

	header rtp.Header
	plain  []byte // of what is received
	packet []byte // of what is sent, before
	sealed []byte // and after protection
}

// maxSeq bounds the first sequence number of a stream: rollover counters are guessed right from there on (RFC 3711, 3.3.1).
const maxSeq = 1 << 15

func newSession(now time.Time, l *link) *session {
	s := &session{
		write: l.write, tx: l.tx, rx: l.rx,
		stream: stream.New(stream.Config{
			Local: wire.SSRCPeer, Remote: wire.SSRCDaemon, FirstSeq: uint64(random16() % maxSeq),
		}, now),
		publishes: credit{limit: wire.FirstCredit}, entries: &allowance{limit: wire.FirstCredit},
		lastMessage: now, lastReport: now,
		granted: make(map[uint32]bool),
		streams: make(map[uint32]*streamIn), ignored: make(map[uint32]bool), told: make(map[uint32]*Talking),
		plain:  make([]byte, 0, wire.MaxDatagram),
		packet: make([]byte, 0, wire.MaxDatagram),
		sealed: make([]byte, 0, wire.MaxDatagram+secure.OverheadRTCP),
	}
	s.rx.Allow(wire.SSRCDaemon)
	return s
}

func random16() uint16 {
	var b [2]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	return binary.BigEndian.Uint16(b[:])
}

func random32() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	return binary.BigEndian.Uint32(b[:])
}

// flush sends what the message stream has to send.
func (s *session) flush(now time.Time) {
	for s.err == nil {
		packet, kind, number := s.stream.AppendPacket(now, s.packet[:0])
		switch kind {
		case stream.RTP:
			s.sendRTP(packet, number)
		case stream.RTCP:
			s.sendRTCP(packet)
		default:
			return
		}
	}
}

// sendRTP protects and sends a packet. index is its extended sequence number.
func (s *session) sendRTP(packet []byte, index uint64) {
	sealed, err := s.tx.SealRTP(s.sealed[:0], packet, index)
	if err == nil {
		s.put(sealed)
	}
}

func (s *session) sendRTCP(packet []byte) {
	sealed, err := s.tx.SealRTCP(s.sealed[:0], packet)
	if err == nil {
		s.put(sealed)
	}
}

// put sends a datagram. What the network does not take counts as lost, but for the answer that nothing listens there.
func (s *session) put(datagram []byte) {
	if err := s.write(datagram); err != nil && s.err == nil && isRefused(err) {
		s.err = lostErr(nothingThere)
	}
}

// nothingThere is why a session is lost whose daemon has gone without BYE.
const nothingThere = "nothing listens there any more"

// bye says that the peer leaves.
func (s *session) bye() {
	if b, err := wire.AppendBye(s.packet[:0], wire.SSRCPeer, wire.ByeLeft); err == nil {
		s.sendRTCP(b)
	}
}
