package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"yodel/peer"
	"yodel/peer/audio"
	"yodel/wire"
)

// splitter writes each talk of a timeline into a WAV of its own. Its files are named by an instant and a nick (fileNick), inside of one folder and
// nowhere else, and none takes the place of another. What a daemon says bounds neither their number nor their length: the disk does. Open at once are
// those of the talks that are heard, audio.MaxStreams at most.
//
// start, take and close are called by whoever reads the timeline, one at a time; told by anybody.
type splitter struct {
	root  *os.Root
	limit int64 // position at which the timeline ends; 0: none

	begin time.Time          // of sample 0
	stop  context.CancelFunc // ends the reading after a failure
	files map[*peer.Talking]*talkFile
	err   error // the first

	complete chan struct{} // files are complete
	mu       sync.Mutex
	done     []fileObject // files that are complete and were not told; guarded by mu
}

// talkFile is the file of one talk.
type talkFile struct {
	*audio.WAVWriter
	file   *os.File
	object fileObject
	next   int64 // position of the sample that follows
}

// splitOf reads --split and makes its folder ready; nil without it.
func splitOf(c *cli.Context) (*splitter, error) {
	dir := c.String("split")
	switch {
	case !c.IsSet("split"):
		return nil, nil
	case dir == "":
		return nil, usagef("--split is empty")
	}
	return openSplit(dir, durationOf(c, "for"))
}

// openSplit makes the folder unless it is there, and sees whether files can be made in it.
func openSplit(dir string, limit time.Duration) (*splitter, error) {
	if err := os.Mkdir(dir, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if info, err := os.Stat(dir); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s: not a folder", dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	s := &splitter{root: root, limit: samples(limit), files: make(map[*peer.Talking]*talkFile), complete: make(chan struct{}, 1)}
	if err := s.try(); err != nil {
		return nil, firstError(fmt.Errorf("%s: no file can be made there: %w", dir, err), root.Close())
	}
	return s, nil
}

// try makes a file and removes it.
func (s *splitter) try() error {
	f, name, err := s.create("yodel", ".tmp")
	if err != nil {
		return err
	}
	return firstError(f.Close(), s.root.Remove(name))
}

// sameName is how many files may have the same instant and nick.
const sameName = 1000

// create makes a file that was not there: name, else name-2, name-3 …
func (s *splitter) create(name, ext string) (f *os.File, full string, err error) {
	full = name + ext
	for n := 2; n <= sameName; n++ {
		f, err = s.root.OpenFile(full, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
		full = name + "-" + strconv.Itoa(n) + ext
	}
	return f, full, err
}

// start tells the instant of sample 0 and what ends the reading when a file fails.
func (s *splitter) start(at time.Time, stop context.CancelFunc) { s.begin, s.stop = at, stop }

// take is peer.HearOptions.Parts.
func (s *splitter) take(p peer.Part) {
	if s.err != nil {
		return
	}
	if err := s.write(p); err != nil {
		s.err = err
		s.stop()
	}
}

func (s *splitter) write(p peer.Part) error {
	f := s.files[p.Talk]
	if s.limit > 0 {
		p.At = min(p.At, s.limit)
		p.PCM = p.PCM[:min(int64(len(p.PCM)), s.limit-p.At)]
	}
	switch {
	case p.End && f != nil:
		delete(s.files, p.Talk)
		return firstError(f.silence(p.At), s.finish(f))
	case len(p.PCM) == 0:
		return nil
	case f == nil:
		var err error
		if f, err = s.open(p); err != nil {
			return err
		}
		s.files[p.Talk] = f
	}
	return f.add(p)
}

// open makes the file of a talk whose first sound is p.
func (s *splitter) open(p peer.Part) (*talkFile, error) {
	at := s.begin.Add(time.Duration(p.At) * time.Second / audio.SampleRate).UTC()
	file, name, err := s.create(at.Format("20060102T150405.000Z")+"_"+fileNick(p.Talk.Nick), ".wav")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.root.Name(), err)
	}
	path := filepath.Join(s.root.Name(), name)
	w, err := audio.NewWAVWriter(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, firstError(err, file.Close()))
	}
	return &talkFile{w, file, fileObject{
		Type: "file", Path: path, Room: p.Talk.Room, From: p.Talk.Nick, Fingerprint: p.Talk.Fingerprint.String(),
		SSRC: p.Talk.SSRC, At: stamp(at),
	}, p.At}, nil
}

// add appends the sound of a part, and before it the silence since the last one. Nothing but silence has time until more follows: a talk whose end
// gets lost is waited for, and is silent meanwhile.
func (f *talkFile) add(p peer.Part) error {
	if audio.Peak(p.PCM) == audio.Silence {
		return nil
	}
	return firstError(f.silence(p.At), f.append(p.PCM))
}

// silentSecond is how silence is written, which may be long: each write has the timeline wait.
var silentSecond [audio.SampleRate]int16

// silence appends silence up to a position.
func (f *talkFile) silence(to int64) error {
	for f.next < to {
		if err := f.append(silentSecond[:min(to-f.next, int64(len(silentSecond)))]); err != nil {
			return err
		}
	}
	return nil
}

func (f *talkFile) append(pcm []int16) error {
	f.next += int64(len(pcm))
	if err := f.Write(pcm); err != nil {
		return fmt.Errorf("%s: %w", f.object.Path, err)
	}
	return nil
}

// finish completes a file, and has it told.
func (s *splitter) finish(f *talkFile) error {
	if err := firstError(f.Close(), f.file.Close()); err != nil {
		return fmt.Errorf("%s: %w", f.object.Path, err)
	}
	f.object.Duration = float64(f.Samples()) / audio.SampleRate
	s.mu.Lock()
	s.done = append(s.done, f.object)
	s.mu.Unlock()
	select {
	case s.complete <- struct{}{}:
	default:
	}
	return nil
}

// close completes the files of the talks that go on, and gives the first error of all.
func (s *splitter) close() error {
	for talk, f := range s.files {
		delete(s.files, talk)
		s.err = firstError(s.err, s.finish(f))
	}
	return firstError(s.err, s.root.Close())
}

// news tells when told gives something; never for a nil splitter.
func (s *splitter) news() <-chan struct{} {
	if s == nil {
		return nil
	}
	return s.complete
}

// told gives the files that were completed since it was called last; none of a nil splitter.
func (s *splitter) told() []fileObject {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	done := s.done
	s.done = nil
	return done
}

// openOutputs opens the output, and the files of the talks if they are wanted: in place of the speaker. It gives what openOutput does.
func (sh *shell) openOutputs(h hearing, split *splitter) (func(context.Context) error, error) {
	if split == nil {
		return sh.openOutput(h)
	}
	play := func(ctx context.Context) error { return pace(ctx, h, fileStep, func([]int16) error { return nil }) }
	if h.output != toSpeaker {
		var err error
		if play, err = sh.openOutput(h); err != nil {
			return nil, firstError(err, split.close())
		}
	}
	return func(ctx context.Context) error {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		split.start(h.Start(), stop)
		err := play(ctx)
		return firstError(err, split.close())
	}, nil
}

// tellFiles tells of the files that are complete.
func (sh *shell) tellFiles(s *splitter) {
	for _, o := range s.told() {
		now := time.Now()
		sh.out.event(clock(now, now)+" * wrote "+wire.Printable(o.Path)+fmt.Sprintf(", %.1f s", o.Duration), o)
	}
}
