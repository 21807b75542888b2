package secure

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/pion/dtls/v3/pkg/protocol"
	"github.com/pion/dtls/v3/pkg/protocol/recordlayer"
)

// hello is the start of a ClientHello as it travels, the random as 32 bytes of 55.
func hello(tb testing.TB) []byte {
	tb.Helper()
	return bytesOf(tb, `16 fefd 0000 000000000000 0032
		01 000026 0000 000000 000026
		fefd `+strings.Repeat("55", 32)+` 00 00 0000`)
}

func TestClientHelloRandom(t *testing.T) {
	whole := hello(t)
	first := with(with(whole, 16, 200), 24, 38)
	for name, test := range map[string]struct {
		datagram []byte
		want     bool
	}{
		"whole":                 {whole, true},
		"first fragment":        {first, true},
		"two records":           {append(bytes.Clone(whole), whole...), true},
		"version 1.0":           {with(whole, 2, 0xff), true},
		"second fragment":       {with(whole, 21, 1), false},
		"fragment without it":   {with(whole, 24, 33), false},
		"ServerHello":           {with(whole, 13, 2), false},
		"encrypted":             {with(whole, 4, 1), false},
		"alert":                 {with(whole, 0, recordAlert), false},
		"version 1.3 of TLS":    {with(whole, 1, 3), false},
		"record too short":      {with(whole, 12, 45), false},
		"record beyond the end": {with(whole, 12, 0x33), false},
		"cut off":               {whole[:58], false},
		"empty":                 {nil, false},
	} {
		random, ok := ClientHelloRandom(test.datagram)
		if ok != test.want || (random != [32]byte{}) != test.want {
			t.Errorf("%s: %x, %t, want %t", name, random, ok, test.want)
		}
		if ok && !bytes.Equal(random[:], bytes.Repeat([]byte{0x55}, 32)) {
			t.Errorf("%s: random %x", name, random)
		}
	}
}

func TestClientHelloRandomOfARealHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, 4, 0.3)
		randoms := map[[32]byte]int{}
		p.up.tap = func(datagram []byte) {
			if random, ok := ClientHelloRandom(datagram); ok {
				randoms[random]++
			}
		}
		p.down.tap = func(datagram []byte) {
			if random, ok := ClientHelloRandom(datagram); ok {
				t.Errorf("the server sent a ClientHello %x", random)
			}
		}
		if client, server := p.run(); client.err != nil || server.err != nil {
			t.Fatal(client.err, server.err)
		}
		if len(randoms) != 1 {
			t.Errorf("randoms %v, want one", randoms)
		}
	})
}

func FuzzClientHelloRandom(f *testing.F) {
	f.Add(hello(f))
	f.Fuzz(func(t *testing.T, datagram []byte) {
		random, ok := ClientHelloRandom(datagram)
		if !ok {
			return
		}
		if !bytes.Equal(datagram[helloRandom:helloKnown], random[:]) || !belongs(datagram) {
			t.Errorf("%x: random %x", datagram, random)
		}
	})
}

// FuzzFeed holds that what passes the filter is what the DTLS library finds well-formed too, and has nothing in the clear
// that would end a handshake.
func FuzzFeed(f *testing.F) {
	f.Add(hello(f))
	f.Add(append(hello(f), 20, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1))
	f.Add([]byte{21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 2, 40})
	f.Add([]byte{21, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 1, 0, 2, 2, 40})
	f.Fuzz(func(t *testing.T, datagram []byte) {
		conn := NewMemConn(func([]byte) {})
		if conn.Feed(datagram) != nil {
			return
		}
		records, err := recordlayer.UnpackDatagram(datagram)
		if err != nil {
			t.Fatalf("%x: the library finds %v", datagram, err)
		}
		for _, record := range records {
			var header recordlayer.Header
			if err := header.Unmarshal(record); err != nil {
				t.Fatalf("%x: the library finds %v", record, err)
			}
			deadly := header.ContentType == protocol.ContentTypeAlert || header.ContentType == protocol.ContentTypeApplicationData
			if header.Epoch == 0 && deadly {
				t.Errorf("%x passed", record)
			}
		}
	})
}
