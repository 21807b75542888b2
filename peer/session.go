package peer

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/pion/rtp"

	"yodel/wire"
	"yodel/wire/secure"
	"yodel/wire/stream"
)

// session is what ends with one secured connection.
type session struct {
	paths
	write    func(datagram []byte) error // to the socket of the link in use
	tx       *secure.Tx
	rx       *secure.Rx
	stream   *stream.Stream
	began    time.Time
	due      time.Time // of Welcome; zero: not limited
	received uint64    // authentic packets
	err      error     // why it is over
	resumed  bool      // it is the same to the daemon as the one before
	gone     bool      // the other side, or the network, has ended it

	publishes wire.Budget
	entries   *wire.Allowance // shared with the events that wait

	welcomed    bool
	lastMessage time.Time     // when a message was sent
	lastReport  time.Time     // when a report was sent
	early       time.Duration // how much sooner a report is due in a room, so that those of many peers that came at once spread
	lastAudio   time.Time     // when audio was sent or received

	granted map[uint32]bool // SSRCs for talks, each for one
	streams map[uint32]*streamIn
	ignored map[uint32]bool     // announced streams that are not wanted
	told    map[uint32]*Talking // announced streams in rooms without a Hearing
	held    []heldPacket
	nacks   bucket
	// bringing is how many of the streams had brought packets when they were looked at last.
	bringing int
	ping     uint64 // the number of the last Ping; 0: none

	header rtp.Header
	plain  []byte // of what is received
	packet []byte // of what is sent, before
	sealed []byte // and after protection
}

func newSession(now time.Time, l *link) *session {
	s := &session{
		paths: paths{link: l, key: l.path, heard: now},
		write: l.write, tx: l.tx, rx: l.rx, began: now, due: l.due,
		stream: stream.New(stream.Config{
			Local: wire.SSRCPeer, Remote: wire.SSRCDaemon, FirstSeq: wire.FirstSeq(),
		}, now),
		entries:     new(wire.Allowance),
		lastMessage: now, lastReport: now, early: mathrand.N(reportSpread),
		granted: make(map[uint32]bool),
		streams: make(map[uint32]*streamIn), ignored: make(map[uint32]bool), told: make(map[uint32]*Talking),
		plain:  make([]byte, 0, wire.MaxDatagram),
		packet: make([]byte, 0, wire.MaxDatagram),
		sealed: make([]byte, 0, wire.MaxDatagram+secure.OverheadRTCP),
	}
	s.rx.Allow(wire.SSRCDaemon)
	return s
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

// put sends a datagram. What the network does not take counts as lost.
func (s *session) put(datagram []byte) {
	if err := s.write(datagram); err != nil {
		s.socketSays(err)
	}
}

// socketSays takes an error of the link in use: the answer that nothing listens there is the end, and where there is no way to the
// daemon another one is looked for.
func (s *session) socketSays(err error) {
	switch {
	case isPathError(err):
		s.failed = err
	case isRefused(err):
		s.lose(errNothingThere)
	}
}

// lose ends the session because the other side, or the network, has. Only the first reason for an end counts.
func (s *session) lose(err error) {
	if s.err == nil {
		s.gone, s.err = true, err
	}
}

// unwelcome ends a session to which the daemon has not said Welcome in time.
func (s *session) unwelcome(now time.Time) {
	if !s.welcomed && !s.due.IsZero() && !now.Before(s.due) {
		s.lose(fmt.Errorf("%w: it answered, but the session did not begin in time", ErrUnreachable))
	}
}

// receives tells that an authentic packet came.
func (s *session) receives(now time.Time) {
	s.received++
	s.heard = now
	s.stream.Heard(now)
}

// close lets go of all links.
func (s *session) close() {
	s.dropBeside()
	for _, l := range [...]*link{s.link, s.leaving} {
		if l != nil {
			l.close()
		}
	}
}

// Ends of a session after which the daemon is asked at once for another.
var (
	errNothingThere = lostErr("nothing listens there any more")
	errUnknown      = lostErr("the daemon does not know the session any more")
)

// Ends of a session that the daemon has brought about against the protocol.
var (
	errOverCredit     = lostErr("the daemon sent more than its credit")
	errUnacknowledged = lostErr("the daemon acknowledges nothing")
)

// bye says that the peer leaves.
func (s *session) bye() {
	if b, err := wire.AppendBye(s.packet[:0], wire.SSRCPeer, wire.ByeLeft); err == nil {
		s.sendRTCP(b)
	}
}
