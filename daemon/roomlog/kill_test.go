package roomlog

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"
)

var (
	killTrials = flag.Int("kill-trials", 3, "how often a writer is killed")
	seed       = flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the random tests")
)

// writeIn, in the environment, makes the test binary a writer in that folder.
const writeIn = "YODEL_ROOMLOG_WRITE_IN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(writeIn); dir != "" {
		write(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// Load of the writer that is killed.
const (
	killSenders = 50
	killRooms   = 7
)

// killMessage is the n-th of a sender.
func killMessage(sender int, n uint64) Entry {
	e := message("room"+strconv.Itoa(sender%killRooms), n, fmt.Sprintf("%d of %d", n, sender))
	e.Sender[1] = byte(sender)
	return e
}

// write appends until it is killed, and writes each receipt: sender, id, position. Each sender begins with the message that the environment names.
func write(dir string) {
	owner := newOwner()
	l, err := Open(Options{Dir: dir, Keep: Keep{Entries: 5000}, Deliver: owner.deliver, Failed: func(err error) { panic(err) }})
	if err != nil {
		panic(err)
	}
	from, err := strconv.ParseUint(os.Getenv(writeIn+"_FROM"), 10, 64)
	if err != nil {
		panic(err)
	}
	out := bufio.NewWriter(os.Stdout)
	receipts := 0
	var next func(sender int, n uint64)
	next = func(sender int, n uint64) {
		l.Append(killMessage(sender, n), func(r Result) {
			if r.Err != nil {
				panic(r.Err)
			}
			fmt.Fprintln(out, sender, n, r.Entry.Pos)
			if receipts++; receipts%killSenders == 0 {
				_ = out.Flush() // whoever reads it kills this process
			}
			next(sender, n+1)
		})
	}
	for sender := range killSenders {
		next(sender, from)
	}
	select {}
}

// TestKilledWritersLoseNothing kills a process that appends, at random moments: what it had receipts for is there once, in order, and is known when it comes
// again.
func TestKilledWritersLoseNothing(t *testing.T) {
	t.Logf("-seed %d", *seed)
	random := rand.New(rand.NewPCG(*seed, 0))
	dir := t.TempDir()
	receipts := make(map[string]uint64)
	from := uint64(0)
	for trial := range *killTrials {
		n := killed(t, dir, from, time.Duration(random.IntN(400))*time.Millisecond, receipts)
		l := reopen(t, Options{Dir: dir, Keep: Keep{Entries: 5000}})
		last := uint64(0)
		for room := range killRooms {
			all := l.all("room"+strconv.Itoa(room), 0)
			if len(all) == 0 {
				continue
			}
			chained(t, all, all[0].Prev)
			for _, e := range all {
				if pos, known := receipts[fmt.Sprint(e.Sender[1], e.ID)]; known && pos != e.Pos {
					t.Errorf("message %d of %d is at %d, its receipt said %d", e.ID, e.Sender[1], e.Pos, pos)
				}
				last = max(last, e.ID)
			}
		}
		for key, pos := range receipts {
			var sender int
			var id uint64
			if _, err := fmt.Sscan(key, &sender, &id); err != nil {
				t.Fatal(err)
			}
			if r := l.append(killMessage(sender, id)); r.Err != nil || !r.Duplicate || r.Entry.Pos != pos {
				t.Fatalf("message %s with a receipt for %d came again: %+v", key, pos, r)
			}
		}
		t.Logf("trial %d: %d receipts", trial, n)
		from = max(from, last-min(last, 1)) // the newest come again
		l.end()
	}
}

// killed runs a writer, kills it after a while, and adds its receipts.
func killed(t *testing.T, dir string, from uint64, after time.Duration, receipts map[string]uint64) (n int) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), writeIn+"="+dir, fmt.Sprintf("%s_FROM=%d", writeIn, from))
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(out)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			break // a line that is cut is no receipt
		}
		if n == 0 {
			timer := time.AfterFunc(after, func() { _ = c.Process.Kill() })
			defer timer.Stop()
		}
		var sender int
		var id, pos uint64
		if _, err := fmt.Sscan(line, &sender, &id, &pos); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		key := fmt.Sprint(sender, id)
		if first, known := receipts[key]; known && first != pos {
			t.Errorf("message %s got position %d, before it was %d", key, pos, first)
		}
		receipts[key] = pos
		n++
	}
	_ = c.Wait() // it was killed
	return n
}
