package secure

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

func randomBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// randomRTP is a packet with any CSRCs, extension, marker, padding bit and payload.
func randomRTP(tb testing.TB, rng *rand.Rand, ssrc uint32, sequence uint16) []byte {
	tb.Helper()
	h := rtp.Header{
		Version: 2, Marker: rng.IntN(2) == 0, PayloadType: uint8(rng.IntN(128)),
		SequenceNumber: sequence, Timestamp: rng.Uint32(), SSRC: ssrc,
	}
	for range rng.IntN(3) * rng.IntN(8) {
		h.CSRC = append(h.CSRC, rng.Uint32())
	}
	if rng.IntN(2) == 0 {
		h.Extension, h.ExtensionProfile = true, rtp.ExtensionProfileOneByte
		for id := range rng.IntN(4) {
			if err := h.SetExtension(uint8(id+1), randomBytes(rng, 1+rng.IntN(16))); err != nil {
				tb.Fatal(err)
			}
		}
	}
	packet, err := (&rtp.Packet{Header: h, Payload: randomBytes(rng, rng.IntN(5)*rng.IntN(300))}).Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	if rng.IntN(8) == 0 {
		packet[0] |= 0x20 // padding, which is none of SRTP's business
	}
	return packet
}

// foreign is a context of the library's, which is told the index of every packet.
func foreign(tb testing.TB, profile srtp.ProtectionProfile, master masterKey) *srtp.Context {
	tb.Helper()
	context, err := srtp.CreateContext(master.key, master.salt, profile)
	if err != nil {
		tb.Fatal(err)
	}
	return context
}

// random48 is an index: near a wrap, near the ends, or any.
func random48(rng *rand.Rand) uint64 {
	switch rng.IntN(4) {
	case 0:
		return rng.Uint64N(70000)
	case 1:
		return rng.Uint64N(1<<32)<<16 | uint64(rng.IntN(4))
	case 2:
		return maxIndexRTP - rng.Uint64N(70000)
	}
	return rng.Uint64N(maxIndexRTP + 1)
}

func TestRTPIsThatOfTheLibrary(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		master := masterKey{randomBytes(rng, 16), randomBytes(rng, 12)}
		own, err := newAEAD(master)
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			index, ssrc := random48(rng), rng.Uint32()
			packet := randomRTP(t, rng, ssrc, uint16(index))
			library := foreign(t, gcm, master)
			library.SetROC(ssrc, uint32(index>>16))
			want, err := library.EncryptRTP(nil, packet, nil)
			if err != nil {
				t.Fatal(err)
			}
			header := headerLen(packet)
			got, err := own.sealRTP([]byte("kept"), packet, header, index)
			if err != nil || string(got) != "kept"+string(want) {
				t.Fatalf("index %#x of %#x: %x, %v, want %x", index, ssrc, got, err, want)
			}
			opened, err := own.openRTP([]byte("kept"), want, header, index)
			if err != nil || string(opened) != "kept"+string(packet) {
				t.Fatalf("index %#x of %#x opens as %x, %v", index, ssrc, opened, err)
			}
			at := rng.IntN(len(want))
			forged := with(want, at, want[at]^1<<rng.IntN(8))
			if opened, err := own.openRTP([]byte("kept"), forged, header, index); !errors.Is(err, ErrAuth) || string(opened) != "kept" {
				t.Fatalf("byte %d changed: %q, %v", at, opened, err)
			}
		}
	}
}

func TestRTCPIsThatOfTheLibrary(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 1000 {
		master := masterKey{randomBytes(rng, 16), randomBytes(rng, 12)}
		own, err := newAEAD(master)
		if err != nil {
			t.Fatal(err)
		}
		index, ssrc := 1+rng.Uint32N(maxIndexRTCP)>>rng.IntN(30), rng.Uint32()
		packet := append(report(ssrc), randomBytes(rng, 4*rng.IntN(300))...)
		library := foreign(t, gcm, master)
		library.SetIndex(ssrc, index-1)
		want, err := library.EncryptRTCP(nil, packet, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := own.sealRTCP([]byte("kept"), packet, index)
		if err != nil || string(got) != "kept"+string(want) {
			t.Fatalf("index %#x of %#x: %x, %v, want %x", index, ssrc, got, err, want)
		}
		opened, err := own.openRTCP([]byte("kept"), want, index)
		if err != nil || string(opened) != "kept"+string(packet) {
			t.Fatalf("index %#x of %#x opens as %x, %v", index, ssrc, opened, err)
		}
	}
}

// A receiver that is the library, with guesses and windows of its own, opens a stream over wraps, and Rx one of the library's.
func TestStreamsWithTheLibrary(t *testing.T) {
	for _, profile := range profiles {
		t.Run(profile.String(), func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			rng := rand.New(rand.NewPCG(seed, 0))
			tx, rx := direction(t, profile)
			ours, theirs := foreign(t, profile, testKey(profile)), foreign(t, profile, testKey(profile))
			rx.Allow(1)
			var index uint64
			for range 200 {
				packet := randomRTP(t, rng, 1, uint16(index))
				want, err := theirs.EncryptRTP(nil, packet, nil)
				if err != nil {
					t.Fatal(err)
				}
				wantOpen(t, rx, want, packet)
				sealed, err := tx.SealRTP(nil, packet, index)
				if err != nil || !bytes.Equal(sealed, want) {
					t.Fatalf("index %d: %x, %v, want %x", index, sealed, err, want)
				}
				opened, err := ours.DecryptRTP(nil, sealed, nil)
				if err != nil || !bytes.Equal(opened, packet) {
					t.Fatalf("index %d: the library opens %x, %v", index, opened, err)
				}
				index += 1 + rng.Uint64N(MaxJump)
			}
			if index < 10<<16 {
				t.Errorf("only up to index %d", index)
			}
		})
	}
}

