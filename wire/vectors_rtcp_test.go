package wire

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"

	"yodel/wire/internal/vector"
)

type rtcpCase struct {
	Name    string       `json:"name"`
	Hex     vector.Hex   `json:"hex"`
	Refused bool         `json:"refused,omitempty"`
	Packets []rtcpPacket `json:"packets,omitempty"` // those of kinds that are known
}

// rtcpPacket is one packet. Which fields count depends on the kind.
type rtcpPacket struct {
	Kind   string      `json:"kind"`
	Sender uint32      `json:"sender"`
	Media  uint32      `json:"media,omitempty"`
	Lost   []uint16    `json:"lost,omitempty"`
	Reason string      `json:"reason,omitempty"`
	NTP    uint64      `json:"ntp,omitempty"`
	Time   uint32      `json:"rtp_time,omitempty"`
	Count  uint32      `json:"packets,omitempty"`
	Octets uint32      `json:"octets,omitempty"`
	Filled int         `json:"filled,omitempty"` // bytes of 0 as profile-specific extension
	Blocks []rtcpBlock `json:"blocks,omitempty"`
}

type rtcpBlock struct {
	SSRC     uint32 `json:"ssrc"`
	Fraction uint8  `json:"fraction"`
	Lost     uint32 `json:"lost"`
	Highest  uint32 `json:"highest"`
	Jitter   uint32 `json:"jitter"`
	LSR      uint32 `json:"lsr"`
	DLSR     uint32 `json:"dlsr"`
}

// packet is that of the library.
func (p rtcpPacket) packet() rtcp.Packet {
	var blocks []rtcp.ReceptionReport
	for _, b := range p.Blocks {
		blocks = append(blocks, rtcp.ReceptionReport{
			SSRC: b.SSRC, FractionLost: b.Fraction, TotalLost: b.Lost, LastSequenceNumber: b.Highest,
			Jitter: b.Jitter, LastSenderReport: b.LSR, Delay: b.DLSR,
		})
	}
	switch p.Kind {
	case "receiver report":
		return &rtcp.ReceiverReport{SSRC: p.Sender, Reports: blocks, ProfileExtensions: make([]byte, p.Filled)}
	case "sender report":
		return &rtcp.SenderReport{
			SSRC: p.Sender, NTPTime: p.NTP, RTPTime: p.Time, PacketCount: p.Count, OctetCount: p.Octets, Reports: blocks,
		}
	case "NACK":
		return &rtcp.TransportLayerNack{SenderSSRC: p.Sender, MediaSSRC: p.Media, Nacks: rtcp.NackPairsFromSequenceNumbers(p.Lost)}
	case "BYE":
		return &rtcp.Goodbye{Sources: []uint32{p.Sender}, Reason: p.Reason}
	}
	return nil
}

// goldenRTCP was written by hand from RFC 3550, 6.4 and 6.6, and RFC 4585, 6.2.1.
var goldenRTCP = []struct {
	name, hex string
	packets   []rtcpPacket
}{
	{"receiver report", "80c90001 00000002", []rtcpPacket{{Kind: "receiver report", Sender: 2}}},
	{
		"keepalive of a peer", "80c9000d 00000001" + zeros(48),
		[]rtcpPacket{{Kind: "receiver report", Sender: 1, Filled: 48}},
	},
	{
		"receiver report with a block", "81c9000d 00000001 00010000 40000005 00010003 00000010 b7052000 00010000" + zeros(24),
		[]rtcpPacket{{Kind: "receiver report", Sender: 1, Filled: 24, Blocks: []rtcpBlock{{65536, 64, 5, 65539, 16, 0xb7052000, 65536}}}},
	},
	{
		"sender report", "80c80006 00010000 b44db705 20000000 00001e00 00000064 00017700",
		[]rtcpPacket{{Kind: "sender report", Sender: 65536, NTP: 0xb44db705_20000000, Time: 7680, Count: 100, Octets: 96000}},
	},
	{
		"NACK", "81cd0003 00000001 00010000 0007 0005",
		[]rtcpPacket{{Kind: "NACK", Sender: 1, Media: 65536, Lost: []uint16{7, 8, 10}}},
	},
	{
		"NACK over a wrap", "81cd0004 00000002 00010000 ffff 0001 0064 8000",
		[]rtcpPacket{{Kind: "NACK", Sender: 2, Media: 65536, Lost: []uint16{65535, 0, 100, 116}}},
	},
	{"BYE", "81cb0003 00000001 04 6c656674 000000", []rtcpPacket{{Kind: "BYE", Sender: 1, Reason: "left"}}},
	{"BYE without reason", "81cb0001 00000001", []rtcpPacket{{Kind: "BYE", Sender: 1}}},
	{"BYE of three bytes", "81cb0002 00000002 03 627965", []rtcpPacket{{Kind: "BYE", Sender: 2, Reason: "bye"}}},
	{"a kind that is not known between two", "80c90001 00000001 80ca0001 00000000 81cb0001 00000001", []rtcpPacket{
		{Kind: "receiver report", Sender: 1}, {Kind: "BYE", Sender: 1},
	}},
}

var refusedRTCP = []struct{ name, hex string }{
	{"version 1", "40c90001 00000001"},
	{"cut off header", "80c90001 00000001 80c9"},
	{"length beyond the datagram", "80c90002 00000001"},
	{"a block that is missing", "81c90001 00000001"},
	{"NACK without a pair's end", "81cd0002 00000001 00010000 0007"},
	{"reason beyond the packet", "81cb0002 00000001 09 627965"},
}

func zeros(n int) string { return string(bytes.Repeat([]byte("00"), n)) }

func TestVectorsRTCP(t *testing.T) {
	var cases []rtcpCase
	for _, g := range goldenRTCP {
		cases = append(cases, rtcpCase{Name: g.name, Hex: unhex(t, g.hex), Packets: g.packets})
	}
	for _, r := range refusedRTCP {
		cases = append(cases, rtcpCase{Name: r.name, Hex: unhex(t, r.hex), Refused: true})
	}
	for _, c := range vector.Check(t, vectorPath+"rtcp.json", vector.File[rtcpCase]{
		About: "RTCP, before protection; packets are those of kinds that are known, in their order", Cases: cases,
	}) {
		t.Run(c.Name, func(t *testing.T) {
			got, err := ParseRTCP(c.Hex)
			if (err != nil) != c.Refused {
				t.Fatalf("%v", err)
			}
			if c.Refused {
				return
			}
			var want []rtcp.Packet
			var made []byte
			for _, p := range c.Packets {
				packet := p.packet()
				b, err := packet.Marshal()
				if err != nil {
					t.Fatal(err)
				}
				made = append(made, b...)
				read, err := rtcp.Unmarshal(b)
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, read...)
			}
			if len(made) == len(c.Hex) && !bytes.Equal(made, c.Hex) {
				t.Errorf("made %x", made)
			}
			if _, skipped := want[0].(*rtcp.SenderReport); !skipped || len(got) > 0 {
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}
