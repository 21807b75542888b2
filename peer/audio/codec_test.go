package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"yodel/peer/audio/score"
)

// speech is the project's speech, padded to whole frames and one more.
func speech(t testing.TB) []int16 {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "testdata", "speech.wav"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := Open(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, (s.length/960+2)*960)
	if _, err := s.Read(pcm); err != nil {
		t.Fatal(err)
	}
	return pcm
}

// encodeAll returns the payloads of pcm, whole frames of it.
func encodeAll(t testing.TB, c Codec, pcm []int16) [][]byte {
	t.Helper()
	e, err := NewEncoder(c)
	if err != nil {
		t.Fatal(err)
	}
	var payloads [][]byte
	for ; len(pcm) >= c.FrameSamples; pcm = pcm[c.FrameSamples:] {
		b, err := e.Encode(nil, pcm[:c.FrameSamples])
		if err != nil {
			t.Fatal(err)
		}
		payloads = append(payloads, b)
	}
	return payloads
}

// decodeAll decodes payloads; nil stands for one that was lost, of n samples.
func decodeAll(t testing.TB, payloadType uint8, payloads [][]byte, n int) []int16 {
	t.Helper()
	d, err := NewDecoder(payloadType)
	if err != nil {
		t.Fatal(err)
	}
	var pcm []int16
	buf := make([]int16, MaxFrame)
	for _, b := range payloads {
		if b == nil {
			d.Conceal(buf[:n])
		} else if n, err = d.Decode(buf, b); err != nil {
			t.Fatal(err)
		}
		pcm = append(pcm, buf[:n]...)
	}
	return pcm
}

func TestL16IsExact(t *testing.T) {
	pcm := sine(4800, 997, 48000, 1)
	payloads := encodeAll(t, L16, pcm)
	if len(payloads) != 10 || len(payloads[0]) != 960 {
		t.Errorf("%d payloads of %d bytes", len(payloads), len(payloads[0]))
	}
	if diff := cmp.Diff(pcm, decodeAll(t, PayloadL16, payloads, 480)); diff != "" {
		t.Error(diff)
	}
	if got := int16(binary.BigEndian.Uint16(payloads[0][2:])); got != pcm[1] {
		t.Errorf("the second sample is sent as %d, it is %d", got, pcm[1])
	}
}

func TestEncoderWantsWholeFrames(t *testing.T) {
	e, err := NewEncoder(L16)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 479, 481, 960} {
		if b, err := e.Encode([]byte{1}, make([]int16, n)); !errors.Is(err, ErrFrameSize) || !bytes.Equal(b, []byte{1}) {
			t.Errorf("%d samples: %v, %v", n, b, err)
		}
	}
}

func TestCodecsAreFoundByName(t *testing.T) {
	for name, want := range map[string]error{"l16": nil, "L16": nil, "mp3": ErrUnknownCodec, "": ErrUnknownCodec, "opus": opusWanted} {
		c, err := CodecByName(name)
		if !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", name, err, want)
		}
		if err == nil && c.FrameSamples == 0 {
			t.Errorf("%q: %+v", name, c)
		}
	}
	for _, c := range Available() {
		if _, err := NewEncoder(c); err != nil {
			t.Errorf("%s is available, but: %v", c.Name, err)
		}
	}
	if _, err := NewEncoder(Codec{Name: "mp3"}); !errors.Is(err, ErrUnknownCodec) {
		t.Error(err)
	}
}

