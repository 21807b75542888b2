package repair

import (
	"slices"
	"testing"
	"time"
)

// FuzzRepair has a Requester and a Resender hear of any packets in any order: what is missing stays bounded and in order, and no packet goes
// again more often than it may.
func FuzzRepair(f *testing.F) {
	f.Add([]byte{0, 5, 1, 6, 1, 9, 2, 30, 3, 40, 4, 0})
	f.Add([]byte{1, 200, 1, 0, 5, 9, 2, 255, 6, 3, 2, 10, 7, 1, 8, 200, 9, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		var q Requester
		var r Resender
		now, seq, left := at(0), uint64(1<<16), spare // resends that may still come
		resent := map[uint64]int{}
		for ; len(ops) >= 2; ops = ops[2:] {
			x := uint64(int8(ops[1]))
			switch ops[0] % 10 {
			case 0:
				q.Start(now, seq+x)
			case 1:
				seq += x % 4096 // forwards, or a little
				q.Received(now, seq)
			case 2:
				now = now.Add(time.Duration(ops[1]) * 5 * time.Millisecond)
			case 3:
				q.Through(now, seq+x)
			case 4:
				q.GiveUp(seq + x)
			case 5:
				seq += x * 300
				q.Received(now, seq)
			case 6:
				checkMissing(t, &q, now, time.Duration(ops[1])*time.Millisecond)
			case 7:
				r.Sent()
				left++
			case 8:
				if r.Allow(seq + x) {
					left--
					resent[seq+x]++
				}
			case 9:
				r.Forget(seq + x)
			}
			if q.Outstanding() > maxMissing+1 || left < 0 {
				t.Fatalf("%d are missing, %d resends too many", q.Outstanding(), -left)
			}
			seq = max(seq, 1<<15) // what came before the first packet is nothing that an Unwrapper gives
		}
	})
}

// checkMissing asks what is missing.
func checkMissing(t *testing.T, q *Requester, now time.Time, rtt time.Duration) {
	t.Helper()
	n := q.Outstanding()
	lost := q.Missing(now, rtt, nil)
	if len(lost) > n || len(slices.Compact(slices.Clone(lost))) != len(lost) {
		t.Fatalf("of %d that are missing these are asked for: %v", n, lost)
	}
	if again := q.Missing(now, rtt, nil); len(again) > 0 {
		t.Fatalf("asked twice at once: %v", again)
	}
}
