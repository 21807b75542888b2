package stream

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"yodel/wire"
)

func TestEveryMessageOnceAndInOrder(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		name string
		c    conditions
	}{
		{"clean", conditions{delay: 10 * ms}},
		{"no delay", conditions{}},
		{"loss 5%", conditions{loss: .05, delay: 30 * ms, jitter: 10 * ms}},
		{"loss 20%", conditions{loss: .20, delay: 30 * ms, jitter: 10 * ms}},
		{"loss 40%", conditions{loss: .40, delay: 30 * ms, jitter: 10 * ms}},
		{"RTT 300 ms", conditions{loss: .05, delay: 150 * ms, jitter: 5 * ms}},
		{"reorder", conditions{delay: 60 * ms, jitter: 59 * ms}},
		{"duplicates", conditions{dup: .5, delay: 30 * ms, jitter: 20 * ms}},
		{"all of it", conditions{loss: .15, dup: .2, delay: 50 * ms, jitter: 45 * ms, firstSeq: 1<<16 - 300}},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := newNetwork(t, test.c)
			// Both ways at once: lines, bursts, long messages and empty ones between.
			for i := range 600 {
				n.send(0, 8+n.random.IntN(300))
				if i%3 == 0 {
					n.send(1, 8+n.random.IntN(1500))
				}
				switch i % 100 {
				case 40:
					n.send(1, wire.MaxMessage)
				case 50:
					n.send(0, 20_000)
				case 60:
					n.send(0, 0)
				case 70:
					for range 50 {
						n.send(0, 200)
					}
				}
				n.run(time.Duration(n.random.IntN(15)) * ms)
			}
			n.until(4*time.Minute, "all messages at both ends", n.settled)
			t.Logf("peer %+v", n.ends[0].Stats())
		})
	}
}

func TestThousandsOfMessages(t *testing.T) {
	n := newNetwork(t, conditions{loss: .05, delay: 20 * time.Millisecond, jitter: 5 * time.Millisecond, firstSeq: 1<<15 - 1})
	for range 10_000 {
		n.send(0, 200)
	}
	n.until(2*time.Minute, "10000 messages", n.settled)
	if s := n.ends[0].Stats(); s.PacketsSent > 10_000/5*3/2 {
		t.Errorf("%d packets for 10000 messages of 200 bytes: five fit into one", s.PacketsSent)
	}
}

func TestPacketNumbersWrap(t *testing.T) {
	for _, first := range []uint64{1<<16 - 3, 1<<15 - 2, 1<<40 - 5} {
		t.Run(strconv.FormatUint(first, 10), func(t *testing.T) {
			n := newNetwork(t, conditions{loss: .1, delay: 5 * time.Millisecond, jitter: 4 * time.Millisecond, firstSeq: first})
			for range 200 {
				n.send(0, 1000)
				n.send(1, 1000)
				n.run(3 * time.Millisecond)
			}
			n.until(time.Minute, "all messages", n.settled)
		})
	}
}

// The number goes round twice, so that a mistake of 2^16 would show.
func TestPacketNumbersWrapTwice(t *testing.T) {
	n := newNetwork(t, conditions{delay: 5 * time.Millisecond, firstSeq: 65_000})
	for n.ends[0].Stats().PacketsSent < 67_000 {
		n.send(0, 8)
		n.send(0, 8)
		n.send(0, 8)
		n.run(time.Millisecond)
		n.ends[0].sentAt, n.ends[1].latency = n.ends[0].sentAt[:0], nil
	}
	n.until(time.Minute, "all messages", n.settled)
}

func TestPacketNumberIsNeverUsedTwice(t *testing.T) {
	n := newNetwork(t, conditions{loss: .3, dup: .1, delay: 40 * time.Millisecond, jitter: 30 * time.Millisecond, firstSeq: 1<<15 - 1})
	var next [2]uint16
	next[0], next[1] = 1<<15-1, 1<<15-1
	n.tap = func(from int, datagram []byte) {
		if wire.KindOf(datagram) != wire.KindRTP {
			return
		}
		if seq := uint16(datagram[2])<<8 | uint16(datagram[3]); seq != next[from] {
			t.Fatalf("packet number %d after %d", seq, next[from]-1)
		}
		next[from]++
	}
	for range 1000 {
		n.send(0, 500)
		n.send(1, 50)
		n.run(2 * time.Millisecond)
	}
	n.until(time.Minute, "all messages", n.settled)
}

