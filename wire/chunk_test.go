package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// goldenVarints begin with the sample encodings of RFC 9000, A.1.
var goldenVarints = []struct {
	hex   string
	value uint64
	short bool // the shortest form
}{
	{"c2197c5eff14e88c", 151288809941952652, true},
	{"9d7f3e7d", 494878333, true},
	{"7bbd", 15293, true},
	{"25", 37, true},
	{"4025", 37, false},
	{"80000025", 37, false},
	{"c000000000000025", 37, false},
	{"3f", 63, true},
	{"4040", 64, true},
	{"7fff", 16383, true},
	{"80004000", 16384, true},
	{"bfffffff", 1<<30 - 1, true},
	{"c000000040000000", 1 << 30, true},
	{"ffffffffffffffff", maxVarint, true},
}

// goldenPayloads are vectors, some of them examples of PROTOCOL.md.
var goldenPayloads = []struct {
	name     string
	distance int
	chunks   []Chunk
	hex      []string // annotated bytes
}{
	{"bare probe", 0, nil, []string{
		"00", // distance 0: waits for nothing older than this packet
	}},
	{"one message", 0, []Chunk{{Message: 5, Total: 5, Data: []byte("hello")}}, []string{
		"00",         // distance
		"05",         // message number 5
		"00",         // offset 0
		"05",         // total 5 bytes
		"05",         // length 5
		"68656c6c6f", // "hello"
	}},
	{"empty message", 1, []Chunk{{Message: 64, Data: []byte{}}}, []string{
		"01",   // distance 1: the packet before is not acknowledged yet
		"4040", // message number 64, in two bytes
		"00",   // offset 0
		"00",   // total 0
		"00",   // length 0
	}},
	{"two messages and a part", 511, []Chunk{
		{Message: 16383, Total: 2, Data: []byte("hi")},
		{Message: 16384, Total: 1, Data: []byte("!")},
		{Message: 16385, Offset: 1152, Total: 65536, Data: []byte("abc")},
	}, []string{
		"41ff",     // distance 511, in two bytes
		"7fff",     // message number 16383
		"00",       // offset
		"02",       // total
		"02",       // length
		"6869",     // "hi"
		"80004000", // message number 16384, in four bytes
		"00",       // offset
		"01",       // total
		"01",       // length
		"21",       // "!"
		"80004001", // message number 16385
		"4480",     // offset 1152
		"80010000", // total 65536
		"03",       // length 3
		"616263",   // "abc"
	}},
}

func parseAll(payload []byte) (distance int, chunks []Chunk, err error) {
	p, err := ParseMessagePayload(payload)
	if err != nil {
		return 0, nil, err
	}
	for c, ok := p.Next(); ok; c, ok = p.Next() {
		chunks = append(chunks, c)
	}
	return p.Distance, chunks, nil
}

var refusedPayloads = []struct{ name, hex, want string }{
	{"empty", "", "no distance in 0 bytes"},
	{"distance cut off", "40", "no distance in 1 bytes"},
	{"distance too long", "4200", "distance 512 >= 512"},
	{"huge distance", "ffffffffffffffff", "distance 4611686018427387903 >= 512"},
	{"number only", "0005", "field 2 of a chunk is cut off"},
	{"no length", "00050005", "field 4 of a chunk is cut off"},
	{"bytes cut off", "000500050568656c6c", "chunk of 5 bytes, 4 left"},
	{"too long a message", "0005008001000101aa", "message of 65537 bytes > 65536"},
	{"longer than its message", "000500010268656c", "2 bytes at offset 0 of a message of 1"},
	{"past its message", "000501020268656c", "2 bytes at offset 1 of a message of 2"},
	{"offset that would overflow", "0005ffffffffffffffff020268656c", "2 bytes at offset 4611686018427387903 of a message of 2"},
	{"empty chunk", "0005000200", "empty chunk of a message of 2 bytes"},
	{"empty message at an offset", "0005010000", "0 bytes at offset 1 of a message of 0"},
	{"second chunk bad", "00050001016805", "field 2 of a chunk is cut off (chunk at byte 6 of 7)"},
}

func TestMessagePayloadRefused(t *testing.T) {
	for _, test := range refusedPayloads {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParseMessagePayload(unhex(t, test.hex))
			if !errors.Is(err, ErrPayload) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestMessagePayloadDoesNotAllocate(t *testing.T) {
	payload := AppendDistance(nil, 3)
	for i := range uint64(5) {
		payload = AppendChunk(payload, Chunk{Message: i, Total: 200, Data: make([]byte, 200)})
	}
	dst := make([]byte, 0, MaxDatagram)
	n := testing.AllocsPerRun(100, func() {
		p, err := ParseMessagePayload(payload)
		if err != nil {
			t.Fatal(err)
		}
		dst = AppendDistance(dst[:0], p.Distance)
		for c, ok := p.Next(); ok; c, ok = p.Next() {
			dst = AppendChunk(dst, c)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
	if !bytes.Equal(dst, payload) {
		t.Error("parsed and appended differ")
	}
}

// What can be parsed is the same after it was appended and parsed again.
func FuzzMessagePayload(f *testing.F) {
	for _, g := range goldenPayloads {
		f.Add(unhex(f, strings.Join(g.hex, "")))
	}
	f.Add(unhex(f, "c00000000000000140054000400240026869")) // no varint is minimal
	f.Add(unhex(f, "0005008001000101aa"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		distance, chunks, err := parseAll(payload)
		if err != nil {
			if !errors.Is(err, ErrPayload) {
				t.Fatalf("error is not ErrPayload: %v", err)
			}
			return
		}
		again := AppendDistance(nil, distance)
		for _, c := range chunks {
			again = AppendChunk(again, c)
		}
		if len(again) > len(payload) {
			t.Errorf("%d bytes became %d", len(payload), len(again))
		}
		distance2, chunks2, err := parseAll(again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(chunks, chunks2, cmpopts.EquateEmpty()); distance != distance2 || diff != "" {
			t.Errorf("distance %d, then %d; chunks %s", distance, distance2, diff)
		}
	})
}