func TestPayloadsAreMeasured(t *testing.T) {
	bytesOf := func(n int, first ...byte) []byte { return append(first, make([]byte, n-len(first))...) }
	for name, c := range map[string]struct {
		payloadType uint8
		payload     []byte
		samples     int
		err         error
	}{
		"Opus, SILK 10 ms":          {PayloadOpus, bytesOf(20, 0<<3), 480, nil},
		"Opus, SILK 60 ms":          {PayloadOpus, bytesOf(20, 3<<3), 2880, nil},
		"Opus, hybrid 20 ms":        {PayloadOpus, bytesOf(80, 15<<3), 960, nil},
		"Opus, CELT 2.5 ms":         {PayloadOpus, bytesOf(20, 16<<3), 120, nil},
		"Opus, CELT 20 ms":          {PayloadOpus, bytesOf(20, 31<<3), 960, nil},
		"Opus, two frames":          {PayloadOpus, bytesOf(20, 31<<3|1), 1920, nil},
		"Opus, two of unequal size": {PayloadOpus, bytesOf(20, 31<<3|2), 1920, nil},
		"Opus, six of 20 ms":        {PayloadOpus, bytesOf(20, 31<<3|3, 6), 5760, nil},
		"Opus, seven of 20 ms":      {PayloadOpus, bytesOf(20, 31<<3|3, 7), 0, ErrPayload},
		"Opus, no frames":           {PayloadOpus, bytesOf(20, 31<<3|3, 0), 0, ErrPayload},
		"Opus without its count":    {PayloadOpus, []byte{31<<3 | 3}, 0, ErrPayload},
		"Opus, only a TOC":          {PayloadOpus, []byte{31 << 3}, 960, nil},
		"L16":                       {PayloadL16, bytesOf(960), 480, nil},
		"L16, odd":                  {PayloadL16, bytesOf(959), 0, ErrPayload},
		"PCMU":                      {PayloadPCMU, bytesOf(160), 960, nil},
		"PCMA, one byte":            {PayloadPCMA, bytesOf(1), 6, nil},
		"PCMU, the longest":         {PayloadPCMU, bytesOf(MaxPayload), MaxFrame, nil},
		"too long":                  {PayloadPCMU, bytesOf(MaxPayload + 1), 0, ErrPayload},
		"empty":                     {PayloadL16, nil, 0, ErrPayload},
		"another type":              {97, bytesOf(960), 0, ErrPayloadType},
	} {
		n, err := PacketSamples(c.payloadType, c.payload)
		if n != c.samples || !errors.Is(err, c.err) {
			t.Errorf("%s: %d, %v; want %d, %v", name, n, err, c.samples, c.err)
		}
	}
	if _, err := NewDecoder(97); !errors.Is(err, ErrPayloadType) {
		t.Error(err)
	}
}

// The codes and values are those of ITU-T G.711, tables 1 and 2, on the 16-bit scale.
func TestG711Decodes(t *testing.T) {
	for code, want := range map[byte]int16{0xff: 0, 0x7f: 0, 0x80: 32124, 0x00: -32124, 0xef: 132, 0x6f: -132, 0xf0: 120} {
		if got := muLaw(code); got != want {
			t.Errorf("mu-law %#x: %d, want %d", code, got, want)
		}
	}
	for code, want := range map[byte]int16{0xd5: 8, 0x55: -8, 0xaa: 32256, 0x2a: -32256, 0xd4: 24, 0xc5: 264} {
		if got := aLaw(code); got != want {
			t.Errorf("A-law %#x: %d, want %d", code, got, want)
		}
	}
}

// nearest encodes by search with a decoder of one byte.
func nearest(v int16, decode func(byte) int16) byte {
	best, least := byte(0), 1<<17
	for code := range 256 {
		if d := step(v, decode(byte(code))); d < least {
			best, least = byte(code), d
		}
	}
	return best
}

func TestG711ComesOutAt48kHz(t *testing.T) {
	for payloadType, decode := range map[uint8]func(byte) int16{PayloadPCMU: muLaw, PayloadPCMA: aLaw} {
		var payloads [][]byte
		in := sine(4000, 440, 8000, 0.5)
		for i := 0; i < len(in); i += 160 {
			var b []byte
			for _, v := range in[i : i+160] {
				b = append(b, nearest(v, decode))
			}
			payloads = append(payloads, b)
		}
		out := decodeAll(t, payloadType, payloads, 960)
		if len(out) != 24000 {
			t.Fatalf("%d samples", len(out))
		}
		if db, _ := toneRatio(out[2400:], 440); db < 30 {
			t.Errorf("payload type %d: %.1f dB", payloadType, db)
		}
	}
}

func TestLossIsConcealedAndFades(t *testing.T) {
	for _, c := range Available() {
		payloads := encodeAll(t, c, sine(48000, 300, 48000, 0.5))
		perFrame := c.FrameSamples
		lostFrom := 24000 / perFrame
		for i := lostFrom; i < lostFrom+9600/perFrame; i++ {
			payloads[i] = nil
		}
		out := decodeAll(t, c.PayloadType, payloads, perFrame)
		at := lostFrom * perFrame
		if l := Level(out[at : at+960]); l < -15 {
			t.Errorf("%s: the first 20 ms of a loss are at %.1f dB", c.Name, l)
		}
		if l := Level(out[at+concealEnd : at+9600]); l != Silence {
			t.Errorf("%s: 100 to 200 ms into a loss: %.1f dB", c.Name, l)
		}
		if biggest := biggestStep(out[at-480 : at+9600+4800]); biggest > 1500 { // the tone itself steps by 643
			t.Errorf("%s: a step of %d: it clicks", c.Name, biggest)
		}
		if l := Level(out[at+9600+960:]); l < -10 {
			t.Errorf("%s: after the loss %.1f dB", c.Name, l)
		}
	}
}

func biggestStep(x []int16) int {
	biggest := 0
	for i := range len(x) - 1 {
		biggest = max(biggest, step(x[i], x[i+1]))
	}
	return biggest
}

