package daemon

import (
	"encoding/binary"
	"os"
	"testing"

	"yodel/wire"
)

// The packets of several voices that leave together are one message, in segments, for each who hears them.
func TestFlightIsOneMessageForEachListener(t *testing.T) {
	const listeners, talkers = 8, 4
	p := openPort(t, "127.0.0.1:0", false)
	if !p.sockets[0].segments {
		const loss = "SEGMENTS ARE NOT TESTED: the kernel makes none (UDP_SEGMENT, Linux 4.18)"
		if os.Getenv("CI") == "true" {
			t.Fatal(loss)
		}
		t.Skip(loss)
	}
	c := newCrowd(t, listeners)
	r := newRelay(c.hub.plane, c.hub.plane.shards[0], 0)
	ends := make(map[*caller]*crowdPeer)
	for _, peer := range c.peers {
		end := newCaller(t, "127.0.0.1")
		ends[end] = peer
		l := c.hub.table[peer.addr].session.link
		l.to = p.sockets[0].target(end.at)
		r.listen(newListener(l))
	}
	f := new(flight)
	for i := range talkers {
		v := &voice{room: &room{relay: r}, relay: r, ssrc: uint32(1000 + i), source: uint32(1000 + i)}
		r.add(v)
		plain := make([]byte, 92)
		plain[0] = 0x80
		binary.BigEndian.PutUint32(plain[8:], v.ssrc)
		f.add(item{voice: v, packet: newPacket(plain)})
	}
	f.ears = r.ears
	w := newWriter(p.sockets[0])
	f.fly(nil, w)
	if n := w.out.count; n != listeners {
		t.Errorf("%d messages for %d who hear", n, listeners)
	}
	w.flush()
	if n := w.failed(); n != 0 {
		t.Errorf("%d datagrams were not sent", n)
	}
	for end, peer := range ends {
		seen := make(map[uint32]bool)
		for range talkers {
			b := make([]byte, wire.MaxDatagram)
			n, _, err := end.ReadFromUDPAddrPort(b)
			if err != nil {
				t.Fatal(err)
			}
			ssrc := wire.SSRCOf(b[:n])
			peer.rx.Allow(ssrc)
			if _, err := peer.rx.OpenRTP(nil, b[:n]); err != nil {
				t.Errorf("%v: %v", end.at, err)
			}
			seen[ssrc] = true
		}
		if len(seen) != talkers {
			t.Errorf("%v got packets of %d voices", end.at, len(seen))
		}
	}
}
