package secure

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"
)

// Most of what one Responder may hold: what it was fed, and for fragments a buffer and a mark for each byte of every message.
const maxHeld = maxFedBytes + 2*(2<<10+8<<10+256+256+verifyLen)

// held is what a Responder keeps of what it was fed, in bytes.
func (s *Responder) held() (n int) {
	for _, r := range s.early {
		n += cap(r)
	}
	for _, m := range s.in.messages {
		n += cap(m.body) + cap(m.have)
	}
	return n
}

// storm is a handshake by hand on a network that a fuzzer moves.
type storm struct {
	t     *testing.T
	now   time.Time
	c     *counter
	h     *byHand
	heard int    // datagrams of the daemon's that were looked at
	last  []byte // the datagram that was fed last
	dirty bool   // something that the client has not said was fed in the clear
}

// feed feeds a datagram, and holds what must be true after any.
func (s *storm) feed(datagram []byte) {
	before, failed := len(s.c.sent), s.c.err != nil
	s.last = bytes.Clone(datagram)
	err := s.c.Feed(s.now, datagram)
	if !bytes.Equal(datagram, s.last) {
		s.t.Fatal("Feed has changed the datagram")
	}
	if sent := len(s.c.sent) - before; sent > 1 || failed && (sent > 0 || !errors.Is(err, ErrHandshake)) {
		s.t.Fatalf("%d datagrams in answer to one, failed before: %t", sent, failed)
	}
	if held := s.c.held(); held > maxHeld || len(s.c.early) > maxEarlyRecords {
		s.t.Fatalf("%d bytes and %d records are held", held, len(s.c.early))
	}
	s.listen()
}

// listen has the client look at what the daemon has said.
func (s *storm) listen() {
	for ; s.heard < len(s.c.sent); s.heard++ {
		datagram := s.c.sent[s.heard]
		if len(datagram) > handshakeMTU {
			s.t.Fatalf("a datagram of %d bytes", len(datagram))
		}
		if s.h.messages == nil {
			if err := s.h.answer(datagram, s.c.identity); err != nil && !s.dirty {
				s.t.Fatal(err)
			}
		} else if s.c.Secrets() != nil && s.heard == len(s.c.sent)-1 && !s.h.confirmed(datagram) {
			s.t.Fatal("the last flight is not that of this handshake")
		}
	}
	if secrets := s.c.Secrets(); secrets != nil {
		if !s.h.agrees(secrets) || len(s.c.asked) != 1 || secrets.Remote != s.c.asked[0] {
			s.t.Fatal("keys that the client does not have")
		}
	}
}

// message gives one of the client's messages; those that it cannot know yet are ClientHello.
func (s *storm) message(which byte) []byte {
	if n := len(s.h.messages); n > 0 {
		return s.h.messages[int(which)%n]
	}
	return s.h.hello()
}

// part gives a fragment of a message.
func part(message []byte, from, size byte) []byte {
	body := message[messageHeader:]
	at := int(from) * len(body) / 256
	n := min(1+int(size), len(body)-at)
	f := append([]byte(nil), message[:messageHeader]...)
	copy(f[6:], appendUint24(appendUint24(nil, at), n))
	return append(f, body[at:at+n]...)
}

