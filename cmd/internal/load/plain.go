//go:build linux

package load

import (
	"encoding/binary"
)

// The framing of a plain relay.
const (
	plainRegister = 'J'  // and the room: the sender gets what is sent there
	plainForget   = 'Q'  // the relay forgets everyone
	plainData     = 0x80 // and the room, and 8 bytes: the voice's number, and in the low plainSeqBits the packet's
	plainSeqBits  = 40
	// plainTag is as long as the tag of AEAD_AES_128_GCM.
	plainTag = 16
)

// plain takes a datagram of a plain relay.
func (l *loop) plain(m *member, b []byte) {
	if len(b) < plainHeader || b[0] != plainData || int(b[1]) != m.room {
		l.counts.strange++
		return
	}
	index := binary.BigEndian.Uint64(b[2:])
	v := l.voices[uint32(index>>plainSeqBits)]
	if v == nil {
		l.counts.strange++
		return
	}
	l.heard(m, v, int64(index&(1<<plainSeqBits-1)))
}
