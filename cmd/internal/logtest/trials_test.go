//go:build linux

package logtest

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// trial is something that is done to a daemon with its log, and what must be true afterwards.
type trial struct {
	name        string
	short, full int // how often in that form
	mounts      bool
	alone       bool // nothing runs beside it: it measures
	limit       time.Duration
	run         func(*world) (figures string, err error)
}

// trials are all, in the order of the table.
var trials = []trial{
	{name: "kill -9 under load", short: 3, full: 20, run: killed},
	{name: "stop and start under load", short: 1, full: 3, run: stopped},
	{name: "power cut", short: 1, full: 5, mounts: true, run: powerCut},
	{name: "slow disk", short: 1, full: 3, alone: true, run: slowDisk},
	{name: "disk full", short: 1, full: 3, mounts: true, run: fullDisk},
	{name: "start on a full disk", short: 1, full: 1, mounts: true, run: startFull},
	{name: "read-only folder", short: 1, full: 1, mounts: true, run: readOnly},
	{name: "two daemons on a folder", short: 1, full: 1, run: twoDaemons},
	{name: "damaged messages", short: 1, full: 1, run: flippedBody},
	{name: "damaged page", short: 3, full: 20, run: garbledPage},
	{name: "damaged header", short: 1, full: 1, run: spoiledFile(spoilHeader, "damaged", "not a database")},
	{name: "cut off file", short: 1, full: 1, run: spoiledFile(spoilLength, "damaged", "malformed")},
	{name: "file of a later version", short: 1, full: 1, run: spoiledFile(spoilVersion, "newer")},
	{name: "one id from two sessions", short: 1, full: 3, run: sameID},
	{name: "backup and restore", short: 1, full: 3, run: backUp},
	{name: "history delete", short: 1, full: 3, run: erased},
	{name: "start with a long WAL", short: 1, full: 3, run: longWAL},
	{name: "10,000 rooms", short: 1, full: 3, run: tenThousandRooms},
	{name: "100,000 lines", full: 1, alone: true, limit: 10 * time.Minute, run: wholeWay},
	{name: "replay of 400,000", full: 1, alone: true, limit: 10 * time.Minute, run: replay},
	{name: "1 × 10 at 1000/s", full: 1, alone: true, run: latency(latencyBars[0])},
	{name: "1 × 100 at 1000/s", full: 1, alone: true, run: latency(latencyBars[1])},
}

// TestDurability runs the trials.
func TestDurability(t *testing.T) {
	t.Logf("seed %d", settings.Seed)
	place := 0
	for _, tr := range trials {
		for i := range tr.times() {
			name := tr.name
			if i > 0 {
				name = fmt.Sprintf("%s %d", tr.name, i+1)
			}
			place++
			at := place
			t.Run(name, func(t *testing.T) { tr.once(t, name, at) })
		}
	}
}

// times is how often a trial runs, as the settings say.
func (tr trial) times() int {
	n := tr.short
	if settings.Full {
		n = tr.full
	}
	switch {
	case settings.Only == nil:
		return n
	case settings.Only.MatchString(tr.name):
		return max(n, 1)
	}
	return 0
}

// once runs a trial in a world of its own.
func (tr trial) once(t *testing.T, name string, place int) {
	if tr.mounts {
		needMounts(t)
	}
	if !tr.alone {
		t.Parallel()
	}
	if tr.limit == 0 {
		tr.limit = 10 * time.Minute
	}
	w := newWorld(t, tr.limit)
	r := result{trial: name, place: place, seed: w.seed}
	begin := time.Now()
	r.figures, r.err = tr.run(w)
	r.took = time.Since(begin)
	results.add(r)
	if r.err != nil {
		t.Errorf("YODEL_LOG_SEED=%d: %v", settings.Seed, r.err)
	}
}

// needMounts skips a test where no file system can be mounted, and says loudly what is not tested then. In CI (the environment says
// CI=true) it fails.
func needMounts(t *testing.T) {
	t.Helper()
	if errEnclosed == nil {
		return
	}
	const loss = "THE ROOM LOG ON BROKEN DISKS IS NOT TESTED: nothing can be mounted here (it needs root)"
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s: %v", loss, errEnclosed)
	}
	t.Skipf("%s: %v", loss, errEnclosed)
}