func TestMaximumOfAMessage(t *testing.T) {
	n := newNetwork(t, conditions{loss: .2, delay: 20 * time.Millisecond})
	if err := n.ends[0].Send(make([]byte, wire.MaxMessage+1)); !errors.Is(err, ErrTooLong) {
		t.Errorf("64 KiB and a byte: %v", err)
	}
	for range 8 {
		n.send(0, wire.MaxMessage)
	}
	if got, want := n.ends[0].Queued(), 8*wire.MaxMessage; got != want {
		t.Errorf("%d bytes queued, want %d", got, want)
	}
	n.until(time.Minute, "8 messages of 64 KiB", n.settled)
	if got := n.ends[0].Queued(); got != 0 {
		t.Errorf("%d bytes queued in the end", got)
	}
}

func TestBothEndsLearnThatTheOtherIsDead(t *testing.T) {
	for _, test := range []struct {
		name    string
		sending bool
	}{{"idle", false}, {"sending", true}} {
		t.Run(test.name, func(t *testing.T) {
			n := newNetwork(t, conditions{delay: 30 * time.Millisecond})
			n.send(0, 10)
			n.until(time.Second, "the first message", n.settled)
			n.black = true
			cut := n.now
			n.run(time.Second)
			if test.sending {
				n.send(0, 100)
				n.send(1, 100)
			}
			n.until(wire.DeadAfter, "both dead", func() bool { return n.ends[0].Err() != nil && n.ends[1].Err() != nil })
			if d := n.now.Sub(cut); d < wire.DeadAfter-time.Second || d > wire.DeadAfter+100*time.Millisecond {
				t.Errorf("dead %v after the cut", d)
			}
			for i, e := range n.ends {
				if !errors.Is(e.Err(), ErrDead) || !errors.Is(e.Send([]byte("x")), ErrDead) {
					t.Errorf("end %d: %v", i, e.Err())
				}
				if _, kind, _ := e.AppendPacket(n.now, nil); kind != None {
					t.Errorf("a dead end sends %v", kind)
				}
				if !e.Deadline().IsZero() {
					t.Errorf("a dead end has a deadline")
				}
			}
		})
	}
}

func TestOneWayDeath(t *testing.T) {
	n := newNetwork(t, conditions{delay: 30 * time.Millisecond})
	n.send(1, 10)
	n.until(time.Second, "the first message", n.settled)
	n.drop = func(from int, _ []byte) bool { return from == 1 }
	n.send(0, 100)
	n.until(31*time.Second, "the peer dead", func() bool { return n.ends[0].Err() != nil })
	n.until(31*time.Second, "the daemon dead, as nobody probes any more", func() bool { return n.ends[1].Err() != nil })
	if n.ends[1].got != 1 {
		t.Error("the message did not arrive")
	}
}

func TestOtherPacketsKeepAStreamAlive(t *testing.T) {
	n := newNetwork(t, conditions{})
	for range 10 {
		n.run(20 * time.Second)
		n.ends[0].Heard(n.now)
		n.ends[1].Heard(n.now)
	}
	if n.ends[0].Err() != nil || n.ends[1].Err() != nil {
		t.Fatal(n.ends[0].Err(), n.ends[1].Err())
	}
	n.run(29 * time.Second)
	if err := n.ends[0].Err(); err != nil {
		t.Fatalf("after 29 s: %v", err)
	}
	n.run(time.Second)
	if n.ends[0].Err() == nil {
		t.Fatal("alive after 30 s")
	}
}

// A black-out shorter than death loses nothing, and the stream goes on within the capped backoff.
func TestBlackOut(t *testing.T) {
	n := newNetwork(t, conditions{delay: 30 * time.Millisecond})
	n.send(0, 100)
	n.until(time.Second, "the first message", n.settled)
	n.black = true
	for range 20 {
		n.send(0, 100)
		n.send(1, 100)
		n.run(time.Second)
	}
	n.black = false
	n.until(maxProbeTimeout+200*time.Millisecond, "the messages of the black-out", n.settled)
}

