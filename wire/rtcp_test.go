package wire

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"
)

// The sender report to the byte, read back out of a compound packet.
func TestSenderReport(t *testing.T) {
	sr := &rtcp.SenderReport{
		SSRC: 0x00aabbcc, NTPTime: 0x1122334455667788, RTPTime: 0x01020304, PacketCount: 5, OctetCount: 800,
		Reports: []rtcp.ReceptionReport{{SSRC: 0x00ddeeff, FractionLost: 64, TotalLost: 9, LastSequenceNumber: 0x00010002, Jitter: 3, LastSenderReport: 0x33445566, Delay: 7}},
	}
	got, err := AppendSenderReport([]byte{0xff}, sr)
	if err != nil {
		t.Fatal(err)
	}
	want := []byte{
		0xff,                  // what was there
		0x81, 200, 0x00, 0x0c, // V=2, one block, SR, 12 words
		0x00, 0xaa, 0xbb, 0xcc, // sender
		0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, // NTP timestamp
		0x01, 0x02, 0x03, 0x04, // RTP timestamp
		0x00, 0x00, 0x00, 0x05, // packets
		0x00, 0x00, 0x03, 0x20, // octets
		0x00, 0xdd, 0xee, 0xff, // block about
		64, 0x00, 0x00, 0x09, // fraction and number lost
		0x00, 0x01, 0x00, 0x02, // extended highest
		0x00, 0x00, 0x00, 0x03, // jitter
		0x33, 0x44, 0x55, 0x66, // last SR
		0x00, 0x00, 0x00, 0x07, // delay since
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
	packets, err := ParseRTCP(got[1:])
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]rtcp.Packet{sr}, packets); d != "" {
		t.Error(d)
	}
}

// A peer's report is never so short that a hint could not answer it, and its filling is no matter to who reads it.
func TestPeerReport(t *testing.T) {
	for n := range 4 {
		blocks := make([]rtcp.ReceptionReport, n)
		for i := range blocks {
			blocks[i] = rtcp.ReceptionReport{SSRC: uint32(i + 1), LastSequenceNumber: 7}
		}
		b, err := AppendReceiverReport(nil, SSRCPeer, blocks)
		if err != nil {
			t.Fatal(err)
		}
		if want := max(MinReport, 8+24*n); len(b) != want || int(binary.BigEndian.Uint16(b[2:])+1)*4 != want {
			t.Errorf("%d blocks: %d bytes, want %d", n, len(b), want)
		}
		b, err = AppendBye(b, SSRCPeer, ByeLeft)
		if err != nil {
			t.Fatal(err)
		}
		packets, err := ParseRTCP(b)
		if err != nil || len(packets) != 2 {
			t.Fatalf("%d packets, %v", len(packets), err)
		}
		rr, ok := packets[0].(*rtcp.ReceiverReport)
		if !ok || rr.SSRC != SSRCPeer || len(rr.Reports) != n {
			t.Errorf("%d blocks: %+v", n, packets[0])
		}
		if n > 0 {
			if d := cmp.Diff(blocks, rr.Reports); d != "" {
				t.Error(d)
			}
		}
	}
}

func TestNTPTime(t *testing.T) {
	for _, now := range []time.Time{time.Unix(0, 0), time.Unix(1_767_225_600, 999_999_999), time.Unix(1, 500_000_000)} {
		ntp := NTPTime(now)
		if middle := uint32(ntp >> 16); middle != ReportTimestamp(now) {
			t.Errorf("%v: the middle is %08x, want %08x", now, middle, ReportTimestamp(now))
		}
		if seconds := int64(ntp>>32) - ntpOffset; seconds != now.Unix() {
			t.Errorf("%v: second %d", now, seconds)
		}
	}
	if got := uint32(NTPTime(time.Unix(1, 500_000_000))); got != 1<<31 {
		t.Errorf("half a second is %08x", got)
	}
}
