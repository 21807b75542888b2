//go:build linux

package soundtest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"yodel/cmd/internal/fates"
	"yodel/cmd/internal/netem"
)

const ms = time.Millisecond

// row is a condition.
type row struct {
	name   string
	short  bool // it is in the short form
	alone  bool // no other row runs beside it
	both   fates.Profile
	course func(*world, *outcome) error
}

// rows are all conditions, in the order of the table.
var rows = slices.Concat(voices(), clocks(), speakers(), crowds(), loads())

// form chooses by the form that runs.
func form[T any](full, short T) T {
	if settings.Full {
		return full
	}
	return short
}

func place(name string) int {
	return slices.IndexFunc(rows, func(r row) bool { return r.name == name })
}

// limit is within what a row must be over, whatever happens.
const limit = 9 * time.Minute

// TestSound runs the rows.
func TestSound(t *testing.T) {
	netem.Need(t, "THE SOUND OF YODEL")
	t.Logf("seed %d", settings.Seed)
	for _, r := range rows {
		if !r.wanted() {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			if !r.alone {
				t.Parallel()
			}
			r.run(t)
		})
	}
}

// wanted tells whether the row runs.
func (r row) wanted() bool {
	if settings.Only != nil {
		return settings.Only.MatchString(r.name)
	}
	return settings.Full || r.short
}

// tooLong is what a try may have taken for another one to be worth it.
const tooLong = 2 * time.Minute

// spares are the tries that a row has beside those of its form, in place of such in which the machine has stalled.
const spares = 4

// run runs a row as often as its form allows, until it keeps to its bars: another program can have the machine for a second. What it finds in each
// try is not the machine's.
func (r row) run(t *testing.T) {
	tries := 2
	most := tries + spares
	for n := 1; ; n++ {
		out := r.once(t)
		out.tries = n
		err := errors.Join(out.faults...)
		if out.stalled {
			tries = min(tries+1, most)
		}
		if err != nil && n < tries && out.took < tooLong {
			t.Logf("try %d: %v", n, err)
			continue
		}
		results.add(out)
		if err != nil {
			t.Errorf("seed %d: %v", settings.Seed, err)
		}
		return
	}
}

// once runs a row in a world of its own.
func (r row) once(t *testing.T) *outcome {
	begin := time.Now()
	out := &outcome{row: r.name}
	w := newWorld(t, netem.Impairment{Profile: r.both}, limit)
	defer w.end()
	worst := watchMachine()
	out.fault(r.course(w, out))
	out.take(figure{what: "the machine's longest stall", unit: "ms", value: milli(worst())})
	out.took = time.Since(begin)
	return out
}