// RFC 7714, 16.1.1, 16.1.2, 17.1 and 17.2: the sample packets, under session keys.
func TestAEADOfTheSamplesOfRFC7714(t *testing.T) {
	key, salt := sessionKey(sequence(16)), sessionSalt([]byte("Quid pro quo"))
	rtpCipher, err := newGCM(key)
	if err != nil {
		t.Fatal(err)
	}
	a := &aead{rtp: rtpCipher, rtpSalt: salt, rtcpSalt: salt, rtcpKey: key}
	packet := append(bytesOf(t, "8040f17b 8041f8d3 5501a0b2"), "Gallia est omnis divisa in partes tres"...)
	want := bytesOf(t, `8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a
		51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce`)
	sealed, sealErr := a.sealRTP(nil, packet, minRTP, 0xf17b)
	opened, openErr := a.openRTP(nil, want, minRTP, 0xf17b)
	if err := errors.Join(sealErr, openErr); err != nil || !bytes.Equal(sealed, want) || !bytes.Equal(opened, packet) {
		t.Errorf("SRTP %x, opened %x, %v", sealed, opened, err)
	}
	compound := bytesOf(t, `81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
		deadbeef deadbeef deadbeef deadbeef deadbeef`)
	want = bytesOf(t, `81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda
		4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4`)
	sealed, sealErr = a.sealRTCP(nil, compound, 0x5d4)
	opened, openErr = a.openRTCP(nil, want, 0x5d4)
	if err := errors.Join(sealErr, openErr); err != nil || !bytes.Equal(sealed, want) || !bytes.Equal(opened, compound) {
		t.Errorf("SRTCP %x, opened %x, %v", sealed, opened, err)
	}
}

// A cipher that the garbage collector took is made again, under the same key and with no index used twice.
func TestRTCPGoesOnAfterAGarbageCollection(t *testing.T) {
	tx, rx := direction(t, gcm)
	rx.Allow(1)
	keys := deriveAll(t, gcm, testKey(gcm), 3)
	for index := range uint32(4) {
		sealed, err := tx.SealRTCP(nil, report(1))
		if want := keys.rtcp(t, report(1), index+1); err != nil || !bytes.Equal(sealed, want) {
			t.Errorf("report %d: %x, %v, want %x", index+1, sealed, err, want)
		}
		if opened, err := rx.OpenRTCP(nil, sealed); err != nil || !bytes.Equal(opened, report(1)) {
			t.Errorf("report %d opens as %x, %v", index+1, opened, err)
		}
		runtime.GC()
		if tx.transform.(*aead).rtcp.Value() != nil {
			t.Error("the cipher of SRTCP is still there")
		}
	}
}

// An authentic packet without encryption, a tag over all of it (RFC 7714, 9.3), is refused: nobody here sends what all can read.
func TestRTCPWithoutEncryptionIsRefused(t *testing.T) {
	_, rx := direction(t, gcm)
	rx.Allow(1)
	k := deriveAll(t, gcm, testKey(gcm), 3)
	index := []byte{0, 0, 0, 1}
	iv := append([]byte{0, 0, 0, 1, 0, 0}, index...) // SSRC, index
	packet := append(report(1), k.gcm(t, iv, nil, append(report(1), index...))...)
	packet = append(packet, index...)
	if opened, err := foreign(t, gcm, testKey(gcm)).DecryptRTCP(nil, packet, nil); err != nil || !bytes.Equal(opened, report(1)) {
		t.Fatalf("the packet is no good: the library opens %x, %v", opened, err)
	}
	if _, err := rx.OpenRTCP(nil, packet); !errors.Is(err, ErrAuth) {
		t.Errorf("%v, want ErrAuth", err)
	}
}

func TestNewAEADWantsKeysOfItsLength(t *testing.T) {
	for name, master := range map[string]masterKey{
		"key of 15 bytes":  {sequence(15), sequence(12)},
		"salt of 14 bytes": {sequence(16), sequence(14)},
		"nothing":          {},
	} {
		if _, err := newAEAD(master); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestHeaderLen(t *testing.T) {
	extended := append(with(rtpPacket(1, 1)[:minRTP], 0, 0x92), 0, 0, 0, 1, 0, 0, 0, 2, 0xbe, 0xde, 0, 1, 0x10, 7, 0, 0)
	for name, c := range map[string]struct {
		packet []byte
		want   int
	}{
		"plain":                 {rtpPacket(1, 1), 12},
		"no payload":            {rtpPacket(1, 1)[:12], 12},
		"cut off":               {rtpPacket(1, 1)[:11], 0},
		"nothing":               {nil, 0},
		"version 1":             {with(rtpPacket(1, 1), 0, 0x40), 0},
		"CSRCs and extension":   {extended, 28},
		"and a payload":         {append(bytes.Clone(extended), 1, 2, 3), 28},
		"extension cut off":     {extended[:27], 0},
		"extension's head gone": {extended[:23], 0},
		"CSRCs cut off":         {extended[:19], 0},
	} {
		if got := headerLen(c.packet); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