func TestConcealedL16IsBetterThanSilence(t *testing.T) {
	pcm := speech(t)[:75*960]
	payloads := encodeAll(t, L16, pcm)
	for i := 10; i < len(payloads); i += 20 {
		payloads[i] = nil
	}
	out := decodeAll(t, PayloadL16, payloads, 480)
	concealed := score.Compare(pcm, out)
	for i := 10; i < len(payloads); i += 20 {
		clear(out[i*480 : (i+1)*480])
	}
	silenced := score.Compare(pcm, out)
	if concealed.Lost != 0 || concealed.FwSNRseg < silenced.FwSNRseg+1 {
		t.Errorf("concealed: %v\nsilenced: %v", concealed, silenced)
	}
}

func TestDecodersSurviveNoise(t *testing.T) {
	const seed = 3
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, seed))
	buf := make([]int16, MaxFrame)
	for _, payloadType := range []uint8{PayloadOpus, PayloadL16, PayloadPCMU, PayloadPCMA} {
		d, err := NewDecoder(payloadType)
		if err != nil {
			t.Fatal(err)
		}
		for range 500 {
			b := make([]byte, 1+rng.IntN(200))
			for i := range b {
				b[i] = byte(rng.Uint32())
			}
			want, bad := PacketSamples(payloadType, b)
			n, err := d.Decode(buf, b)
			if bad != nil && err == nil || err == nil && n != want {
				t.Fatalf("payload %x: %d samples (%v), decoded %d (%v)", b, want, bad, n, err)
			}
			if err != nil {
				d.Conceal(buf[:480])
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(PayloadOpus, []byte{0xfc, 0xff, 0xfe})
	f.Add(PayloadOpus, []byte{0x78, 1, 2, 3, 4, 5, 6, 7, 8})
	f.Add(PayloadOpus, []byte{0x03, 0x42, 1, 2, 3})
	f.Add(PayloadL16, []byte{1, 2, 3, 4})
	f.Add(PayloadPCMU, []byte{0, 0xff, 0x7f})
	f.Add(PayloadPCMA, []byte{0xd5})
	f.Fuzz(func(t *testing.T, payloadType uint8, payload []byte) {
		d, err := NewDecoder(payloadType)
		if err != nil {
			return
		}
		buf := make([]int16, MaxFrame)
		for range 3 { // with the state of the packet before, and after a loss
			want, bad := PacketSamples(payloadType, payload)
			n, err := d.Decode(buf, payload)
			if err == nil && (bad != nil || n != want) {
				t.Fatalf("%d samples (%v), decoded %d", want, bad, n)
			}
			d.Conceal(buf[:961])
		}
	})
}

func TestWhatRepeatsTheFrameBefore(t *testing.T) {
	for name, c := range map[string]struct {
		payload []byte
		want    int
	}{
		"SILK 20 ms":              {[]byte{1 << 3, 0x40, 0}, 960},
		"SILK 20 ms, without":     {[]byte{1 << 3, 0x80, 0}, 0},
		"SILK 60 ms":              {[]byte{3 << 3, 0x10, 0}, 2880},
		"SILK 60 ms, without":     {[]byte{3 << 3, 0xe0, 0}, 0},
		"hybrid 10 ms":            {[]byte{12 << 3, 0x40, 0}, 480},
		"stereo, its second half": {[]byte{13<<3 | 4, 0x10, 0}, 960},
		"CELT":                    {[]byte{31 << 3, 0xff, 0}, 0},
		"two frames":              {[]byte{1<<3 | 1, 0xff, 0}, 0},
		"padded":                  {[]byte{1<<3 | 3, 0x41, 255, 3, 0x40}, 960},
		"padded, cut off":         {[]byte{1<<3 | 3, 0x41, 255}, 0},
		"one frame, not padded":   {[]byte{1<<3 | 3, 0x01, 0x40}, 960},
		"nothing":                 {[]byte{1 << 3}, 0},
	} {
		if got := opusHasFEC(c.payload); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// Only Opus has bit rates to choose from.
func TestBitrates(t *testing.T) {
	for _, bps := range []int{0, -16_000, 15_999, 16_001, 24_000, 97_000, 112_000} {
		if err := CheckBitrate(Opus, bps); !errors.Is(err, ErrBitrate) {
			t.Errorf("%d bit/s: %v", bps, err)
		}
	}
	for bps := MinBitrate; bps <= MaxBitrate; bps += BitrateStep {
		if err := CheckBitrate(Opus, bps); err != nil {
			t.Error(err)
		}
	}
	e, err := NewEncoder(L16)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.SetBitrate(DefaultBitrate); !errors.Is(err, ErrBitrate) {
		t.Errorf("of L16: %v", err)
	}
}
