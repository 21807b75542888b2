package repair

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var t0 = time.Unix(1000, 0)

func at(ms int) time.Time { return t0.Add(time.Duration(ms) * time.Millisecond) }

func ask(q *Requester, ms int) []uint16 { return q.Missing(at(ms), 30*time.Millisecond, nil) }

func want(t *testing.T, what string, got []uint16, seqs ...uint16) {
	t.Helper()
	if d := cmp.Diff(seqs, got); d != "" && len(got)+len(seqs) > 0 {
		t.Errorf("%s: (-want +got)\n%s", what, d)
	}
}

func TestGapIsAskedForAfterTheReorderWait(t *testing.T) {
	var q Requester
	q.Received(at(0), 10)
	q.Received(at(20), 13)
	want(t, "at once", ask(&q, 20))
	if d := q.Deadline(); !d.Equal(at(40)) {
		t.Errorf("deadline %v, want 40 ms", d.Sub(t0))
	}
	want(t, "after 20 ms", ask(&q, 40), 11, 12)
	want(t, "before an answer can be there", ask(&q, 79))
	q.Received(at(79), 11)
	want(t, "again", ask(&q, 80), 12)
	if !q.Received(at(90), 12) {
		t.Error("the repaired packet counts as a duplicate")
	}
	if q.Received(at(91), 12) {
		t.Error("a duplicate counts as new")
	}
	if !q.Deadline().IsZero() || q.Outstanding() != 0 {
		t.Errorf("something is still missing: %d", q.Outstanding())
	}
}

func TestFirstAndLastPacketShow(t *testing.T) {
	var q Requester
	q.Start(at(0), 5)
	q.Received(at(20), 6)
	q.Through(at(40), 8)
	want(t, "all", ask(&q, 60), 5, 7, 8)
}

func TestStartThatComesLate(t *testing.T) {
	var q Requester
	q.Received(at(0), 7)
	q.Start(at(10), 5)
	if !q.Received(at(15), 6) {
		t.Error("a packet between the start and the first one counts as a duplicate")
	}
	want(t, "the first", ask(&q, 50), 5)
}

// A black-out at the start may swallow a second of voice and hold up its announcement: all of that is asked for, as far as there is
// room for, and what is not is lost and told so.
func TestStartThatComesMuchLater(t *testing.T) {
	for _, tt := range []struct {
		name       string
		first      uint64
		prepare    func(*Requester)
		asked      int
		lost       uint64
		stillTaken bool // packet 0, when it comes
	}{
		{name: "a second of L16", first: 100, asked: 100, stillTaken: true},
		{name: "more than there is room for", first: 2000, asked: maxMissing, lost: 2000 - maxMissing},
		{
			name: "other holes", first: 400, asked: maxMissing, lost: 88,
			prepare: func(q *Requester) { q.Received(at(0), 601) },
		},
		{name: "too late", first: 100, lost: 100, prepare: func(q *Requester) { q.GiveUp(101) }},
	} {
		var q Requester
		q.Received(at(0), tt.first)
		if tt.prepare != nil {
			tt.prepare(&q)
		}
		q.Start(at(100), 0)
		if got := len(ask(&q, 200)); got != tt.asked || q.Lost() != tt.lost {
			t.Errorf("%s: %d asked for and %d lost, want %d and %d", tt.name, got, q.Lost(), tt.asked, tt.lost)
		}
		if q.Received(at(300), 0) != tt.stillTaken {
			t.Errorf("%s: the first packet is new: %v", tt.name, !tt.stillTaken)
		}
	}
}

func TestFirstTwoPacketsReordered(t *testing.T) {
	var q Requester
	q.Received(at(0), 2)
	if !q.Received(at(1), 1) {
		t.Error("the older packet counts as a duplicate")
	}
	want(t, "nothing", ask(&q, 100))
}

func TestReorderedPacketIsNotAskedFor(t *testing.T) {
	var q Requester
	q.Received(at(0), 1)
	q.Received(at(5), 3)
	q.Received(at(10), 2)
	want(t, "later", ask(&q, 1000))
}

func TestGiveUp(t *testing.T) {
	var q Requester
	q.Received(at(0), 1)
	q.Received(at(0), 6)
	q.GiveUp(4)
	want(t, "what is left", ask(&q, 50), 4, 5)
	if q.Lost() != 2 {
		t.Errorf("lost %d, want 2", q.Lost())
	}
	if q.Received(at(60), 2) {
		t.Error("a packet that was given up counts as new")
	}
}

func TestRequestsAreBounded(t *testing.T) {
	var q Requester
	q.Received(at(0), 1)
	q.Received(at(0), 3)
	asks := 0
	for ms := 0; ms < 60_000; ms += 10 {
		asks += len(ask(&q, ms))
	}
	if asks != maxAsks || q.Outstanding() != 0 || q.Lost() != 1 {
		t.Errorf("%d requests, %d outstanding, %d lost; want %d, 0, 1", asks, q.Outstanding(), q.Lost(), maxAsks)
	}
	q.Received(at(0), 1<<40)
	if q.Outstanding() != maxMissing-1 {
		t.Errorf("%d holes after a great jump, want %d", q.Outstanding(), maxMissing-1)
	}
}

