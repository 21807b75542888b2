package stream

import (
	"bytes"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"yodel/wire"
)

// listener is one stream that a test sends packets to by hand.
type listener struct {
	t   *testing.T
	s   *Stream
	now time.Time
}

func newListener(t *testing.T) *listener {
	t.Helper()
	return &listener{t, New(Config{Local: 1, Remote: 2}, t0), t0}
}

func payload(distance int, chunks ...wire.Chunk) []byte {
	b := wire.AppendDistance(nil, distance)
	for _, c := range chunks {
		b = wire.AppendChunk(b, c)
	}
	return b
}

func whole(number uint64, text string) wire.Chunk {
	return wire.Chunk{Message: number, Total: len(text), Data: []byte(text)}
}

func (l *listener) hear(seq uint16, payload []byte) error {
	return l.s.HandlePacket(l.now, &rtp.Header{Version: 2, PayloadType: 100, SSRC: 2, SequenceNumber: seq}, payload)
}

func (l *listener) mustHear(seq uint16, payload []byte) {
	l.t.Helper()
	if err := l.hear(seq, payload); err != nil {
		l.t.Fatal(err)
	}
}

// wantReport wants a report now: '1' arrived, '.' did not. With nothing wanted there must be no report.
func (l *listener) wantReport(begin uint16, arrived string) {
	l.t.Helper()
	out, kind, _ := l.s.AppendPacket(l.now, nil)
	if arrived == "" && kind == None {
		return
	}
	if kind != RTCP {
		l.t.Fatalf("no report but kind %d", kind)
	}
	p := parseReport(l.t, out)
	marks := make([]byte, len(p.Metrics))
	for i, m := range p.Metrics {
		marks[i] = map[bool]byte{true: '1', false: '.'}[m.Received]
	}
	got := string(marks)
	if p.Begin != begin || got != arrived || p.Sender != 1 || p.Media != 2 {
		l.t.Fatalf("report from %d %q, want %d %q", p.Begin, got, begin, arrived)
	}
}

