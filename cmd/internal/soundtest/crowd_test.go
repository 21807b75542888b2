//go:build linux

package soundtest

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"time"

	"yodel/cmd/internal/programs"
	"yodel/cmd/internal/speech"
	"yodel/peer/audio"
)

// crowds are the rows in which several talk, or come and go.
func crowds() []row {
	return []row{
		{name: "10 at once", short: true, both: lan, course: tenAtOnce},
		{name: "join in mid-talk, SIGKILL", both: lan, course: comeAndGo},
		{name: "join in mid-talk", short: true, both: lan, course: joinInside},
	}
}

const (
	talkers = 10
	// fromEnds is what is not looked at of a tone: when it came to be heard is not the matter.
	fromEnds = 200 * audio.SampleRate / 1000
	// leak is how loud another's tone may be in a file of one voice.
	leak = 0.02
)

// toneOf is the tone of a talker, so low that all together fit.
func toneOf(n int) tone { return tone{hz: 500 + 300*float64(n), amplitude: 2500} }

func nickOf(n int) string { return fmt.Sprintf("talker-%d", n) }

// tenAtOnce has ten talk, each a tone of its own, and looks for all of them in what is heard.
func tenAtOnce(w *world, out *outcome) error {
	d := form(15*time.Second, 5*time.Second)
	ear, zero, err := w.hear("bob", liveRoom)
	if err != nil {
		return err
	}
	splitter, _, err := w.hearWith("carol", liveRoom, command{args: []string{"hear", "--split", w.path("split")}})
	if err != nil {
		return err
	}
	var mouths []*programs.Process
	var began []time.Time
	for n := range talkers {
		file := w.path(nickOf(n) + ".wav")
		if err := speech.Save(file, toneOf(n).samples(d)); err != nil {
			return err
		}
		mouth, at, err := w.talk(nickOf(n), liveRoom, file)
		if err != nil {
			return err
		}
		mouths, began = append(mouths, mouth), append(began, at)
	}
	for _, mouth := range mouths {
		if err := w.within(d, func(ctx context.Context) error { return mouth.Ends(ctx, 0, 0) }); err != nil {
			return err
		}
	}
	if err := w.heard(ear, talkers); err != nil {
		return err
	}
	heard, err := speech.Load(w.path("bob.wav"))
	if err != nil {
		return err
	}
	findAll(out, heard, began, zero, d)
	if err := w.heard(splitter, talkers); err != nil {
		return err
	}
	return findFiles(out, w.path("split"), d)
}

// findAll looks for the tone of each talker in what was heard of all.
func findAll(out *outcome, heard []int16, began []time.Time, zero time.Time, d time.Duration) {
	gone, worst := 0, 0.0
	for n, at := range began {
		from := int(at.Sub(zero)*audio.SampleRate/time.Second) + fromEnds
		to := from + int(d*audio.SampleRate/time.Second) - fromEnds
		missing := toneOf(n).missing(heard, from, to)
		worst = max(worst, missing)
		if missing > 0.5 {
			gone++
		}
	}
	out.take(
		figure{what: "voices not heard", value: float64(gone), bar: most(0, 0)},
		figure{what: "missing of the worst", unit: "%", value: 100 * worst, bar: most(1, 20)},
	)
}

// findFiles looks into the files of `hear --split`: one for each talker, with its tone and no other.
func findFiles(out *outcome, dir string, d time.Duration) error {
	names, err := filepath.Glob(filepath.Join(dir, "*.wav"))
	if err != nil {
		return err
	}
	alone := 0
	for n := range talkers {
		for _, name := range names {
			if !strings.Contains(filepath.Base(name), nickOf(n)+".") {
				continue
			}
			x, err := speech.Load(name)
			if err != nil {
				return err
			}
			first, last := toneOf(n).span(x)
			whole := (clock{}).at(last-first) > d-form(100*ms, time.Second) && toneOf(n).missing(x, first, last) < form(0.05, 0.3)
			if whole && !othersIn(x[first:last], n) {
				alone++
			}
		}
	}
	out.take(
		figure{what: "files too many or too few", value: math.Abs(float64(len(names) - talkers)), bar: most(0, 0)},
		figure{what: "files without their voice alone", value: float64(talkers - alone), bar: most(0, 0)},
	)
	return nil
}

// othersIn tells whether another talker's tone is in what should be one's.
func othersIn(x []int16, n int) bool {
	for other := range talkers {
		if other != n && toneOf(other).loudness(x) > leak {
			return true
		}
	}
	return false
}

