package secure

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/pion/srtp/v3"
)

var profiles = []srtp.ProtectionProfile{srtp.ProtectionProfileAeadAes128Gcm, srtp.ProtectionProfileAes128CmHmacSha1_80}

// testKey is a master key with a salt of the profile's length.
func testKey(profile srtp.ProtectionProfile) masterKey {
	saltLen := 12
	if profile == srtp.ProtectionProfileAes128CmHmacSha1_80 {
		saltLen = 14
	}
	return masterKey{bytes.Repeat([]byte{0x11}, 16), bytes.Repeat([]byte{0x22}, saltLen)}
}

// direction is a Tx and the Rx of the other side.
func direction(tb testing.TB, profile srtp.ProtectionProfile) (*Tx, *Rx) {
	tb.Helper()
	tx, err := newTx(profile, testKey(profile))
	if err != nil {
		tb.Fatal(err)
	}
	rx, err := newRx(profile, testKey(profile))
	if err != nil {
		tb.Fatal(err)
	}
	return tx, rx
}

const testSSRC = 0xabcd0001

// rtpPacket is the packet of a stream at an index: its bytes follow from both, so that it is the same every time.
func rtpPacket(ssrc uint32, index uint64) []byte {
	packet := make([]byte, minRTP, 100)
	packet[0], packet[1] = 0x80, 111
	binary.BigEndian.PutUint16(packet[2:], uint16(index))
	binary.BigEndian.PutUint32(packet[4:], uint32(960*index))
	binary.BigEndian.PutUint32(packet[8:], ssrc)
	return fmt.Appendf(packet, "voice %d of %x", index, ssrc)
}

// report is an RTCP receiver report without blocks.
func report(ssrc uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{0x80, 201, 0, 1}, ssrc)
}

func mustSeal(tb testing.TB, tx *Tx, ssrc uint32, index uint64) []byte {
	tb.Helper()
	sealed, err := tx.SealRTP(nil, rtpPacket(ssrc, index), index)
	if err != nil {
		tb.Fatalf("SealRTP %d: %v", index, err)
	}
	return sealed
}

