package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pion/rtcp"
)

// goldenReports are vectors, the first an example of PROTOCOL.md. The bytes were written by hand from RFC 8888, 3.1.
var goldenReports = []struct {
	name   string
	report Report
	hex    []string
}{
	{"three packets over a wrap, the second is missing", Report{
		Sender: 2, Media: 1, Begin: 65535, Timestamp: 0x12345678,
		Metrics: []rtcp.CCFeedbackMetricBlock{
			{Received: true, ArrivalTimeOffset: 512},
			{},
			{Received: true, ArrivalTimeOffset: 25},
		},
	}, []string{
		"8b",       // V=2, P=0, FMT=11
		"cd",       // PT=205
		"0006",     // length: 7 words - 1
		"00000002", // reported by the daemon
		"00000001", // about the peer's stream
		"ffff",     // begin_seq 65535
		"0003",     // num_reports: 65535, 0 and 1
		"8200",     // 65535: received half a second before the timestamp
		"0000",     // 0: missing
		"8019",     // 1: received 25/1024 s before
		"0000",     // padding
		"12345678", // report timestamp
	}},
	{"two packets", Report{
		Sender: 1, Media: 2, Begin: 7, Timestamp: 0xfffefdfc,
		Metrics: []rtcp.CCFeedbackMetricBlock{
			{Received: true, ArrivalTimeOffset: ArrivalOverRange},
			{Received: true, ECN: rtcp.ECNCE, ArrivalTimeOffset: ArrivalUnavailable},
		},
	}, []string{
		"8bcd0005", "00000001", "00000002", "00070002",
		"9ffe", // over range
		"ffff", // congestion experienced, offset unavailable
		"fffefdfc",
	}},
	{"nothing", Report{Sender: 1, Media: 2, Begin: 9, Timestamp: 1}, []string{
		"8bcd0004", "00000001", "00000002", "00090000", "00000001",
	}},
}

func parseReport(b []byte) (Report, error) {
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		return Report{}, err
	}
	p, ok := packets[0].(*rtcp.CCFeedbackReport)
	if len(packets) != 1 || !ok {
		return Report{}, fmt.Errorf("%w: %d packets, the first a %T", ErrFeedback, len(packets), packets[0])
	}
	return ReportFrom(p)
}

// The bytes are those of pion/rtcp, and the longest report fits into a datagram with SRTCP's index and tag.
func TestReportOfEveryLength(t *testing.T) {
	const srtcpOverhead = 20 // RFC 7714, 9: index and GCM tag
	dst := make([]byte, 0, MaxDatagram)
	for n := range MaxInFlight + 1 {
		r := Report{Sender: 1, Media: 2, Begin: 65000, Timestamp: 3}
		for i := range n {
			r.Metrics = append(r.Metrics, rtcp.CCFeedbackMetricBlock{Received: i%3 == 0, ArrivalTimeOffset: uint16(i % 3 * 7)})
			if i%3 != 0 {
				r.Metrics[i] = rtcp.CCFeedbackMetricBlock{}
			}
		}
		got, err := r.Append(dst)
		if err != nil {
			t.Fatal(err)
		}
		if len(got)+srtcpOverhead > MaxDatagram {
			t.Errorf("a report of %d: %d bytes", n, len(got))
		}
		want, err := (&rtcp.CCFeedbackReport{
			SenderSSRC: 1, ReportTimestamp: 3,
			ReportBlocks: []rtcp.CCFeedbackReportBlock{{MediaSSRC: 2, BeginSequence: 65000, MetricBlocks: r.Metrics}},
		}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("a report of %d:\ngot  %x\nwant %x", n, got, want)
		}
	}
}

var refusedReports = []struct{ name, hex string }{
	{"num_reports beyond the packet", "8bcd0004 00000001 00000002 00090010 00000001"},
	{"block cut off", "8bcd0003 00000001 00000002 00000001"},
	{"length beyond the packet", "8bcd0009 00000001 00000002 00090000 00000001"},
	{"no block", "8bcd0002 00000001 00000001"},
	{"two blocks", "8bcd0006 00000001 00000002 00090000 00000002 00090000 00000001"},
}

func TestReportRefused(t *testing.T) {
	long := Report{Metrics: make([]rtcp.CCFeedbackMetricBlock, MaxInFlight+1)}
	if _, err := long.Append(nil); !errors.Is(err, ErrFeedback) {
		t.Errorf("Append of %d metrics: %v", len(long.Metrics), err)
	}
	for _, test := range []struct {
		name   string
		blocks []rtcp.CCFeedbackReportBlock
	}{
		{"no block", nil},
		{"two blocks", make([]rtcp.CCFeedbackReportBlock, 2)},
		{"too many metrics", []rtcp.CCFeedbackReportBlock{{MetricBlocks: long.Metrics}}},
	} {
		if _, err := ReportFrom(&rtcp.CCFeedbackReport{ReportBlocks: test.blocks}); !errors.Is(err, ErrFeedback) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	for _, test := range refusedReports {
		if r, err := parseReport(unhex(t, test.hex)); err == nil {
			t.Errorf("%s: accepted as %+v", test.name, r)
		}
	}
}

func TestArrived(t *testing.T) {
	const tick = time.Second / 1024
	for _, test := range []struct {
		ago  time.Duration
		want uint16
	}{
		{-1, ArrivalUnavailable},
		{0, 0},
		{tick - 1, 0},
		{tick + 1, 1},
		{500 * time.Millisecond, 512}, // the example of RFC 8888, 3.1
		{8189*tick + tick/2, 0x1FFD},
		{8 * time.Second, ArrivalOverRange},
		{time.Hour * 24 * 365, ArrivalOverRange},
	} {
		m := Arrived(test.ago)
		if !m.Received || m.ArrivalTimeOffset != test.want {
			t.Errorf("%v: got %+v, want %#x", test.ago, m, test.want)
		}
		ago, ok := ArrivedAgo(m)
		if ok != (test.want < ArrivalOverRange) || ok && (ago > test.ago || test.ago-ago > tick) {
			t.Errorf("%v came back as %v, %v", test.ago, ago, ok)
		}
	}
	if _, ok := ArrivedAgo(rtcp.CCFeedbackMetricBlock{}); ok {
		t.Error("a missing packet has an arrival")
	}
}

func TestReportTimestamp(t *testing.T) {
	// RFC 3550, 6.4.1, figure 2: "10 Nov 1995 11:33:25.125 UTC" is b44d:b705.2000 0000.
	at := time.Date(1995, 11, 10, 11, 33, 25, 125_000_000, time.UTC)
	if got := ReportTimestamp(at); got != 0xb705_2000 {
		t.Errorf("got %#x, want 0xb7052000", got)
	}
}

func TestReportDoesNotAllocate(t *testing.T) {
	dst := make([]byte, 0, MaxDatagram)
	r := Report{Metrics: make([]rtcp.CCFeedbackMetricBlock, 100)}
	n := testing.AllocsPerRun(100, func() {
		if _, err := r.Append(dst); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations a report", n)
	}
}

func FuzzReport(f *testing.F) {
	for _, g := range goldenReports {
		f.Add(unhex(f, strings.Join(g.hex, "")))
	}
	f.Add(unhex(f, "8bcd0004 00000001 00000002 00090002 80018002")) // the metrics reach into the timestamp
	f.Add(unhex(f, "8bcd0004 00000001 00000002 00090010 00000001"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseReport(b)
		if err != nil {
			return
		}
		again, err := r.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		r2, err := parseReport(again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, r2, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}
