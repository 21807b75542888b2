package daemon

import (
	"encoding/binary"
	"testing"

	"github.com/pion/rtp"

	"yodel/wire"
)

// FuzzArrival has a link judge any authentic packet: what it takes is a packet of that voice, within the bounds.
func FuzzArrival(f *testing.F) {
	plain := []byte{0x80, wire.PayloadOpus, 0, 5, 0, 0, 3, 192, 0, 0, 1, 0, 1, 2, 3}
	f.Add(plain)
	f.Add(append([]byte{0x90, wire.PayloadOpus, 0, 5, 0, 0, 3, 192, 0, 0, 1, 0, 0xbe, 0xde, 0, 1, 0x10, 9, 0, 0}, plain...))
	f.Add(append([]byte{0xbf, 0xff}, plain...))
	f.Add(plain[:11])
	f.Add([]byte{0x80, wire.PayloadRED, 0, 5, 0, 0, 3, 192, 0, 0, 1, 0, 0xef, 0x0f, 0, 1, wire.PayloadOpus, 1, 2})
	f.Fuzz(func(t *testing.T, plain []byte) {
		v := &voice{payload: wire.PayloadOpus}
		l := &link{talks: map[uint32]*voice{256: v}}
		var header rtp.Header
		a, ok := l.arrival(&header, plain)
		if !ok {
			return
		}
		if a.voice != v || len(plain) < 12 || len(plain) > maxPlain || header.MarshalSize() > maxHeader {
			t.Fatalf("%d bytes, %d of them the header, were taken", len(plain), header.MarshalSize())
		}
		if a.seq != binary.BigEndian.Uint16(plain[2:]) || a.timestamp != timestampOf(plain) || !v.carries(plain[1]&0x7f) {
			t.Fatalf("%x was read as %d, %d", plain, a.seq, a.timestamp)
		}
	})
}
