package stream

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"yodel/wire"
)

// script drives one stream against a test that plays the other side: send, advance, ack, then want.
type script struct {
	t    *testing.T
	s    *Stream
	now  time.Time
	sent []packet // not wanted yet
}

// packet is what a test looks at of a sent message packet.
type packet struct {
	seq      uint16
	distance int
	messages []int
}

func newScript(t *testing.T, cfg Config) *script {
	t.Helper()
	cfg.Local, cfg.Remote = 1, 2
	return &script{t: t, s: New(cfg, t0), now: t0}
}

func (x *script) flush() {
	x.t.Helper()
	for {
		out, kind, _ := x.s.AppendPacket(x.now, nil)
		switch kind {
		case None:
			return
		case RTCP:
			x.t.Fatal("unexpected report")
		case RTP:
			x.sent = append(x.sent, parsePacket(x.t, out))
		}
	}
}

func parsePacket(t *testing.T, datagram []byte) packet {
	t.Helper()
	var h rtp.Header
	size, err := h.Unmarshal(datagram)
	if err != nil {
		t.Fatal(err)
	}
	if h.PayloadType != 100 || h.SSRC != 1 || h.Marker || h.Padding || h.Extension {
		t.Fatalf("header %+v", h)
	}
	payload, err := wire.ParseMessagePayload(datagram[size:])
	if err != nil {
		t.Fatal(err)
	}
	p := packet{seq: h.SequenceNumber, distance: payload.Distance}
	for c, ok := payload.Next(); ok; c, ok = payload.Next() {
		p.messages = append(p.messages, int(c.Message))
	}
	return p
}

// send sends messages of 1000 bytes, each a packet of its own if the window allows.
func (x *script) send(count int) {
	x.t.Helper()
	for range count {
		if err := x.s.Send(make([]byte, 1000)); err != nil {
			x.t.Fatal(err)
		}
	}
	x.flush()
}

// advance lets time pass, deadline by deadline.
func (x *script) advance(d time.Duration) {
	x.t.Helper()
	end := x.now.Add(d)
	for deadline := x.s.Deadline(); !deadline.IsZero() && !deadline.After(end); deadline = x.s.Deadline() {
		x.now = later(x.now, deadline)
		x.s.Advance(x.now)
		x.flush()
	}
	x.now = end
}

// ack reports the packets from begin on: '1' arrived, '.' did not.
func (x *script) ack(begin uint16, arrived string) error {
	x.t.Helper()
	block := rtcp.CCFeedbackReportBlock{MediaSSRC: 1, BeginSequence: begin}
	for _, c := range arrived {
		block.MetricBlocks = append(block.MetricBlocks, rtcp.CCFeedbackMetricBlock{Received: c == '1'})
	}
	err := x.s.HandleReport(x.now, &rtcp.CCFeedbackReport{SenderSSRC: 2, ReportBlocks: []rtcp.CCFeedbackReportBlock{block}})
	x.flush()
	return err
}

func (x *script) mustAck(begin uint16, arrived string) {
	x.t.Helper()
	if err := x.ack(begin, arrived); err != nil {
		x.t.Fatal(err)
	}
}

// want is all that was sent since the last want.
func (x *script) want(packets ...packet) {
	x.t.Helper()
	if !slices.EqualFunc(x.sent, packets, func(a, b packet) bool {
		return a.seq == b.seq && a.distance == b.distance && slices.Equal(a.messages, b.messages)
	}) {
		x.t.Fatalf("at %v: sent %v, want %v", x.now.Sub(t0), x.sent, packets)
	}
	x.sent = nil
}

func (x *script) wantDeadline(d time.Duration) {
	x.t.Helper()
	if got := x.s.Deadline().Sub(x.now); got != d {
		x.t.Fatalf("at %v: deadline in %v, want %v", x.now.Sub(t0), got, d)
	}
}

const rtt100 = 100 * time.Millisecond

// warm gives the stream an RTT of exactly 100 ms, with packets 0 … 9.
func (x *script) warm() {
	x.t.Helper()
	for i := range uint16(10) {
		x.send(1)
		x.advance(rtt100)
		x.mustAck(i, "1")
		x.want(packet{seq: i, messages: []int{int(i)}})
	}
	if smoothed, least := x.s.RTT(); smoothed != rtt100 || least != rtt100 {
		x.t.Fatalf("RTT %v, least %v", smoothed, least)
	}
}

// RFC 9002, 6.1.1
func TestPacketThreshold(t *testing.T) {
	x := newScript(t, Config{})
	x.warm()
	x.send(4) // 10 to 13
	x.want(packet{10, 0, []int{10}}, packet{11, 1, []int{11}}, packet{12, 2, []int{12}}, packet{13, 3, []int{13}})
	x.advance(rtt100)
	x.mustAck(10, ".11")
	x.want()
	x.mustAck(10, ".111")
	x.want(packet{14, 4, []int{10}})
	if s := x.s.Stats(); s.PacketsLost != 1 || s.ChunksResent != 1 {
		t.Errorf("%+v", s)
	}
}

