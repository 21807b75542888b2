//go:build linux

package soundtest

import (
	"context"
	"time"

	"yodel/cmd/internal/programs"
	"yodel/cmd/internal/speech"
)

// loads are the rows of the processor. They are in the full form only: the short one runs on machines that others use.
func loads() []row {
	return []row{
		{name: "processor, 1 voice", alone: true, course: processor{voices: 1, bar: most(2, 4)}.run},
		{name: "processor, 20 voices", alone: true, course: processor{voices: 20, bar: most(15, 30)}.run},
	}
}

// processor is a course: what `yodel hear` takes of a core while several talk at once.
type processor struct {
	voices int
	bar    bar
}

// counted is how long the processor time is counted.
const counted = 20 * time.Second

func (c processor) run(w *world, out *outcome) error {
	ear, _, err := w.hear("bob", liveRoom)
	if err != nil {
		return err
	}
	const d = counted + 20*time.Second // all of them have to begin before
	var mouths []*programs.Process
	for n := range c.voices {
		pcm, err := speech.New(d, w.seed+uint64(n))
		if err != nil {
			return err
		}
		file := w.path(nickOf(n) + ".wav")
		if err := speech.Save(file, pcm); err != nil {
			return err
		}
		mouth, _, err := w.talk(nickOf(n), liveRoom, file, sameRate...)
		if err != nil {
			return err
		}
		mouths = append(mouths, mouth)
	}
	err = w.within(0, func(ctx context.Context) error {
		_, err := ear.AwaitEvent(ctx, "talk", "start", c.voices)
		return err
	})
	if err != nil {
		return err
	}
	began, before := time.Now(), cpuTime(ear)
	if err := w.pause(counted); err != nil {
		return err
	}
	took, used := time.Since(began), cpuTime(ear)-before
	out.take(
		figure{what: "of a core", unit: "%", value: 100 * used.Seconds() / took.Seconds(), bar: c.bar},
		figure{what: "voices that ended early", value: float64(ended(ear)), bar: most(0, 0)},
	)
	for _, mouth := range mouths {
		mouth.Kill()
	}
	ear.Kill()
	return nil
}

// ended counts the talks that have ended for a hearer.
func ended(ear *programs.Process) (n int) {
	for _, e := range ear.Of("talk") {
		if e.State == "end" {
			n++
		}
	}
	return n
}
