//go:build cgo

package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"yodel/peer/audio/ogg"
	"yodel/peer/audio/score"
)

// oggFile is an Ogg Opus file in the making.
type oggFile struct {
	channels, preSkip, gain int
	family                  []byte // mapping family and table
	packets                 [][]byte
	cut                     int // samples that the end leaves out
}

func (f oggFile) bytes(t testing.TB, serial uint32) []byte {
	t.Helper()
	var b bytes.Buffer
	w := ogg.NewWriter(&b, serial)
	head := append([]byte(opusHeadMagic), 1, byte(f.channels))
	head = binary.LittleEndian.AppendUint16(head, uint16(f.preSkip))
	head = binary.LittleEndian.AppendUint32(head, SampleRate)
	head = binary.LittleEndian.AppendUint16(head, uint16(f.gain))
	head = append(head, append(f.family, 0)[:max(len(f.family), 1)]...)
	at := 0
	put := func(p []byte, flush bool) {
		err := w.Add(p, int64(at))
		if err == nil && flush {
			err = w.Flush()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put(head, true)
	put([]byte(opusTagsMagic+"\x00\x00\x00\x00\x00\x00\x00\x00"), true)
	for i, p := range f.packets {
		n, err := opusSamples(p)
		if err != nil {
			t.Fatal(err)
		}
		at += n
		put(p, i%7 == 6 && i < len(f.packets)-1)
	}
	if err := w.Close(int64(at - f.cut)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var speechPackets [][]byte

// encodedSpeech is the project's speech in Opus packets, which are not to be changed.
func encodedSpeech(t testing.TB) [][]byte {
	t.Helper()
	if speechPackets == nil {
		speechPackets = encodeAll(t, Opus, speech(t))
	}
	return speechPackets
}

// plain is what most encoders write.
func plain(packets [][]byte) oggFile { return oggFile{channels: 1, preSkip: 312, packets: packets} }

// readFrames reads a source as a talk does: the frames, and the packets for them.
func readFrames(t *testing.T, r io.Reader) (pcm []int16, frames [][]byte) {
	t.Helper()
	s, err := Open(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	frame := make([]int16, Opus.FrameSamples)
	for {
		n, packet, err := s.ReadPacket(frame)
		pcm = append(pcm, frame[:n]...)
		if n > 0 || packet != nil {
			frames = append(frames, slices.Clone(packet))
		}
		if errors.Is(err, io.EOF) {
			return pcm, frames
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// same tells whether two packets hold the same frame.
func same(t *testing.T, a, b []byte) bool {
	t.Helper()
	fa, ok := opusFrame(a)
	fb, ok2 := opusFrame(b)
	return ok && ok2 && a[0]&^3 == b[0]&^3 && bytes.Equal(fa, fb)
}

func TestPacketsThatFitAreGivenAsTheyAre(t *testing.T) {
	sent := encodedSpeech(t)
	for name, f := range map[string]oggFile{
		"plain":                plain(sent),
		"ends within a frame":  {channels: 1, preSkip: 312, packets: sent, cut: 500},
		"family 1":             {channels: 1, preSkip: 312, packets: sent, family: []byte{1, 1, 0, 0}},
		"more pre-skip":        {channels: 1, preSkip: 356, packets: sent},
		"whole frame of it":    {channels: 1, preSkip: 960, packets: sent},
		"called two channels":  {channels: 2, preSkip: 312, packets: sent},
		"with padding of 300":  plain([][]byte{padOpus(nil, sent[0][0], sent[0][1:], 380), sent[1], sent[2]}),
		"without being padded": plain([][]byte{padOpus(nil, sent[0][0], sent[0][1:], 81), sent[1], sent[2]}),
	} {
		b := f.bytes(t, 1)
		for kind, r := range map[string]io.Reader{"file": bytes.NewReader(b), "pipe": pipe{bytes.NewReader(b)}} {
			pcm, frames := readFrames(t, r)
			if len(frames) != len(f.packets) {
				t.Fatalf("%s, %s: %d frames of %d", name, kind, len(frames), len(f.packets))
			}
			for i, p := range frames {
				if !same(t, p, f.packets[i]) || len(p) != leastPassed {
					t.Fatalf("%s, %s: frame %d is another: %d bytes", name, kind, i, len(p))
				}
			}
			if want := 960*len(f.packets) - f.preSkip - f.cut; len(pcm) != want {
				t.Errorf("%s, %s: %d samples, want %d", name, kind, len(pcm), want)
			}
		}
	}
}

// What does not fit gives no packets, and all of its sound.
func TestWhatDoesNotFitIsDecoded(t *testing.T) {
	voice, sent := speech(t), encodedSpeech(t)
	for name, f := range map[string]oggFile{
		"gain":             {channels: 1, preSkip: 312, packets: sent, gain: -1536},
		"long pre-skip":    {channels: 1, preSkip: 3840, packets: sent},
		"frames of 10 ms":  plain(encodeFile(t, voice, 480)),
		"frames of 2.5 ms": plain(encodeFile(t, voice[:48_000], 120)),
		"two in a packet":  plain([][]byte{append([]byte{sent[0][0]&^3 | 1}, slices.Concat(sent[0][1:], sent[1][1:])...)}),
		"too large":        plain([][]byte{padOpus(nil, sent[0][0], bytes.Repeat([]byte{7}, MaxPassed), 0)}),
	} {
		pcm, frames := readFrames(t, bytes.NewReader(f.bytes(t, 1)))
		if i := slices.IndexFunc(frames, func(p []byte) bool { return p != nil }); i >= 0 {
			t.Errorf("%s: frame %d is given as a packet", name, i)
		}
		if len(pcm) < 4*SampleRate {
			continue
		}
		from := max(f.preSkip-312, 0)
		s := score.Compare(voice[from:], pcm)
		if s.Lag < -2 || s.Lag > 2 || s.FwSNRseg < 15 {
			t.Errorf("%s: %v", name, s)
		}
		if loud := s.Gain > 0.9; loud == (f.gain != 0) {
			t.Errorf("%s: gain %.2f", name, s.Gain)
		}
	}
}

// encodeFile encodes in short frames.
func encodeFile(t testing.TB, pcm []int16, frame int) (all [][]byte) {
	t.Helper()
	e, err := newFileEncoder()
	if err != nil {
		t.Fatal(err)
	}
	for ; len(pcm) >= frame; pcm = pcm[frame:] {
		p, err := e.encode(pcm[:frame])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, slices.Clone(p))
	}
	return all
}

// From the first packet on that does not fit there are only samples, which go on where the packets end.
func TestPacketsEndAtOneThatDoesNotFit(t *testing.T) {
	voice, sent := speech(t), encodedSpeech(t)
	short := encodeFile(t, voice, 480)
	link := plain(sent).bytes(t, 1)
	for name, c := range map[string]struct {
		file    []byte
		packets int
		samples int
	}{
		"another length":  {plain(slices.Concat(sent[:50], short[:1], sent[50:])).bytes(t, 1), 50, 960*len(sent) + 480 - 312},
		"another link":    {slices.Concat(link, plain(sent).bytes(t, 2)), len(sent), 2 * (960*len(sent) - 312)},
		"the same serial": {slices.Concat(link, link), len(sent), 2 * (960*len(sent) - 312)},
	} {
		pcm, frames := readFrames(t, bytes.NewReader(c.file))
		n := slices.IndexFunc(frames, func(p []byte) bool { return p == nil })
		if n < c.packets-1 || n > c.packets || slices.ContainsFunc(frames[n:], func(p []byte) bool { return p != nil }) {
			t.Errorf("%s: %d frames are packets, want %d", name, n, c.packets)
		}
		if len(pcm) != c.samples {
			t.Errorf("%s: %d samples, want %d", name, len(pcm), c.samples)
		}
	}
}

// The sizes of what is passed on are those of the largest packet of a file, and in a pipe only grow.
func TestSizesTellLittle(t *testing.T) {
	var sent [][]byte
	for i := range 60 {
		sent = append(sent, append([]byte{0xf8}, bytes.Repeat([]byte{7}, 20+i*i%301)...))
	}
	sent[30] = append([]byte{0xf8}, bytes.Repeat([]byte{7}, 340)...)
	b := plain(sent).bytes(t, 1)
	for name, r := range map[string]io.Reader{"file": bytes.NewReader(b), "pipe": pipe{bytes.NewReader(b)}} {
		s, err := Open(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		last, frame := 0, make([]int16, 960)
		for i := range sent {
			_, p, err := s.ReadPacket(frame)
			if err != nil && !errors.Is(err, io.EOF) || !same(t, p, sent[i]) {
				t.Fatal(i, err)
			}
			if len(p) < last || len(p)%passedStep != 0 || len(p) > MaxPassed || name == "file" && len(p) != MaxPassed {
				t.Fatalf("%s: packet %d has %d bytes behind one of %d", name, i, len(p), last)
			}
			last = len(p)
		}
	}
}

// Every size can be made, and every decoder reads it as the packet that it was.
func TestPaddedPacketsSoundTheSame(t *testing.T) {
	sent := encodeAll(t, Opus, sine(960*4, 440, 48000, 0.3))
	want := decodeAll(t, PayloadOpus, sent, 960)
	for size := OpusPayload; size < 700; size++ {
		var padded [][]byte
		for _, p := range sent {
			padded = append(padded, padOpus(nil, p[0], p[1:], size))
			if got := len(padded[len(padded)-1]); got != size {
				t.Fatalf("%d bytes, want %d", got, size)
			}
		}
		if size%9 == 0 && !slices.Equal(decodeAll(t, PayloadOpus, padded, 960), want) {
			t.Fatalf("padded to %d bytes it sounds otherwise", size)
		}
		if !same(t, padded[1], sent[1]) {
			t.Fatalf("padded to %d bytes it is another", size)
		}
	}
}

func TestOggThatIsNotReadIsNamed(t *testing.T) {
	sent := encodedSpeech(t)[:60]
	good := plain(sent).bytes(t, 1)
	changed := slices.Clone(good)
	changed[len(changed)-9] ^= 1
	for name, c := range map[string]struct {
		file []byte
		err  error
		text string
	}{
		"Vorbis":       {firstPacket(t, "\x01vorbis\x00"), ErrUnsupported, "Ogg Vorbis is not supported: Ogg Opus is"},
		"FLAC":         {firstPacket(t, "\x7fFLAC\x01"), ErrUnsupported, "Ogg FLAC is not supported"},
		"another":      {firstPacket(t, "nothing known"), ErrUnsupported, `begins with "nothing "`},
		"surround":     {oggFile{channels: 6, family: []byte{1, 4, 2, 0, 4, 1, 2, 3, 5}, packets: sent}.bytes(t, 1), ErrUnsupported, "Ogg Opus with 6 channels is not supported: 1 or 2 are"},
		"two streams":  {oggFile{channels: 2, family: []byte{1, 2, 0, 0, 1}, packets: sent}.bytes(t, 1), ErrUnsupported, "mapping family 1"},
		"short head":   {firstPacket(t, "OpusHead\x01\x01"), ErrUnsupported, "OpusHead of 10 bytes"},
		"only headers": {plain(nil).bytes(t, 1), ErrEmpty, ""},
		"changed":      {changed, ogg.ErrDamaged, "checksum"},
		"truncated":    {good[:len(good)-100], ErrTruncated, "truncated file"},
		"empty packet": {rawPackets(t, ""), ErrPayload, "packet 0 of the Opus file is empty"},
		"no beginning": {good[bytes.Index(good[4:], []byte("OggS"))+4:], ErrUnsupported, "Ogg that begins in the middle of a stream is not supported"},
		"long packet":  {rawPackets(t, "\xff\x3f"), ErrPayload, "packet 0 of the Opus file: "},
	} {
		if _, err := Open(bytes.NewReader(c.file), nil); !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want %v with %q", name, err, c.err, c.text)
		}
	}
	// From a pipe what is there is taken, up to the fault.
	if pcm, _ := readFrames(t, pipe{bytes.NewReader(good[:len(good)-100])}); len(pcm) < SampleRate*9/10 {
		t.Errorf("of a truncated pipe %d samples", len(pcm))
	}
}

// A tag of another format behind the file is no fault.
func TestOggIsReadUpToWhatIsNoOgg(t *testing.T) {
	good := plain(encodedSpeech(t)[:60]).bytes(t, 1)
	want, _ := readFrames(t, bytes.NewReader(good))
	if got, _ := readFrames(t, bytes.NewReader(append(good, "TAG and a title"...))); len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("%d samples, want %d", len(got), len(want))
	}
}

// Packets behind the end of the sound are not given, and not kept either.
func TestPacketsBehindTheEndAreLeftOut(t *testing.T) {
	sent := encodedSpeech(t)[:14]
	f := plain(sent)
	f.cut = 5 * 960 // of the last page
	src, err := Open(bytes.NewReader(f.bytes(t, 1)), nil)
	if err != nil {
		t.Fatal(err)
	}
	given, frame := 0, make([]int16, Opus.FrameSamples)
	for err == nil {
		var packet []byte
		if _, packet, err = src.ReadPacket(frame); packet != nil {
			given++
		}
	}
	if given != 9 || len(src.ogg.kept) != 0 {
		t.Errorf("%d packets are given, %d kept", given, len(src.ogg.kept))
	}
}

// firstPacket is an Ogg file of a stream that begins so.
func firstPacket(t testing.TB, packet string) []byte { return rows(t, packet, "second") }

// rawPackets is an Ogg Opus file of such packets.
func rawPackets(t testing.TB, packets ...string) []byte {
	head := string(opusHeadMagic) + "\x01\x01\x38\x01\x80\xbb\x00\x00\x00\x00\x00"
	return rows(t, append([]string{head, opusTagsMagic}, packets...)...)
}

// rows is a stream of packets, a page of each.
func rows(t testing.TB, packets ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := ogg.NewWriter(&b, 1)
	for _, p := range packets {
		if err := errors.Join(w.Add([]byte(p), 960), w.Flush()); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestTheDurationOfAnOggFile(t *testing.T) {
	sent := encodedSpeech(t)
	b := oggFile{channels: 1, preSkip: 312, packets: sent[:50], cut: 168}.bytes(t, 1)
	for _, c := range []struct {
		r     io.Reader
		d     time.Duration
		known bool
	}{{bytes.NewReader(b), 990 * time.Millisecond, true}, {pipe{bytes.NewReader(b)}, 0, false}} {
		s, err := Open(c.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if d, known := s.Duration(); d != c.d || known != c.known {
			t.Errorf("%v %v, want %v %v", d, known, c.d, c.known)
		}
	}
}

func TestPassingAllocatesNothingPerPacket(t *testing.T) {
	sent := encodedSpeech(t)
	s, err := Open(bytes.NewReader(plain(slices.Repeat(sent, 3)).bytes(t, 1)), nil)
	if err != nil {
		t.Fatal(err)
	}
	frame := make([]int16, 960)
	if allocs := testing.AllocsPerRun(300, func() {
		if _, p, err := s.ReadPacket(frame); err != nil || p == nil {
			t.Fatal(err)
		}
	}); allocs > 0 {
		t.Errorf("%v allocations a packet", allocs)
	}
}

// FuzzOgg makes Ogg files of any packets: what is given of them ends, has the length that was told, and are packets that can be sent.
func FuzzOgg(f *testing.F) {
	sent := encodeAll(f, Opus, sine(9600, 440, 48000, 0.3))
	head := "OpusHead\x01\x01\x38\x01\x80\xbb\x00\x00\x00\x00\x00"
	f.Add([]byte(head), []byte(opusTagsMagic), slices.Concat(sent[:3]...), 80, int64(2500), true)
	f.Add([]byte(head), []byte(opusTagsMagic), slices.Concat(sent[:3]...), 37, int64(-1), true)
	f.Add([]byte("OpusHead\x01\x02\x00\x00\x80\xbb\x00\x00\x00\x02\x01\x01\x01"), []byte(opusTagsMagic), []byte("\xff\x41\xff\x03abc"), 3, int64(1), false)
	f.Add([]byte("\x01vorbis"), []byte("x"), []byte("abc"), 1, int64(0), true)
	f.Fuzz(func(t *testing.T, head, tags, sound []byte, size int, granule int64, seekable bool) {
		if len(head)+len(tags)+len(sound) > 30_000 {
			return
		}
		var b bytes.Buffer
		w := ogg.NewWriter(&b, 1)
		err := errors.Join(w.Add(head, 0), w.Flush(), w.Add(tags, 0), w.Flush())
		for p := range slices.Chunk(sound, min(max(size, 1), 2000)) {
			err = errors.Join(err, w.Add(p, 960))
		}
		if err := errors.Join(err, w.Close(granule)); err != nil {
			t.Fatal(err)
		}
		var r io.Reader = pipe{&b}
		if seekable {
			r = bytes.NewReader(b.Bytes())
		}
		s, err := Open(r, nil)
		if err != nil {
			return
		}
		total, last, frame := int64(0), 0, make([]int16, 960)
		for err == nil {
			var n int
			var p []byte
			n, p, err = s.ReadPacket(frame)
			total += int64(n)
			if p == nil {
				continue
			}
			if got, err := PacketSamples(PayloadOpus, p); err != nil || got != 960 || len(p) > MaxPassed || len(p) < last {
				t.Fatalf("a packet of %d bytes, %d samples: %v", len(p), got, err)
			}
			last = len(p)
		}
		if errors.Is(err, io.EOF) && s.known && total != s.length {
			t.Fatalf("%d samples came, %d were promised", total, s.length)
		}
	})
}