// Requests come when an answer could have come, twice as often when two were in vain, and rarely when nothing helps.
func TestRequestsForOnePacket(t *testing.T) {
	var q Requester
	q.Received(at(0), 1)
	q.Received(at(0), 3)
	var asked []int
	for ms := 0; ms < 60_000; ms += 5 {
		q.Received(at(ms), 3) // again and again: the path is alive
		if got := q.Missing(at(ms), 160*time.Millisecond, nil); len(got) > 0 {
			asked = append(asked, ms)
		}
	}
	if d := cmp.Diff([]int{20, 220, 420, 520, 620}, asked[:5]); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if early := asked[fastAsks-1] - asked[0]; early < 1500 {
		t.Errorf("the frequent requests are over after %d ms", early)
	}
	if rare := asked[len(asked)-1] - asked[len(asked)-2]; rare != int(slowest/time.Millisecond) {
		t.Errorf("the last requests are %d ms apart", rare)
	}
}

// When nothing comes, requests become rare, so that eight answers last longer than a second; with the first sign of life they come fast.
func TestRequestsWhileNothingComes(t *testing.T) {
	var q Requester
	q.Received(at(0), 1)
	q.Received(at(0), 3)
	var asked []int
	for ms := 0; len(asked) < 10; ms += 5 {
		if ms == 1500 {
			q.Received(at(ms), 4)
		}
		if got := q.Missing(at(ms), 60*time.Millisecond, nil); len(got) > 0 {
			asked = append(asked, ms)
		}
	}
	if d := cmp.Diff([]int{20, 95, 170, 320, 620, 940, 1260, 1580, 1620, 1695}, asked); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// However many packets are lost, there are at most 50 requests a second, and each packet is in one within 20 ms of its turn.
func TestRequestsAreGathered(t *testing.T) {
	var q Requester
	requests, asked := 0, 0
	for ms := range 10_000 {
		if ms%100 == 0 {
			q.Received(at(ms), uint64(ms/10))
		}
		if d := q.Deadline(); !d.IsZero() && !d.After(at(ms)) {
			got := q.Missing(at(ms), 30*time.Millisecond, nil)
			if len(got) == 0 {
				t.Fatalf("nothing to ask for at the deadline, %d ms", ms)
			}
			requests++
			asked += len(got)
		}
		q.GiveUp(uint64(max(ms/10-100, 0)))
	}
	if requests > 500 {
		t.Errorf("%d requests in 10 s", requests)
	}
	if asked < 900*15 {
		t.Errorf("%d packets asked for, of 900 that are missing for a second each", asked)
	}
}

// Whatever order packets come in, what is received, outstanding and lost adds up to what was sent.
func TestAccountsAddUp(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		var q Requester
		n := 1 + r.Uint64N(1500)
		got := uint64(0)
		start := r.Uint64N(n) // when the announcement comes
		for i := range n {
			if i == start {
				q.Start(at(int(i)*20), 0)
			}
			seq := i
			if r.IntN(5) == 0 {
				seq = r.Uint64N(n)
			}
			if q.Received(at(int(i)*20), seq) {
				got++
			}
			if r.IntN(50) == 0 {
				q.GiveUp(r.Uint64N(i + 1))
			}
			q.Missing(at(int(i)*20), time.Millisecond, nil)
		}
		q.Through(at(int(n)*20), n-1)
		if sum := got + q.Lost() + uint64(q.Outstanding()); sum != n {
			t.Fatalf("%d received + %d lost + %d outstanding ≠ %d sent", got, q.Lost(), q.Outstanding(), n)
		}
	}
}

func TestResenderLimits(t *testing.T) {
	var r Resender
	for range 100 {
		r.Sent()
	}
	n := 0
	for range 20 {
		if r.Allow(1) {
			n++
		}
	}
	if n != maxResends {
		t.Errorf("one packet was resent %d times, want %d", n, maxResends)
	}
	for seq := uint64(2); seq < 1000; seq++ {
		if r.Allow(seq) {
			n++
		}
	}
	if n != 100+spare {
		t.Errorf("%d resends for 100 packets, want %d", n, 100+spare)
	}
	r.Forget(1000)
	if len(r.tries) != 0 {
		t.Errorf("%d packets remembered after Forget", len(r.tries))
	}
}

// A talk of one packet is repaired like one of many.
func TestResendsOfOnePacket(t *testing.T) {
	var r Resender
	r.Sent()
	n := 0
	for range 20 {
		if r.Allow(1) {
			n++
		}
	}
	if n != maxResends {
		t.Errorf("%d resends, want %d", n, maxResends)
	}
}

// In a talk of hours as much is remembered as in a short one, and looked through as rarely.
func TestResenderOfALongTalk(t *testing.T) {
	const window = 200 // packets that can be resent
	var r Resender
	most, sweeps, before := 0, 0, 0
	for seq := uint64(window); seq < 500_000; seq++ {
		r.Sent()
		if seq%2 == 0 && !r.Allow(seq-window/2) {
			t.Fatalf("packet %d is not resent", seq)
		}
		before = len(r.tries)
		r.Forget(seq - window)
		if len(r.tries) < before {
			sweeps++
		}
		most = max(most, before)
	}
	if most > 2*window {
		t.Errorf("%d packets are remembered", most)
	}
	if sweeps > 500_000/minSweep {
		t.Errorf("%d times all were looked through", sweeps)
	}
}
