package wire

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"
)

const receptionSSRC = 70_000

var receptionStart = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func afterStart(ms int) time.Time { return receptionStart.Add(time.Duration(ms) * time.Millisecond) }

// The numbers of the example in RFC 3550, 6.4.1, figure 2.
func TestReceptionReturnsTheSendersTime(t *testing.T) {
	r := Reception{Clock: 8000}
	r.Received(5, 160, afterStart(0))
	if b := r.Block(afterStart(10), receptionSSRC); b.LastSenderReport != 0 || b.Delay != 0 {
		t.Errorf("without a sender report: %+v", b)
	}
	r.SenderReport(afterStart(1000), 0xb44d_b705_2000_0000)
	b := r.Block(afterStart(6250), receptionSSRC)
	if b.LastSenderReport != 0xb705_2000 || b.Delay != 0x0005_4000 {
		t.Errorf("last sender report %#x, %#x ago", b.LastSenderReport, b.Delay)
	}
}

// The fraction is of the packets since the last report, the total of all (A.3).
func TestReceptionCountsLoss(t *testing.T) {
	r := Reception{Clock: 48000}
	r.Begin(65_530)
	take := func(from, n int, comes func(i int) bool) {
		for i := from; i < from+n; i++ {
			if comes(i) {
				r.Received(uint64(65_530+i), uint32(i*960), afterStart(i*20))
			}
		}
	}
	for _, step := range []struct {
		name     string
		from, n  int
		comes    func(i int) bool
		fraction uint8
		total    uint32
	}{
		{"the first is lost", 0, 4, func(i int) bool { return i > 0 }, 64, 1},
		{"every second one", 4, 256, func(i int) bool { return i%2 == 1 }, 128, 129},
		{"none", 260, 100, func(int) bool { return true }, 0, 129},
		{"all but the last", 360, 100, func(i int) bool { return i == 459 }, 253, 228},
		{"nothing came", 460, 100, func(int) bool { return false }, 0, 228},
		{"three were late", 361, 3, func(int) bool { return true }, 0, 225},
	} {
		take(step.from, step.n, step.comes)
		highest := 65_530 + min(step.from+step.n, 460) - 1
		if step.from == 361 {
			highest = 65_530 + 459
		}
		got := r.Block(afterStart(0), receptionSSRC)
		got.Jitter = 0
		if diff := cmp.Diff(rtcp.ReceptionReport{
			SSRC: receptionSSRC, FractionLost: step.fraction, TotalLost: step.total, LastSequenceNumber: uint32(highest),
		}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
	}
}

// The path has lost what came only because it was asked for, whether that came in time or not.
func TestReceptionReportsLossBeforeRepair(t *testing.T) {
	r := Reception{Clock: 48000}
	for i := range 100 {
		if i%4 == 3 {
			r.Resent(uint64(i))
		} else {
			r.Received(uint64(i), uint32(i*960), afterStart(i*20))
		}
	}
	b := r.Block(afterStart(2000), receptionSSRC)
	if b.FractionLost != 64 || b.TotalLost != 25 || b.LastSequenceNumber != 99 || b.Jitter != 0 {
		t.Errorf("a quarter came again: %+v", b)
	}
	if r.Got() != 100 || r.Repaired() != 25 {
		t.Errorf("%d came, %d of them again", r.Got(), r.Repaired())
	}
}

// What a wrapped timestamp, days of run time and a packet out of order are to the jitter: nothing, nothing, and its distance.
func TestReceptionJitter(t *testing.T) {
	const frame = 20 // ms
	for _, test := range []struct {
		name  string
		clock int
		from  int // ms after the start
		first uint32
		late  func(i int) int // ms
		want  float64         // ms
	}{
		{"even", 48000, 0, 0, func(int) int { return 0 }, 0},
		{"10 ms early and late by turns", 48000, 0, 0, func(i int) int { return i % 2 * 20 }, 20},
		{"over the wrap", 48000, 0, 1<<32 - 100*960, func(i int) int { return i % 2 * 20 }, 20},
		{"after 30 days", 48000, 30 * 24 * 3600 * 1000, 77, func(i int) int { return i % 2 * 20 }, 20},
		{"at 8 kHz", 8000, 0, 1<<32 - 100*160, func(i int) int { return i % 2 * 5 }, 5},
		{"later and later", 48000, 0, 0, func(i int) int { return i }, 1},
	} {
		r := Reception{Clock: test.clock}
		for i := range 1000 {
			timestamp := test.first + uint32(i*frame*test.clock/1000)
			r.Received(uint64(i), timestamp, afterStart(test.from+i*frame+test.late(i)))
		}
		got := float64(r.Block(receptionStart, receptionSSRC).Jitter)
		if want := test.want * float64(test.clock) / 1000; math.Abs(got-want) > 1.5 {
			t.Errorf("%s: jitter %v ticks, want %v", test.name, got, want)
		}
	}
}

// A stream that goes on for hours has the jitter of its last seconds, and a pause of days does no more harm than any packet that is late.
func TestReceptionLastsForDays(t *testing.T) {
	r := Reception{Clock: 48000}
	for i := range 5 * 3600 * 50 { // five hours; the timestamp wraps after one
		r.Received(uint64(i), uint32(1<<32-3600*48_000+i*960), afterStart(i*20))
	}
	if b := r.Block(receptionStart, receptionSSRC); b.Jitter != 0 || b.TotalLost != 0 {
		t.Errorf("after five hours: %+v", b)
	}
	week := 7 * 24 * 3600 * 1000
	for i := range 1000 {
		r.Received(uint64(900_000+i), uint32(week*48+i*960), afterStart(week+i*20))
	}
	if b := r.Block(receptionStart, receptionSSRC); b.Jitter > 48 {
		t.Errorf("20 s after a pause of days: jitter %d ticks", b.Jitter)
	}
}