// When the last report is lost, the sender's probe gets another one.
func TestLostReportOfAnIdleStream(t *testing.T) {
	n := newNetwork(t, conditions{delay: 30 * time.Millisecond})
	n.send(0, 100)
	n.until(time.Second, "the first message", n.settled)
	lostReports := 0
	n.drop = func(from int, _ []byte) bool {
		if from == 1 && lostReports < 3 {
			lostReports++
			return true
		}
		return false
	}
	n.send(0, 100)
	n.until(5*time.Second, "the report", n.settled)
	if lostReports != 3 {
		t.Errorf("%d reports lost, want 3", lostReports)
	}
	before := n.ends[0].datagrams + n.ends[1].datagrams
	n.run(20 * time.Second)
	if after := n.ends[0].datagrams + n.ends[1].datagrams; after != before {
		t.Errorf("an idle stream sent %d datagrams", after-before)
	}
}

func TestCleanPathSendsNothingTwice(t *testing.T) {
	n := newNetwork(t, conditions{delay: 30 * time.Millisecond})
	for range 1000 {
		n.send(0, 200)
		n.run(10 * time.Millisecond)
	}
	n.until(time.Second, "all", n.settled)
	s := n.ends[0].Stats()
	if s.PacketsSent != 1000 || s.ChunksResent != 0 || s.PacketsLost != 0 || s.Probes != 0 {
		t.Errorf("%+v", s)
	}
	if r := n.ends[1].Stats().ReportsSent; r > 510 {
		t.Errorf("%d reports for 1000 packets", r)
	}
	if smoothed, least := n.ends[0].RTT(); least < 60*time.Millisecond || least > 61*time.Millisecond || smoothed > 75*time.Millisecond {
		t.Errorf("RTT %v, least %v; the path has 60 ms", smoothed, least)
	}
}

// A reader that stops holds the sender back and loses nothing, and memory is bounded.
func TestStoppedReader(t *testing.T) {
	n := newNetwork(t, conditions{loss: .05, delay: 10 * time.Millisecond, jitter: 5 * time.Millisecond})
	n.ends[1].pause = true
	for range 60 {
		n.send(0, wire.MaxMessage)
	}
	for range 60 {
		n.run(time.Second)
		if held := n.ends[1].in.held; held > MaxHeld+heldFor(wire.MaxMessage) {
			t.Fatalf("%d bytes held", held)
		}
	}
	if n.ends[1].Stats().Full == 0 {
		t.Error("nothing was refused")
	}
	n.ends[1].pause = false
	n.take(1)
	n.until(2*time.Minute, "all messages", n.settled)
}

// Messages ahead of the next one can not shut it out, whatever arrives first.
func TestFullOfLaterMessages(t *testing.T) {
	n := newNetwork(t, conditions{delay: 10 * time.Millisecond})
	n.send(0, 8)
	n.until(time.Second, "the first", n.settled)
	first := n.ends[0].Stats().PacketsSent
	n.drop = func(from int, d []byte) bool { // the start of message 1 does not get through for a while
		return from == 0 && wire.KindOf(d) == wire.KindRTP && startsMessage(t, d, 1) && n.now.Sub(t0) < 5*time.Second
	}
	for range 30 {
		n.send(0, wire.MaxMessage)
	}
	n.until(time.Minute, "all messages", n.settled)
	t.Logf("%d packets, %+v", n.ends[0].Stats().PacketsSent-first, n.ends[1].Stats())
	if n.ends[1].Stats().Full == 0 {
		t.Error("the receiver was never full")
	}
}

func startsMessage(t *testing.T, datagram []byte, number uint64) bool {
	t.Helper()
	p, err := wire.ParseMessagePayload(datagram[rtpHeader:])
	if err != nil {
		t.Fatal(err)
	}
	for c, ok := p.Next(); ok; c, ok = p.Next() {
		if c.Message == number && c.Offset == 0 {
			return true
		}
	}
	return false
}
