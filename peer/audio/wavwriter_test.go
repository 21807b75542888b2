package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheHeaderIsRightWheneverTheProcessIsKilled(t *testing.T) {
	name := filepath.Join(t.TempDir(), "echo.wav")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := NewWAVWriter(f)
	if err != nil {
		t.Fatal(err)
	}
	pcm := sine(4800, 440, 48000, 0.5)
	for n := 0; n <= len(pcm); n += 480 {
		if n > 0 {
			if err := w.Write(pcm[n-480 : n]); err != nil {
				t.Fatal(err)
			}
		}
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			if _, err := Open(bytes.NewReader(file), nil); !errors.Is(err, ErrEmpty) || len(file) != wavHeaderSize {
				t.Fatalf("at the beginning: %d bytes, %v", len(file), err)
			}
			continue
		}
		s, err := Open(bytes.NewReader(file), nil)
		if err != nil {
			t.Fatalf("after %d samples: %v", n, err)
		}
		if diff := cmp.Diff(pcm[:n], readAll(t, s)); diff != "" {
			t.Fatalf("after %d samples: %s", n, diff)
		}
		if riff := binary.LittleEndian.Uint32(file[4:]); int(riff) != len(file)-8 {
			t.Fatalf("after %d samples RIFF has %d bytes, the file %d", n, riff, len(file))
		}
	}
	if err := w.Close(); err != nil || w.Samples() != int64(len(pcm)) {
		t.Error(err, w.Samples())
	}
}

func TestAPipeGetsAStreamingHeader(t *testing.T) {
	appending, err := os.OpenFile(filepath.Join(t.TempDir(), "x.wav"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer appending.Close()
	pcm := sine(960, 440, 48000, 0.5)
	for name, rw := range map[string]io.ReadWriter{"buffer": &bytes.Buffer{}, "appending": appending} {
		w, err := NewWAVWriter(rw)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Write(pcm[:480]), w.Write(pcm[480:]), w.Close()); err != nil {
			t.Fatal(err)
		}
		if name == "appending" {
			if _, err := appending.Seek(0, io.SeekStart); err != nil {
				t.Fatal(err)
			}
		}
		s, err := Open(pipe{rw}, nil)
		if err != nil {
			t.Fatal(name, err)
		}
		if _, known := s.Duration(); known {
			t.Errorf("%s: a length is declared", name)
		}
		if diff := cmp.Diff(pcm, readAll(t, s)); diff != "" {
			t.Error(name, diff)
		}
	}
}

func TestTheHeaderOfAHugeFileMeansUntilTheEnd(t *testing.T) {
	for size, want := range map[int64]uint32{
		0: 0, 96000: 96000, math.MaxUint32 - wavHeaderSize: math.MaxUint32 - wavHeaderSize,
		math.MaxUint32: math.MaxUint32, 1 << 40: math.MaxUint32,
	} {
		if got := binary.LittleEndian.Uint32(wavHead(size)[40:]); got != want {
			t.Errorf("%d bytes: %#x, want %#x", size, got, want)
		}
	}
}

// fullDisk fails after some bytes.
type fullDisk struct{ left int }

var errFull = errors.New("no space left on device")

func (d *fullDisk) Write(p []byte) (int, error) {
	if len(p) > d.left {
		return 0, errFull
	}
	d.left -= len(p)
	return len(p), nil
}

func TestWritersReportErrors(t *testing.T) {
	if _, err := NewWAVWriter(&fullDisk{10}); !errors.Is(err, errFull) {
		t.Error(err)
	}
	w, err := NewWAVWriter(&fullDisk{100})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(make([]int16, 480)); !errors.Is(err, errFull) || w.Samples() != 0 {
		t.Error(err, w.Samples())
	}
	if err := NewRawWriter(&fullDisk{10}).Write(make([]int16, 480)); !errors.Is(err, errFull) {
		t.Error(err)
	}
}

func TestRawIsLittleEndian(t *testing.T) {
	var b bytes.Buffer
	w := NewRawWriter(&b)
	if err := errors.Join(w.Write([]int16{1, -2}), w.Write([]int16{256}), w.Close()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]byte{1, 0, 0xfe, 0xff, 0, 1}, b.Bytes()); diff != "" {
		t.Error(diff)
	}
}