func wantOpen(tb testing.TB, rx *Rx, sealed, want []byte) {
	tb.Helper()
	opened, err := rx.OpenRTP(nil, sealed)
	if err != nil || !bytes.Equal(opened, want) {
		tb.Errorf("packet %x opens as %x, %v", want, opened, err)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, profile := range profiles {
		t.Run(profile.String(), func(t *testing.T) {
			tx, rx := direction(t, profile)
			rx.Allow(testSSRC)
			prefix := []byte("prefix")
			packet := rtpPacket(testSSRC, 7)
			sealed, err := tx.SealRTP(prefix, packet, 7)
			if err != nil || len(sealed) > len(prefix)+len(packet)+OverheadRTP || !bytes.HasPrefix(sealed, prefix) {
				t.Fatalf("sealed %d bytes of %d, %v", len(sealed)-len(prefix), len(packet), err)
			}
			opened, err := rx.OpenRTP(prefix, sealed[len(prefix):])
			if err != nil || string(opened) != "prefix"+string(packet) {
				t.Errorf("opened %q, %v", opened, err)
			}
			inPlace := make([]byte, len(packet), len(packet)+OverheadRTP)
			copy(inPlace, packet)
			if again, err := tx.SealRTP(inPlace[:0], inPlace, 7); err != nil || !bytes.Equal(again, sealed[len(prefix):]) {
				t.Errorf("a resend in place differs: %x, %v", again, err)
			}

			sealed, err = tx.SealRTCP(prefix, report(testSSRC))
			if err != nil || len(sealed) > len(prefix)+8+OverheadRTCP || !bytes.HasPrefix(sealed, prefix) {
				t.Fatalf("sealed %d bytes of 8, %v", len(sealed)-len(prefix), err)
			}
			opened, err = rx.OpenRTCP(prefix, sealed[len(prefix):])
			if err != nil || string(opened) != "prefix"+string(report(testSSRC)) {
				t.Errorf("opened %q, %v", opened, err)
			}
			if tx.SSRCs() != 1 || tx.Packets() != 3 || rx.SSRCs() != 1 {
				t.Errorf("%d SSRCs, %d packets sent, %d allowed", tx.SSRCs(), tx.Packets(), rx.SSRCs())
			}
		})
	}
}

func TestOverheadIsThatOfTheFirstProfile(t *testing.T) {
	tx, _ := direction(t, profiles[0])
	if sealed := mustSeal(t, tx, 1, 1); len(sealed) != len(rtpPacket(1, 1))+OverheadRTP {
		t.Errorf("RTP grew by %d", len(sealed)-len(rtpPacket(1, 1)))
	}
	if sealed, err := tx.SealRTCP(nil, report(1)); err != nil || len(sealed) != 8+OverheadRTCP {
		t.Errorf("RTCP grew by %d, %v", len(sealed)-8, err)
	}
}

func TestSealRefusesWhatIsNoPacket(t *testing.T) {
	tx, _ := direction(t, profiles[0])
	packet := rtpPacket(1, 5)
	for name, test := range map[string]struct {
		packet []byte
		index  uint64
		want   error
	}{
		"empty":           {nil, 0, ErrMalformed},
		"short":           {packet[:11], 5, ErrMalformed},
		"version 1":       {with(packet, 0, 0x40), 5, ErrMalformed},
		"15 CSRCs":        {with(packet, 0, 0x8f), 5, ErrMalformed},
		"extension":       {with(packet, 0, 0x90), 5, ErrMalformed},
		"another index":   {packet, 6, ErrIndex},
		"the index again": {packet, 5 + 1<<15, ErrIndex},
	} {
		if got, err := tx.SealRTP([]byte("kept"), test.packet, test.index); !errors.Is(err, test.want) || string(got) != "kept" {
			t.Errorf("%s: %q, %v, want %v", name, got, err, test.want)
		}
	}
	for name, packet := range map[string][]byte{"empty": nil, "short": report(1)[:7], "version 1": with(report(1), 0, 0x40)} {
		if got, err := tx.SealRTCP([]byte("kept"), packet); !errors.Is(err, ErrMalformed) || string(got) != "kept" {
			t.Errorf("RTCP %s: %q, %v", name, got, err)
		}
	}
	if tx.SSRCs() != 0 || tx.Packets() != 0 {
		t.Errorf("%d SSRCs and %d packets of nothing", tx.SSRCs(), tx.Packets())
	}
}

func TestOwnershipOfSSRCs(t *testing.T) {
	tx, rx := direction(t, profiles[0])
	first, err := tx.SealRTCP(nil, report(1))
	if err != nil {
		t.Fatal(err)
	}
	sealed := mustSeal(t, tx, 1, 1)
	check := func(when string, want error) {
		t.Helper()
		if _, err := rx.OpenRTP(nil, sealed); !errors.Is(err, want) {
			t.Errorf("%s: RTP %v, want %v", when, err, want)
		}
		if _, err := rx.OpenRTCP(nil, first); !errors.Is(err, want) {
			t.Errorf("%s: RTCP %v, want %v", when, err, want)
		}
	}
	rx.Allow(2)
	rx.Disallow(1) // never allowed: nothing to take back
	check("before Allow", ErrForeignSSRC)
	rx.Allow(1)
	check("after Allow", nil)
	check("twice", ErrReplayed)
	rx.Disallow(1)
	check("after Disallow", ErrForeignSSRC)
	rx.Allow(1)
	check("allowed again", ErrReplayed)
	wantOpen(t, rx, mustSeal(t, tx, 1, 2), rtpPacket(1, 2))
}

func TestForgeriesChangeNothing(t *testing.T) {
	for _, profile := range profiles {
		tx, rx := direction(t, profile)
		rx.Allow(1)
		var sealed [][]byte
		for index := range uint64(3) {
			sealed = append(sealed, mustSeal(t, tx, 1, 40000+index))
		}
		report, err := tx.SealRTCP(nil, report(1))
		if err != nil {
			t.Fatal(err)
		}
		for i, packet := range sealed { // at first nothing of the SSRC is known, then something
			for at := range packet {
				if at >= 8 && at < 12 {
					continue // the SSRC
				}
				forged := with(packet, at, packet[at]^0x10)
				if _, err := rx.OpenRTP(nil, forged); !errors.Is(err, ErrAuth) && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrReplayed) {
					t.Errorf("packet %d with byte %d changed: %v", i, at, err)
				}
			}
			if _, err := rx.OpenRTP(nil, packet[:len(packet)-1]); !errors.Is(err, ErrAuth) {
				t.Errorf("cut off: %v", err)
			}
			wantOpen(t, rx, packet, rtpPacket(1, 40000+uint64(i)))
		}
		for at := 8; at < len(report); at++ {
			if _, err := rx.OpenRTCP(nil, with(report, at, report[at]^1)); !errors.Is(err, ErrAuth) {
				t.Errorf("report with byte %d changed: %v", at, err)
			}
		}
		if _, err := rx.OpenRTCP(nil, report); err != nil {
			t.Error(err)
		}
	}
}