// do does what four bytes of the fuzzer's say.
func (s *storm) do(op [4]byte) {
	message := s.message(op[1])
	switch op[0] % 11 {
	case 0:
		s.feed(s.h.record(message))
	case 1: // two messages in one datagram
		s.feed(append(s.h.record(message), s.h.record(s.message(op[2]))...))
	case 2: // a fragment
		s.feed(s.h.record(part(message, op[2], op[3])))
	case 3: // the same datagram again
		if s.last != nil {
			s.feed(s.last)
		}
	case 4: // all of the flight
		if s.h.messages != nil {
			s.feed(s.h.flight())
		}
	case 5:
		s.now = s.now.Add(time.Duration(op[1]) * 10 * time.Millisecond)
		_ = s.c.Advance(s.now)
		s.listen()
	case 6: // what is not authentic, under the epoch of keys
		junk := appendRecord(nil, []byte{recordHandshake, recordAlert, recordData, recordChangeCipherSpec}[op[1]%4], bytes.Repeat(op[2:3], 1+int(op[3])))
		putSequence(junk, 1, uint64(op[2])<<40)
		s.feed(junk)
	case 7: // some bytes of a record changed
		r := s.h.record(message)
		r[int(op[2])*len(r)/256] ^= op[3]
		s.dirty = true
		s.feed(r)
	case 8: // a message with another's header
		s.dirty = true
		s.feed(appendRecord(nil, recordHandshake, slices.Concat(message[:messageHeader], s.message(op[2])[messageHeader:])))
	case 9: // a fragment of a message of another length
		s.dirty = true
		f := part(message, op[2], op[3])
		f[3] += op[2] | 1
		s.feed(appendRecord(nil, recordHandshake, f))
	case 10: // another client
		s.dirty = true
		r := s.h.record(s.h.hello())
		r[helloRandom] ^= op[1]
		s.feed(r)
	}
}

// finish says all that a client would say.
func (s *storm) finish() {
	s.feed(s.h.record(s.h.hello()))
	if s.h.messages != nil {
		s.feed(s.h.flight())
		s.feed(s.h.flight())
	}
}

// FuzzHandshake: whatever becomes of a client's messages, the keys are the client's or none, record numbers are used once, and what is
// held and sent is bounded. If they only were lost, doubled, cut, put in another order or among records that are not authentic, then there
// are keys in the end.
func FuzzHandshake(f *testing.F) {
	for _, ops := range []string{
		"\x00\x00\x00\x00\x04\x00\x00\x00", "\x02\x00\x00\x40\x02\x00\x40\xff\x06\x00\x07\x30\x00\x04\x00\x00\x00\x03\x00\x00\x01\x02\x01\x00",
		"\x00\x00\x00\x00\x02\x01\x80\xff\x02\x01\x00\xff\x05\x50\x00\x00\x00\x04\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x03\x00\x00\x00\x04\x00\x00\x00",
		"\x00\x00\x00\x00\x07\x01\x20\x01\x04\x00\x00\x00", "\x00\x00\x00\x00\x08\x02\x03\x00\x0a\x01\x00\x00\x04\x00\x00\x00", "\x00\x00\x00\x00\x04\x00\x00\x00\x03\x00\x00\x00\x00\x04\x00\x00",
		"\x00\x00\x00\x00\x09\x01\x20\x30\x02\x01\xf0\xff\x04\x00\x00\x00", "\x09\x00\x7f\x00\x02\x00\x80\xff\x09\x00\xf0\xff",
		"\x06\x00\x00\x09\x06\x01\x00\x09\x06\x02\x00\x09\x06\x00\x00\x09\x06\x00\x00\x09\x06\x00\x00\x09",
	} {
		f.Add([]byte(ops))
	}
	daemon, client := mustIdentity(f), mustIdentity(f)
	f.Fuzz(func(t *testing.T, ops []byte) {
		s := &storm{t: t, now: testTime, c: newCounter(t, daemon), h: newByHand(t, client.certificate)}
		for ; len(ops) >= 4; ops = ops[4:] {
			s.do([4]byte(ops))
		}
		spent := s.c.fed.datagrams+3 > maxFedDatagrams || s.c.fed.bytes+3*handshakeMTU > maxFedBytes || s.now.Sub(testTime) >= HandshakeTimeout
		s.finish()
		if s.c.Secrets() == nil && !s.dirty && !spent {
			t.Errorf("no keys: %v", s.c.err)
		}
		if len(s.c.sent) > maxFedDatagrams+int(HandshakeTimeout/flightInterval) {
			t.Errorf("%d datagrams", len(s.c.sent))
		}
		numbers := map[uint64]bool{}
		for _, b := range s.c.sent {
			for record, rest, ok := nextRecord(b); ok; record, rest, ok = nextRecord(rest) {
				number := recordSequence(record) | uint64(epoch(record))<<48
				if numbers[number] {
					t.Errorf("record number %x was used twice", number)
				}
				numbers[number] = true
			}
		}
	})
}
