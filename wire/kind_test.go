package wire

import (
	"bytes"
	"errors"
	"testing"
)

func TestKindOf(t *testing.T) {
	pad := func(n int, first ...byte) []byte { return append(first, make([]byte, n-len(first))...) }
	for name, c := range map[string]struct {
		in   []byte
		want Kind
	}{
		"empty":                 {nil, KindUnknown},
		"binding request":       {pad(20, 0x00, 0x01), KindSTUN},
		"short STUN":            {pad(19, 0x00, 0x01), KindUnknown},
		"last STUN byte":        {pad(20, 3), KindSTUN},
		"first after STUN":      {pad(20, 4), KindUnknown},
		"ClientHello record":    {pad(60, 22, 0xfe, 0xff), KindDTLS},
		"first DTLS byte":       {pad(13, 20), KindDTLS},
		"short DTLS":            {pad(12, 20), KindUnknown},
		"last DTLS byte":        {pad(13, 63), KindDTLS},
		"TURN channel":          {pad(20, 64), KindUnknown},
		"last before RTP":       {pad(20, 127), KindUnknown},
		"RTP PT 111 marker":     {pad(40, 0x80, 0x80|111), KindRTP},
		"RTP PT 100":            {pad(40, 0x80, 100), KindRTP},
		"short RTP":             {pad(11, 0x80, 100), KindUnknown},
		"RTCP RR":               {pad(8, 0x80, 201), KindRTCP},
		"RTCP feedback":         {pad(12, 0x8b, 205), KindRTCP},
		"last RTCP type":        {pad(12, 0x80, 223), KindRTCP},
		"RTP after RTCP types":  {pad(12, 0x80, 224), KindRTP},
		"first after RTP":       {pad(40, 192), KindUnknown},
		"as long as may be":     {pad(MaxDatagram, 0x80), KindRTP},
		"one byte longer":       {pad(MaxDatagram+1, 0x80), KindUnknown},
		"QUIC long header byte": {pad(1200, 0xc3), KindUnknown},
	} {
		if got := KindOf(c.in); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestPayloadTypesAndLead(t *testing.T) {
	for pt := range 256 {
		hz, ok := ClockRate(uint8(pt))
		want := map[int]int{PayloadPCMU: 8000, PayloadPCMA: 8000, PayloadL16: 48000, PayloadOpus: 48000}[pt]
		if hz != want || ok != (want > 0) {
			t.Errorf("payload type %d: %d Hz, %v", pt, hz, ok)
		}
	}
	for delay, want := range map[int]int{0: 0, 1: 0, 500: 375, 2000: 1500, 60_000: 1500} {
		if got := Lead(millis(delay)); got != millis(want) {
			t.Errorf("lead of a %d ms room is %v, want %d ms", delay, got, want)
		}
	}
}

// The feedback packets to the byte.
func TestGoldenFeedback(t *testing.T) {
	nack, err := AppendNack(nil, SSRCPeer, 0x00aabbcc, []uint16{1000, 1001, 1003, 1020})
	if err != nil {
		t.Fatal(err)
	}
	bye, err := AppendBye(nil, SSRCDaemon, ByeLeft)
	if err != nil {
		t.Fatal(err)
	}
	rr, err := AppendReceiverReport(nil, SSRCDaemon, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ got, want []byte }{
		"NACK": {nack, []byte{
			0x81, 205, 0x00, 0x04, // V=2, FMT 1 (generic NACK), RTPFB, 5 words
			0x00, 0x00, 0x00, 0x01, // sender: the peer
			0x00, 0xaa, 0xbb, 0xcc, // media
			0x03, 0xe8, 0x00, 0x05, // 1000, and 1001 and 1003 by the mask
			0x03, 0xfc, 0x00, 0x00, // 1020
		}},
		"BYE": {bye, []byte{
			0x81, 203, 0x00, 0x03, // V=2, one source, 4 words
			0x00, 0x00, 0x00, 0x02, // the daemon
			4, 'l', 'e', 'f', 't', 0, 0, 0, // reason, padded to a word
		}},
		"RR": {rr, []byte{0x80, 201, 0x00, 0x01, 0x00, 0x00, 0x00, 0x02}},
	} {
		if !bytes.Equal(c.got, c.want) {
			t.Errorf("%s:\n got % x\nwant % x", name, c.got, c.want)
		}
	}
}

func TestNackIsBounded(t *testing.T) {
	var lost []uint16
	for i := range 1000 {
		lost = append(lost, uint16(i*20)) // each in a pair of its own
	}
	b, err := AppendNack(nil, SSRCPeer, 99999, lost)
	if err != nil || len(b) != 12+4*maxNackPairs {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// Kinds that are not used are skipped unread: from this packet of 40 bytes 65535 symbols would unfold.
func TestUnusedFeedbackIsSkipped(t *testing.T) {
	twcc := make([]byte, 40)
	copy(twcc, []byte{0x8f, 205, 0, 9})
	twcc[14], twcc[15] = 0xff, 0xff
	nack, err := AppendNack(twcc, 1, 2, []uint16{3})
	if err != nil {
		t.Fatal(err)
	}
	packets, err := ParseRTCP(nack)
	if err != nil || len(packets) != 1 || packets[0].DestinationSSRC()[0] != 2 {
		t.Errorf("%v, %v", packets, err)
	}
	for name, bad := range map[string][]byte{
		"cut header": nack[:3], "cut body": nack[:len(nack)-1], "version": append([]byte{0x40}, nack[1:]...),
	} {
		if _, err := ParseRTCP(bad); !errors.Is(err, ErrFeedback) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseRTCP(f *testing.F) {
	b, err := AppendNack(nil, 1, 2, []uint16{3, 9})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	b, _ = AppendBye(nil, 1, "x")
	f.Add(b)
	f.Fuzz(func(_ *testing.T, b []byte) {
		packets, err := ParseRTCP(b)
		if err != nil && packets != nil {
			panic("packets of a malformed compound")
		}
	})
}