func TestReplayWindows(t *testing.T) {
	tx, rx := direction(t, profiles[0])
	rx.Allow(1)
	var packets, reports [][]byte
	for index := range uint64(WindowRTP + 1) {
		packets = append(packets, mustSeal(t, tx, 1, 100+index))
		sealed, err := tx.SealRTCP(nil, report(1))
		if err != nil {
			t.Fatal(err)
		}
		reports = append(reports, sealed)
	}
	reports = reports[:WindowRTCP+1]
	wantOpen(t, rx, packets[WindowRTP], rtpPacket(1, 100+WindowRTP))
	if _, err := rx.OpenRTP(nil, packets[0]); !errors.Is(err, ErrReplayed) {
		t.Errorf("1024 behind: %v, want ErrReplayed", err)
	}
	wantOpen(t, rx, packets[1], rtpPacket(1, 101))
	for _, again := range []int{1, WindowRTP} {
		if _, err := rx.OpenRTP(nil, packets[again]); !errors.Is(err, ErrReplayed) {
			t.Errorf("packet %d again: %v, want ErrReplayed", again, err)
		}
	}
	for _, step := range []struct {
		report int
		want   error
	}{{WindowRTCP, nil}, {0, ErrReplayed}, {1, nil}, {1, ErrReplayed}, {WindowRTCP, ErrReplayed}} {
		if _, err := rx.OpenRTCP(nil, reports[step.report]); !errors.Is(err, step.want) {
			t.Errorf("report %d: %v, want %v", step.report, err, step.want)
		}
	}
}

func TestStreamWhoseStartIsLostUpToTheWrap(t *testing.T) {
	for _, profile := range profiles {
		tx, rx := direction(t, profile)
		rx.Allow(1)
		mustSeal(t, tx, 1, 65535)                        // lost
		forged := with(mustSeal(t, tx, 1, 65536), 20, 0) // changed
		if _, err := rx.OpenRTP(nil, forged); !errors.Is(err, ErrAuth) {
			t.Errorf("forged: %v", err)
		}
		wantOpen(t, rx, mustSeal(t, tx, 1, 65537), rtpPacket(1, 65537))
		wantOpen(t, rx, mustSeal(t, tx, 1, 65535), rtpPacket(1, 65535)) // sent again, late
		wantOpen(t, rx, mustSeal(t, tx, 1, 65538), rtpPacket(1, 65538))
	}
}

func TestOpenMalformed(t *testing.T) {
	tx, rx := direction(t, profiles[0])
	rx.Allow(1)
	sealed := mustSeal(t, tx, 1, 1)
	csrcs := with(sealed, 0, 0x8f)
	cryptex := append(bytes.Clone(sealed[:12]), 0xc0, 0xde, 0, 0)
	cryptex = append(with(cryptex, 0, 0x90), make([]byte, 30)...)
	for name, packet := range map[string][]byte{
		"empty": nil, "short": sealed[:minRTP+OverheadRTP-1], "version 0": with(sealed, 0, 0), "CSRCs": csrcs[:30], "cryptex": cryptex,
	} {
		if got, err := rx.OpenRTP([]byte("kept"), packet); !errors.Is(err, ErrMalformed) || string(got) != "kept" {
			t.Errorf("%s: %q, %v, want ErrMalformed", name, got, err)
		}
		if got, err := rx.OpenRTCP([]byte("kept"), packet); err == nil || string(got) != "kept" {
			t.Errorf("RTCP %s: %q, %v", name, got, err)
		}
	}
}

func TestNoAllocationPerPacket(t *testing.T) {
	tx, rx := direction(t, profiles[0])
	rx.Allow(1)
	var index uint64
	sealed, opened := make([]byte, 0, 1200), make([]byte, 0, 1200)
	packet := rtpPacket(1, 0)
	step := func() {
		binary.BigEndian.PutUint16(packet[2:], uint16(index))
		out, err := tx.SealRTP(sealed, packet, index)
		if err == nil {
			_, err = rx.OpenRTP(opened, out)
		}
		if err != nil {
			t.Fatal(err)
		}
		index++
	}
	if n := testing.AllocsPerRun(1000, step); n != 0 {
		t.Errorf("%v allocations per RTP packet", n)
	}
	compound := report(1)
	if n := testing.AllocsPerRun(1000, func() {
		out, err := tx.SealRTCP(sealed, compound)
		if err == nil {
			_, err = rx.OpenRTCP(opened, out)
		}
		if err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per RTCP packet sealed and opened", n)
	}
	forged, forgedReport := mustSeal(t, tx, 1, index), append([]byte(nil), compound...)
	forged[3]++
	forgedReport, err := tx.SealRTCP(nil, forgedReport)
	if err != nil {
		t.Fatal(err)
	}
	forgedReport[8]++
	if n := testing.AllocsPerRun(1000, func() {
		_, err := rx.OpenRTP(opened, forged)
		_, reportErr := rx.OpenRTCP(opened, forgedReport)
		if !errors.Is(err, ErrAuth) || !errors.Is(reportErr, ErrAuth) {
			t.Fatal(err, reportErr)
		}
	}); n != 0 {
		t.Errorf("%v allocations per forged packet and report", n)
	}
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := rx.OpenRTP(opened, append(sealed, 0x80, 111, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)); !errors.Is(err, ErrForeignSSRC) {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per foreign packet", n)
	}
}
