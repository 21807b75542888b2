package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yodel/peer"
	"yodel/peer/audio"
)

// sampleZero is the instant of sample 0 in these tests.
var sampleZero = time.Date(2026, 11, 21, 18, 45, 1, 250e6, time.FixedZone("east", 7200))

// startSplit gives a splitter on a new folder, and whether it has ended the reading.
func startSplit(t *testing.T, limit time.Duration) (s *splitter, dir string, stopped *bool) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "split")
	s, err := openSplit(dir, limit)
	if err != nil {
		t.Fatal(err)
	}
	stopped = new(bool)
	s.start(sampleZero, func() { *stopped = true })
	return s, dir, stopped
}

// sound is a part of 20 ms whose samples are all v.
func sound(talk *peer.Talking, at int64, v int16) peer.Part {
	return peer.Part{Talk: talk, At: at, PCM: slices.Repeat([]int16{v}, 960)}
}

// samplesOf reads a WAV.
func samplesOf(t *testing.T, path string) []int16 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer closeRead(f)
	src, err := audio.Open(f, nil)
	if errors.Is(err, audio.ErrEmpty) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	var all []int16
	frame := make([]int16, 960)
	for {
		n, err := src.Read(frame)
		all = append(all, frame[:n]...)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func namesIn(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// Each talk has a file with its own sound, the silence within it too, named by the instant of its first sample.
func TestSplitWritesEachTalkIntoItsFile(t *testing.T) {
	s, dir, stopped := startSplit(t, 0)
	alice, bob := &peer.Talking{Nick: "alice", Room: "lobby", SSRC: 7}, &peer.Talking{Nick: "../bob"}
	s.take(peer.Part{Talk: alice, At: 48000, Payload: []byte{1}, Samples: 960}) // a packet is no sound
	s.take(sound(alice, 48000, 100))
	s.take(sound(bob, 48000, -5))
	s.take(sound(alice, 48960, 101))
	s.take(sound(bob, 48960+3*960, -6)) // 60 ms of nothing before it
	s.take(peer.Part{Talk: alice, At: 49920, End: true})
	told := s.told()
	s.take(peer.Part{Talk: bob, At: 52800, End: true})
	if err := s.close(); err != nil || *stopped {
		t.Fatal(err, *stopped)
	}
	names := []string{"20261121T164502.250Z__bob.wav", "20261121T164502.250Z_alice.wav"}
	if diff := cmp.Diff(names, namesIn(t, dir)); diff != "" {
		t.Error(diff)
	}
	want := []fileObject{{
		Type: "file", Path: filepath.Join(dir, names[1]), Room: "lobby", From: "alice", Fingerprint: alice.Fingerprint.String(), SSRC: 7,
		At: "2026-11-21T16:45:02.25Z", Duration: 0.04,
	}}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
	if got := samplesOf(t, filepath.Join(dir, names[1])); !slices.Equal(got, slices.Concat(sound(nil, 0, 100).PCM, sound(nil, 0, 101).PCM)) {
		t.Errorf("alice: %d samples", len(got))
	}
	if got := samplesOf(t, filepath.Join(dir, names[0])); !slices.Equal(got, slices.Concat(sound(nil, 0, -5).PCM, make([]int16, 3*960), sound(nil, 0, -6).PCM)) {
		t.Errorf("bob: %d samples", len(got))
	}
}

// Silence at the end counts up to the talk's end, not for as long as more was waited for.
func TestSplitEndsWithTheTalk(t *testing.T) {
	s, dir, _ := startSplit(t, 0)
	alice := &peer.Talking{Nick: "alice"}
	s.take(sound(alice, 0, 0)) // it begins with silence
	s.take(sound(alice, 960, 9))
	for at := int64(1920); at < 5*48000; at += 960 {
		s.take(sound(alice, at, 0))
	}
	s.take(peer.Part{Talk: alice, At: 3840, End: true})
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	got := samplesOf(t, filepath.Join(dir, "20261121T164501.250Z_alice.wav"))
	if want := slices.Concat(make([]int16, 960), sound(nil, 0, 9).PCM, make([]int16, 1920)); !slices.Equal(got, want) {
		t.Errorf("%d samples, want %d", len(got), len(want))
	}
}

// Talks of one instant and nick have files of their own, and what was in the folder before stays.
func TestSplitOverwritesNothing(t *testing.T) {
	s, dir, _ := startSplit(t, 0)
	mine := filepath.Join(dir, "20261121T164501.250Z_alice-2.wav")
	if err := os.WriteFile(mine, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, nick := range []string{"alice", "alice", "alice", "alice"} {
		s.take(sound(&peer.Talking{Nick: nick}, 0, 1))
	}
	s.take(sound(&peer.Talking{Nick: "al/ce"}, 0, 1))
	s.take(sound(&peer.Talking{Nick: "al:ce"}, 0, 1))
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, name := range []string{"al_ce-2", "al_ce", "alice-2", "alice-3", "alice-4", "alice-5", "alice"} {
		want = append(want, "20261121T164501.250Z_"+name+".wav")
	}
	if diff := cmp.Diff(want, namesIn(t, dir)); diff != "" {
		t.Error(diff)
	}
	if got, err := os.ReadFile(mine); string(got) != "mine" {
		t.Errorf("%q, %v", got, err)
	}
	if told := s.told(); len(told) != 6 {
		t.Errorf("%d files told, want 6", len(told))
	}
}

// A file ends where --for ends the timeline, within a frame.
func TestSplitEndsWithTheTimeline(t *testing.T) {
	s, dir, _ := startSplit(t, 30*time.Millisecond)
	alice := &peer.Talking{Nick: "alice"}
	s.take(sound(alice, 0, 1))
	s.take(sound(alice, 960, 1))
	s.take(sound(alice, 1920, 1))
	s.take(sound(&peer.Talking{Nick: "bob"}, 1440, 1))
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	names := namesIn(t, dir)
	if len(names) != 1 {
		t.Fatal(names)
	}
	if n := len(samplesOf(t, filepath.Join(dir, names[0]))); n != 1440 {
		t.Errorf("%d samples, want 1440", n)
	}
}

// A file that fails ends the reading, and the error names it; those that go on are complete.
func TestSplitEndsWhenAFileFails(t *testing.T) {
	s, dir, stopped := startSplit(t, 0)
	alice, bob := &peer.Talking{Nick: "alice"}, &peer.Talking{Nick: "bob"}
	s.take(sound(alice, 0, 1))
	s.take(sound(bob, 0, 1))
	if err := s.files[alice].file.Close(); err != nil { // as if the disk were gone
		t.Fatal(err)
	}
	s.take(sound(alice, 960, 1))
	s.take(sound(bob, 960, 1))
	if !*stopped {
		t.Error("the reading goes on")
	}
	err := s.close()
	if !errors.Is(err, fs.ErrClosed) || !strings.Contains(err.Error(), "_alice.wav: ") {
		t.Errorf("got %v", err)
	}
	if told := s.told(); len(told) != 1 || told[0].From != "bob" {
		t.Errorf("told %v", told)
	}
	if n := len(samplesOf(t, filepath.Join(dir, "20261121T164501.250Z_bob.wav"))); n != 960 {
		t.Errorf("%d samples of bob, want 960", n)
	}
}

// A folder that is gone is an error, and no file appears elsewhere.
func TestSplitNeedsItsFolder(t *testing.T) {
	s, dir, stopped := startSplit(t, 0)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	s.take(sound(&peer.Talking{Nick: "alice"}, 0, 1))
	if err := s.close(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), dir) || !*stopped {
		t.Errorf("got %v, stopped %v", err, *stopped)
	}
}

func TestSplitLooksAtItsFolderFirst(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{file, filepath.Join(dir, "no", "such"), filepath.Join(file, "x"), "/proc"} {
		if s, err := openSplit(bad, 0); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: got %v, %v, want an error that names it", bad, s, err)
		}
	}
	for range 2 { // it is made, then it is there
		s, err := openSplit(filepath.Join(dir, "new"), 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}
	if names := namesIn(t, filepath.Join(dir, "new")); names != nil {
		t.Errorf("left %v", names)
	}
}
