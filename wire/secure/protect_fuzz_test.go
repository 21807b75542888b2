package secure

import (
	"bytes"
	"testing"
)

// fuzzOpen holds that nothing opens but what was sealed, whatever arrives before it.
func fuzzOpen(f *testing.F, rtcp bool) {
	f.Helper()
	seal := func(tx *Tx) [][]byte {
		var out [][]byte
		for i := range uint64(3) {
			sealed, err := tx.SealRTP(nil, rtpPacket(1, i), i)
			if rtcp {
				sealed, err = tx.SealRTCP(nil, report(1))
			}
			if err != nil {
				f.Fatal(err)
			}
			out = append(out, sealed)
		}
		return out
	}
	seedTx, _ := direction(f, profiles[0])
	for _, sealed := range seal(seedTx) {
		f.Add(sealed, false)
	}
	seedTx, _ = direction(f, profiles[1])
	for _, sealed := range seal(seedTx) {
		f.Add(sealed, true)
	}
	f.Fuzz(func(t *testing.T, packet []byte, second bool) {
		profile := profiles[0]
		if second {
			profile = profiles[1]
		}
		tx, rx := direction(t, profile)
		rx.Allow(1)
		open := rx.OpenRTP
		if rtcp {
			open = rx.OpenRTCP
		}
		genuine := seal(tx)
		_, err := open(nil, packet)
		known := -1
		for i, sealed := range genuine {
			if bytes.Equal(sealed, packet) {
				known = i
			}
		}
		if (err == nil) != (known >= 0) {
			t.Fatalf("%x: %v", packet, err)
		}
		for i, sealed := range genuine {
			if _, err := open(nil, sealed); (err == nil) != (i != known) {
				t.Errorf("genuine packet %d after %x: %v", i, packet, err)
			}
		}
	})
}

func FuzzOpenRTP(f *testing.F)  { fuzzOpen(f, false) }
func FuzzOpenRTCP(f *testing.F) { fuzzOpen(f, true) }