func parseReport(t testing.TB, out []byte) wire.Report {
	t.Helper()
	packets, err := wire.ParseRTCP(out)
	if err != nil {
		t.Fatal(err)
	}
	r, err := wire.ReportFrom(packets[0].(*rtcp.CCFeedbackReport))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (l *listener) advance(d time.Duration) {
	l.now = l.now.Add(d)
	l.s.Advance(l.now)
}

func (l *listener) wantMessages(texts ...string) {
	l.t.Helper()
	for _, want := range texts {
		got, ok := l.s.Receive()
		if !ok || string(got) != want {
			l.t.Fatalf("received %q, %v; want %q", got, ok, want)
		}
	}
	if got, ok := l.s.Receive(); ok {
		l.t.Fatalf("received %q too", got)
	}
}

func TestWhenReportsGo(t *testing.T) {
	l := newListener(t)
	l.mustHear(40000, payload(0, whole(0, "a"))) // the first number is taken as it is
	l.wantReport(0, "")
	l.advance(24 * time.Millisecond)
	l.wantReport(0, "")
	l.advance(time.Millisecond)
	l.wantReport(40000, "1") // after 25 ms
	l.mustHear(40001, payload(1, whole(1, "b")))
	l.wantReport(0, "")
	l.mustHear(40002, payload(2, whole(2, "c")))
	l.wantReport(40000, "111") // every second packet
	l.mustHear(40004, payload(1, whole(4, "e")))
	l.wantReport(40003, ".1") // a gap
	l.mustHear(40003, payload(0, whole(3, "d")))
	l.wantReport(40003, "11") // a late one
	l.mustHear(40005, payload(0))
	l.wantReport(40005, "1") // a bare probe
	l.mustHear(40006, payload(1, whole(4, "e")))
	l.wantReport(40005, "11") // nothing new
	l.mustHear(40001, payload(1, whole(1, "b")))
	l.wantReport(0, "") // not waited for
	l.advance(time.Hour / 150)
	l.wantReport(0, "")
	l.wantMessages("a", "b", "c", "d", "e")
}

func TestFirstPacketLost(t *testing.T) {
	l := newListener(t)
	l.mustHear(1, payload(3, whole(1, "b"))) // the sender began at 65534
	l.wantReport(65534, "...1")
	l.wantMessages()
	l.mustHear(65534, payload(0, whole(0, "a")))
	l.wantReport(65534, "1..1")
	l.wantMessages("a", "b")
}

func TestReportTellsTheAckDelay(t *testing.T) {
	l := newListener(t)
	l.mustHear(0, payload(0, whole(0, "a")))
	l.now = l.now.Add(10 * time.Millisecond)
	l.mustHear(1, payload(1, whole(1, "b")))
	out, _, _ := l.s.AppendPacket(l.now, nil)
	r := parseReport(t, out)
	if ago, ok := wire.ArrivedAgo(r.Metrics[0]); !ok || ago < 9*time.Millisecond || ago > 10*time.Millisecond {
		t.Errorf("the first arrived %v ago, %v; want 10 ms", ago, ok)
	}
	if ago, ok := wire.ArrivedAgo(r.Metrics[1]); !ok || ago != 0 {
		t.Errorf("the second arrived %v ago, %v; want 0", ago, ok)
	}
	if r.Timestamp != wire.ReportTimestamp(l.now) {
		t.Errorf("timestamp %#x", r.Timestamp)
	}
}

// Chunks may be cut anywhere, overlap and come in any order.
func TestReassembly(t *testing.T) {
	l := newListener(t)
	text := []byte("a message in several pieces that overlap, sixty-four bytes and more of it")
	part := func(from, to int) wire.Chunk {
		return wire.Chunk{Message: 0, Offset: from, Total: len(text), Data: text[from:to]}
	}
	for i, c := range []wire.Chunk{part(60, 66), part(0, 1), part(3, 40), part(62, len(text)), part(1, 5), part(39, 59)} {
		l.mustHear(uint16(i), payload(0, c))
		l.wantMessages()
	}
	l.mustHear(6, payload(0, part(59, 61)))
	l.wantMessages(string(text))
}

func TestMessageIsTheCallers(t *testing.T) {
	l := newListener(t)
	b := payload(0, whole(0, "abc"))
	l.mustHear(0, b)
	clear(b)
	l.wantMessages("abc")
}

func TestPacketsThatAreRefused(t *testing.T) {
	l := newListener(t)
	l.mustHear(0, payload(0, wire.Chunk{Message: 1, Total: 3, Data: []byte("x")}))
	for _, test := range []struct {
		name string
		b    []byte
		want error
	}{
		{"empty", nil, wire.ErrPayload},
		{"absurd distance", []byte{0x42, 0}, wire.ErrPayload},
		{"length changed", payload(0, wire.Chunk{Message: 1, Offset: 1, Total: 4, Data: []byte("y")}), ErrTotal},
		{"too far ahead", payload(0, whole(sendWindow, "z")), ErrWindow},
		{"absurdly far ahead", payload(0, whole(1<<62-1, "z")), ErrWindow},
	} {
		if err := l.hear(1, test.b); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	for _, h := range []rtp.Header{{SSRC: 3, PayloadType: 100}, {SSRC: 2, PayloadType: 111}} {
		if err := l.s.HandlePacket(l.now, &h, payload(0)); !errors.Is(err, ErrForeign) {
			t.Errorf("%+v: %v", h, err)
		}
	}
	if got := l.s.Stats().Refused; got != 7 {
		t.Errorf("%d refused, want 7", got)
	}
	l.advance(maxAckDelay)
	l.wantReport(0, "1") // none of them is acknowledged
	l.mustHear(1, payload(0, whole(sendWindow-1, "z")))
}

func TestNumbersThatJump(t *testing.T) {
	l := newListener(t)
	for i, seq := range []uint16{0, 30000, 60000, 20000, 50000, 10} { // twice around, always ahead
		l.mustHear(seq, payload(511, whole(uint64(i), "x")))
		l.wantReport(seq-511, string(bytes.Repeat([]byte{'.'}, 511))+"1")
	}
	if len(l.s.acks.arrivals.slots) > wire.MaxInFlight {
		t.Errorf("%d slots", len(l.s.acks.arrivals.slots))
	}
}

// Whatever comes, what is held stays within bounds, and what would go beyond is not acknowledged.
func TestFloodIsBounded(t *testing.T) {
	for _, test := range []struct {
		name  string
		chunk func(i int) wire.Chunk
	}{
		{"first bytes of long messages", func(i int) wire.Chunk {
			return wire.Chunk{Message: uint64(i%sendWindow + 1), Total: wire.MaxMessage, Data: []byte("x")}
		}},
		{"empty messages", func(i int) wire.Chunk { return wire.Chunk{Message: uint64(i%(sendWindow-1) + 1)} }},
		{"messages in order that nobody takes", func(i int) wire.Chunk { return whole(uint64(i), "hello") }},
		{"single bytes apart", func(i int) wire.Chunk {
			return wire.Chunk{Message: uint64(1 + i/30000), Offset: 2 * (i % 30000), Total: wire.MaxMessage, Data: []byte("x")}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newListener(t)
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for i := range 60_000 {
				if err := l.hear(uint16(i), payload(0, test.chunk(i))); err != nil && !errors.Is(err, ErrFull) && !errors.Is(err, ErrWindow) {
					t.Fatal(err)
				}
				if l.s.in.held > MaxHeld {
					t.Fatalf("%d bytes held", l.s.in.held)
				}
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > MaxHeld*3/2 {
				t.Errorf("%d bytes of heap", grown)
			}
			runtime.KeepAlive(l)
		})
	}
}

// A full stream still takes the next message, and says that it is alive.
func TestFullTakesTheNextMessage(t *testing.T) {
	l := newListener(t)
	l.mustHear(0, payload(0))
	l.wantReport(0, "1")
	big := make([]byte, wire.MaxMessage)
	number := uint64(1)
	for ; l.s.in.held+heldFor(len(big)) <= MaxHeld; number++ {
		l.mustHear(1, payload(0, wire.Chunk{Message: number, Total: len(big), Data: big}))
	}
	l.s.AppendPacket(l.now, nil)
	if err := l.hear(2, payload(0, wire.Chunk{Message: number, Total: len(big), Data: big}, wire.Chunk{Message: 0, Total: len(big), Data: big})); !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	l.advance(maxAckDelay)
	l.wantReport(1, "1") // 2 is not acknowledged
	for range number {
		if _, ok := l.s.Receive(); !ok {
			t.Fatal("the next message was not taken")
		}
	}
	if l.s.in.held != 0 {
		t.Errorf("%d bytes held by nothing", l.s.in.held)
	}
	l.mustHear(3, payload(1, wire.Chunk{Message: number, Total: len(big), Data: big}))
	l.wantReport(2, ".1")
}

// An idle stream is small, also after much traffic.
func TestIdleStreamIsSmall(t *testing.T) {
	const pairs = 200
	networks := make([]*network, pairs)
	var streams [2 * pairs]*Stream
	for i := range networks {
		networks[i] = newNetwork(t, conditions{delay: 5 * time.Millisecond, loss: .05})
		for range 3 {
			networks[i].send(0, 20_000)
			networks[i].send(1, 20_000)
		}
		networks[i].until(20*time.Second, "all", networks[i].settled)
		networks[i].send(0, 50) // the ping of an idle session
		networks[i].send(1, 50)
		networks[i].until(20*time.Second, "pings", networks[i].settled)
		streams[2*i], streams[2*i+1] = networks[i].ends[0].Stream, networks[i].ends[1].Stream
		networks[i] = nil
	}
	var with, without runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&with)
	clear(streams[:])
	runtime.GC()
	runtime.ReadMemStats(&without)
	each := (int64(with.HeapAlloc) - int64(without.HeapAlloc)) / int64(len(streams))
	t.Logf("%d bytes an idle stream", each)
	if each > 2048 {
		t.Errorf("%d bytes an idle stream", each)
	}
	runtime.KeepAlive(&networks)
}

func TestAReportThatWaitsCanBeHadAtOnce(t *testing.T) {
	l := newListener(t)
	l.s.Acknowledge()
	l.wantReport(0, "") // about nothing
	l.mustHear(40000, payload(0, whole(0, "a")))
	l.s.Acknowledge()
	l.wantReport(40000, "1")
	l.advance(time.Second)
	l.wantReport(0, "") // once
	l.s.Acknowledge()
	l.wantReport(0, "")
	l.wantMessages("a")
}
