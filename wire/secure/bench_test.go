package secure

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"
)

// voicePacket is an RTP packet of 80 bytes of Opus: 92 bytes.
func voicePacket() []byte { return slices.Concat(rtpPacket(1, 0)[:minRTP], make([]byte, 80)) }

// BenchmarkGCM is what the cipher alone costs, to be taken off the others.
func BenchmarkGCM(b *testing.B) {
	a, err := newGCM(sessionKey{})
	if err != nil {
		b.Fatal(err)
	}
	packet, nonce, dst := voicePacket(), make([]byte, saltLen), make([]byte, 0, 1200)
	for b.Loop() {
		a.Seal(append(dst, packet[:minRTP]...), nonce, packet[minRTP:], packet[:minRTP])
	}
}

func BenchmarkSealRTP(b *testing.B) {
	for _, profile := range profiles {
		b.Run(profile.String(), func(b *testing.B) {
			tx, _ := direction(b, profile)
			packet, dst := voicePacket(), make([]byte, 0, 1200)
			b.ReportAllocs()
			for index := uint64(0); b.Loop(); index++ {
				binary.BigEndian.PutUint16(packet[2:], uint16(index))
				if _, err := tx.SealRTP(dst, packet, index); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFanOut seals every packet for 1000 receivers with keys of their own; an op is one receiver's.
func BenchmarkFanOut(b *testing.B) {
	var streams [1000]*TxStream
	for i := range streams {
		tx, _ := direction(b, gcm)
		streams[i] = tx.Stream(1)
	}
	packet, dst := voicePacket(), make([]byte, 0, 1200)
	b.ReportAllocs()
	for i := uint64(0); b.Loop(); i++ {
		index := i / uint64(len(streams))
		binary.BigEndian.PutUint16(packet[2:], uint16(index))
		if _, err := streams[i%uint64(len(streams))].Seal(dst, packet, index); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenRTP(b *testing.B) {
	for _, profile := range profiles {
		b.Run(profile.String(), func(b *testing.B) {
			tx, rx := direction(b, profile)
			rx.Allow(1)
			var sealed [WindowRTP][]byte
			packet := voicePacket()
			for i := range sealed {
				binary.BigEndian.PutUint16(packet[2:], uint16(i))
				var err error
				if sealed[i], err = tx.SealRTP(nil, packet, uint64(i)); err != nil {
					b.Fatal(err)
				}
			}
			from, _ := rx.sources.find(1)
			dst := make([]byte, 0, 1200)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%len(sealed) == 0 {
					*from = source{allowed: true} // all can come again
				}
				if _, err := rx.OpenRTP(dst, sealed[i%len(sealed)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRTCP(b *testing.B) {
	tx, rx := direction(b, gcm)
	rx.Allow(1)
	packet, sealed, opened := report(1), make([]byte, 0, 1200), make([]byte, 0, 1200)
	b.ReportAllocs()
	for b.Loop() {
		out, err := tx.SealRTCP(sealed, packet)
		if err == nil {
			_, err = rx.OpenRTCP(opened, out)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenForged(b *testing.B) {
	tx, rx := direction(b, gcm)
	rx.Allow(1)
	sealed := mustSeal(b, tx, 1, 1)
	wantOpen(b, rx, sealed, rtpPacket(1, 1))
	sealed[3] = 2
	dst := make([]byte, 0, 1200)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rx.OpenRTP(dst, sealed); !errors.Is(err, ErrAuth) {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenReplayed(b *testing.B) {
	tx, rx := direction(b, gcm)
	rx.Allow(1)
	sealed := mustSeal(b, tx, 1, 1)
	wantOpen(b, rx, sealed, rtpPacket(1, 1))
	dst := make([]byte, 0, 1200)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rx.OpenRTP(dst, sealed); !errors.Is(err, ErrReplayed) {
			b.Fatal(err)
		}
	}
}