// joinInside hears a tone from its middle on.
func joinInside(w *world, out *outcome) error {
	d := form(15*time.Second, 6*time.Second)
	mouth, err := sing(w, "alice", a440, d)
	if err != nil {
		return err
	}
	if err := w.pause(d / 3); err != nil {
		return err
	}
	carol, _, err := w.hear("carol", liveRoom)
	if err != nil {
		return err
	}
	err = w.within(d, func(ctx context.Context) error { return mouth.Ends(ctx, 0, 0) })
	if err != nil {
		return err
	}
	if err := w.heard(carol, 1); err != nil {
		return err
	}
	return fromJoining(w, out)
}

// fromJoining looks into what carol has heard: the tone from soon after her joining on.
func fromJoining(w *world, out *outcome) error {
	x, err := speech.Load(w.path("carol.wav"))
	if err != nil {
		return err
	}
	first, _ := a440.span(x)
	breaks := a440.steadyAfterOpening(x)
	out.take(
		figure{what: "who joins hears after", unit: "ms", value: milli(clock{}.at(first)), bar: most(300, 3000)},
		figure{what: "breaks after the opening", value: float64(breaks), bar: most(0, 20)},
	)
	return nil
}

// sing has somebody shout a tone into the live room.
func sing(w *world, nick string, t tone, d time.Duration) (*programs.Process, error) {
	file := w.path(nick + "-said.wav")
	if err := speech.Save(file, t.samples(d)); err != nil {
		return nil, err
	}
	mouth, _, err := w.talk(nick, liveRoom, file, lossless...)
	return mouth, err
}

// comeAndGo has one join while two talk, and then one of these killed: the other one's voice must not notice either, and all must be told.
func comeAndGo(w *world, out *outcome) error {
	const d = 20 * time.Second
	bob, _, err := w.hear("bob", liveRoom)
	if err != nil {
		return err
	}
	alice, err := sing(w, "alice", a440, d)
	if err != nil {
		return err
	}
	victim := tone{hz: 1100, amplitude: 9000}
	dave, err := sing(w, "dave", victim, d)
	if err != nil {
		return err
	}
	if err := w.pause(d / 4); err != nil {
		return err
	}
	carol, zero, err := w.hear("carol", liveRoom)
	if err != nil {
		return err
	}
	if err := w.pause(d / 4); err != nil {
		return err
	}
	dave.Kill()
	killed := time.Now()
	err = w.within(d, func(ctx context.Context) error { return alice.Ends(ctx, 0, 0) })
	if err != nil {
		return err
	}
	told, err := w.toldOf(carol, "dave")
	if err != nil {
		return err
	}
	for _, ear := range []*programs.Process{carol, bob} {
		if err := w.heard(ear, 2); err != nil {
			return err
		}
	}
	return killing{victim: victim, length: d, zero: zero, killed: killed, told: told}.measure(w, out)
}

// toldOf waits until somebody's talk has ended for a hearer, and gives when.
func (w *world) toldOf(ear *programs.Process, nick string) (at time.Time, err error) {
	err = w.within(0, func(ctx context.Context) error {
		return ear.Await(ctx, "the end of "+nick, func(events []programs.Event) bool {
			for _, e := range events {
				if e.Type == "talk" && e.State == "end" && e.From == nick {
					at = e.Got
					return true
				}
			}
			return false
		})
	})
	return at, err
}

// killing is the end of a talker, as carol noticed it.
type killing struct {
	victim             tone
	length             time.Duration // of the other one's tone
	zero, killed, told time.Time
}

// measure looks into what bob and carol have heard.
func (k killing) measure(w *world, out *outcome) error {
	bob, err := speech.Load(w.path("bob.wav"))
	if err != nil {
		return err
	}
	first, end := a440.span(bob)
	breaks := a440.steadyAfterOpening(bob)
	carol, err := speech.Load(w.path("carol.wav"))
	if err != nil {
		return err
	}
	_, last := k.victim.span(carol)
	out.take(
		figure{what: "breaks of the other voice", value: float64(breaks), bar: most(0, 0)},
		figure{what: "its length off by", unit: "ms", value: math.Abs(milli(clock{}.at(end-first) - k.length)), bar: most(20, 100)},
		figure{what: "the killed one sounds on for", unit: "ms", value: milli(k.zero.Add(clock{}.at(last)).Sub(k.killed)), bar: most(250, 500)},
		figure{what: "its end is told after", unit: "s", value: k.told.Sub(k.killed).Seconds(), bar: most(40, 60)},
	)
	return fromJoining(w, out)
}