// RFC 9002, 6.1.2
func TestTimeThreshold(t *testing.T) {
	x := newScript(t, Config{})
	x.warm()
	x.send(2) // 10, 11
	x.want(packet{10, 0, []int{10}}, packet{11, 1, []int{11}})
	x.advance(rtt100)
	x.mustAck(10, ".1")
	x.wantDeadline(rtt100 / 8)
	x.advance(rtt100/8 - 1)
	x.want()
	x.advance(1)
	x.want(packet{12, 2, []int{10}})
}

func TestSpuriousLoss(t *testing.T) {
	x := newScript(t, Config{})
	x.warm()
	x.send(4)
	x.advance(rtt100)
	x.mustAck(10, ".111")
	window := x.s.Stats().WindowBytes
	x.sent = nil
	x.mustAck(10, "1111")
	x.want()
	if s := x.s.Stats(); s.Spurious != 1 || s.WindowBytes < window {
		t.Errorf("%+v, the window was %d", s, window)
	}
	if !x.s.Idle() {
		t.Error("not idle, though the message arrived")
	}
}

// RFC 9002, 6.2: probes, backoff, its cap, and the reset.
func TestProbes(t *testing.T) {
	x := newScript(t, Config{})
	x.warm()
	x.send(1)
	x.want(packet{10, 0, []int{10}})
	pto := x.s.Deadline().Sub(x.now)
	if pto < rtt100+maxAckDelay+granularity || pto > 2*rtt100 {
		t.Fatalf("probe timeout %v", pto)
	}
	x.advance(pto)
	x.want(packet{11, 1, []int{10}}, packet{12, 2, []int{10}})
	x.wantDeadline(2 * pto)
	seq := uint16(13)
	for wait := 2 * pto; x.now.Sub(t0) < 20*time.Second; wait = min(2*wait, maxProbeTimeout) {
		x.wantDeadline(wait)
		x.advance(wait)
		x.want(packet{seq, int(seq - 10), []int{10}}, packet{seq + 1, int(seq - 9), []int{10}})
		seq += 2
	}
	x.mustAck(10, "1")
	if !x.s.Idle() {
		t.Error("not idle")
	}
	x.send(1)
	x.want(packet{seq, 0, []int{11}}) // it waits for no probe any more
	if d := x.s.Deadline().Sub(x.now); d > maxProbeTimeout {
		t.Errorf("the next probe is in %v", d)
	}
}

func TestInitialRTT(t *testing.T) {
	x := newScript(t, Config{})
	x.send(1)
	x.wantDeadline(333*time.Millisecond + 4*333*time.Millisecond/2 + maxAckDelay) // RFC 9002, 6.2.2
}

// A probe brings the oldest outstanding message even when the window is full of others.
func TestProbeCarriesTheOldest(t *testing.T) {
	x := newScript(t, Config{})
	x.send(50)
	if n := len(x.sent); n != 18 { // 18 × 1036 bytes of datagrams, and 1200 more would not fit into 16 × 1200
		t.Fatalf("%d packets in the first window", n)
	}
	x.sent = nil
	x.advance(1100 * time.Millisecond)
	x.want(packet{18, 18, []int{0}}, packet{19, 19, []int{0}})
}

func TestWindow(t *testing.T) {
	x := newScript(t, Config{})
	x.warm()
	if w := x.s.Stats().WindowBytes; w != floorWindow {
		t.Errorf("a window of %d grew though it was never full", w)
	}
	x.send(1000)
	x.sent = nil
	for range 6 { // slow start doubles it each round trip
		before, end := x.s.Stats().WindowBytes, x.s.sent.end()
		x.advance(rtt100)
		x.mustAck(uint16(x.s.sent.first), all(end-x.s.sent.first))
		if after := x.s.Stats().WindowBytes; after < before*17/10 && x.s.Queued() > 0 && x.s.sent.n < 300 {
			t.Errorf("window %d after %d", after, before)
		}
	}
}

func all(n int64) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = '1'
	}
	return string(b)
}

// Loss halves the window once a round trip, not below the floor.
func TestRecovery(t *testing.T) {
	x := newScript(t, Config{})
	x.warm()
	x.s.reno.window = 100_000
	x.send(60)
	x.advance(rtt100)
	x.mustAck(10, "..1111.1.111")
	if w := x.s.Stats().WindowBytes; w != 50_000 {
		t.Errorf("window %d, want half of 100000", w)
	}
	x.mustAck(10, all(100)[:x.s.sent.end()-10])
	x.s.reno.window = floorWindow
	x.sent = nil
	x.send(18)
	x.advance(rtt100)
	x.mustAck(x.sent[0].seq, "....11111111")
	if w := x.s.Stats().WindowBytes; w != floorWindow {
		t.Errorf("window %d, want the floor %d", w, floorWindow)
	}
}

// The floor goes when the round-trip time tells of a queue.
func TestNoFloorWithAQueue(t *testing.T) {
	var r rtt
	r.init()
	var c reno
	for range 20 {
		r.sample(t0, 30*time.Millisecond, 0)
	}
	if got := c.floor(&r); got != floorWindow {
		t.Errorf("floor %d without a queue", got)
	}
	for range 30 {
		r.sample(t0, 200*time.Millisecond, 0)
	}
	if got := c.floor(&r); got != minWindow {
		t.Errorf("floor %d at RTT %v, least %v", got, r.smoothed, r.least)
	}
}

// RFC 9002, 7.6: everything was lost for three probe timeouts.
func TestPersistentCongestion(t *testing.T) {
	x := newScript(t, Config{})
	x.warm()
	x.send(1)
	x.advance(5 * time.Second) // 10 and its probes
	x.sent = nil
	x.send(1)
	next := x.sent[0].seq
	x.advance(rtt100)
	x.mustAck(10, string(slices.Repeat([]byte{'.'}, int(next-10)))+"1")
	if w := x.s.Stats().WindowBytes; w != minWindow {
		t.Errorf("window %d, want %d", w, minWindow)
	}
	x.advance(time.Millisecond)
	x.sent = nil
	x.send(20)
	x.advance(rtt100)
	x.mustAck(x.sent[0].seq, "1")
	if w := x.s.Stats().WindowBytes; w != floorWindow {
		t.Errorf("window %d after a packet arrived, want the floor %d", w, floorWindow)
	}
}

// From the oldest that is waited for to the newest there are never more packets than a report can tell of.
func TestAtMostMaxInFlight(t *testing.T) {
	x := newScript(t, Config{FirstSeq: 1<<16 - 200})
	x.s.reno.window = 1 << 30
	x.send(600)
	if n := len(x.sent); n != wire.MaxInFlight {
		t.Fatalf("%d packets without a report", n)
	}
	x.sent = nil
	x.advance(10 * time.Second) // probes push out the oldest
	for _, p := range x.sent {
		if p.distance >= wire.MaxInFlight {
			t.Errorf("packet %d: distance %d", p.seq, p.distance)
		}
	}
	if err := x.ack(uint16(x.s.sent.first), all(int64(x.s.sent.n))); err != nil {
		t.Fatal(err)
	}
	x.advance(time.Second)
	x.mustAck(uint16(x.s.sent.first), all(int64(x.s.sent.n)))
	if !x.s.Idle() {
		t.Errorf("%d bytes are not acknowledged", x.s.Queued())
	}
}

func TestReportsThatAreIgnored(t *testing.T) {
	x := newScript(t, Config{FirstSeq: 100})
	x.send(3)
	for _, test := range []struct {
		name   string
		report rtcp.CCFeedbackReport
		want   error
	}{
		{"never sent", report(2, 1, 100, 4), ErrUnsent},
		{"far ahead", report(2, 1, 20000, 1), ErrUnsent},
		{"other stream", report(2, 7, 100, 1), ErrForeign},
		{"other sender", report(3, 1, 100, 1), ErrForeign},
		{"too long", report(2, 1, 100, wire.MaxInFlight+1), wire.ErrFeedback},
		{"no block", rtcp.CCFeedbackReport{SenderSSRC: 2}, wire.ErrFeedback},
	} {
		if err := x.s.HandleReport(x.now, &test.report); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if s := x.s.Stats(); s.Refused != 6 || x.s.Queued() != 3000 {
		t.Errorf("%+v, %d bytes queued", s, x.s.Queued())
	}
	x.mustAck(60000, all(5)) // long ago: nothing new
	x.mustAck(98, "1111.")   // with two from before the first and one that was never sent nor received
	if got := x.s.Queued(); got != 1000 {
		t.Errorf("%d bytes queued, want 1000", got)
	}
}

func report(sender, media uint32, begin uint16, count int) rtcp.CCFeedbackReport {
	metrics := make([]rtcp.CCFeedbackMetricBlock, count)
	for i := range metrics {
		metrics[i].Received = true
	}
	return rtcp.CCFeedbackReport{SenderSSRC: sender, ReportBlocks: []rtcp.CCFeedbackReportBlock{
		{MediaSSRC: media, BeginSequence: begin, MetricBlocks: metrics},
	}}
}
