package ogg

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// rows writes packets, a page of them each, and ends the stream.
func rows(t testing.TB, serial uint32, pages ...[]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b, serial)
	for i, page := range pages {
		for _, p := range page {
			if err := w.Add([]byte(p), int64(i)); err != nil {
				t.Fatal(err)
			}
		}
		if i == len(pages)-1 {
			break
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(int64(len(pages) - 1)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// page makes one page with these segments, whatever they mean.
func page(flags byte, serial, number uint32, segments ...string) []byte {
	b := append([]byte(capture), 0, flags)
	b = binary.LittleEndian.AppendUint64(b, 7)
	b = binary.LittleEndian.AppendUint32(b, serial)
	b = binary.LittleEndian.AppendUint32(b, number)
	b = append(b, 0, 0, 0, 0, byte(len(segments)))
	for _, s := range segments {
		b = append(b, byte(len(s)))
	}
	b = append(b, strings.Join(segments, "")...)
	binary.LittleEndian.PutUint32(b[22:], checksum(0, b))
	return b
}

// full is a segment behind which its packet goes on.
var full = strings.Repeat("x", maxSegment)

// follow reads all packets of the first stream of each link.
func follow(r io.Reader) (texts []string, err error) {
	reader, link := NewReader(r), int64(-1)
	for {
		p, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return texts, nil
		}
		if err != nil {
			return texts, err
		}
		texts = append(texts, string(p.Data))
		if p.Begins && p.Link != link {
			link = p.Link
			reader.Follow(p)
		}
	}
}

// The bytes of a page, as other programs read and write them: this one is of opusenc 0.2.
func TestAPageOfAnotherProgram(t *testing.T) {
	b := []byte("OggS\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\xe7\x03\x00\x00\x00\x00\x00\x00\xf1\xfa\xd7\x4b\x01\x13" +
		"OpusHead\x01\x01\x38\x01\x22\x56\x00\x00\x00\x00\x00")
	p, err := NewReader(bytes.NewReader(b)).Next()
	if err != nil || !p.Begins || p.Serial != 999 || p.Size != 19 || string(p.Data[:8]) != "OpusHead" {
		t.Fatal(p, err)
	}
	var out bytes.Buffer
	w := NewWriter(&out, 999)
	if err := errors.Join(w.Add(p.Data, 0), w.Flush()); err != nil || !bytes.Equal(out.Bytes(), b) {
		t.Errorf("written: %q, %v", out.Bytes(), err)
	}
}

func TestPacketsComeBack(t *testing.T) {
	long := strings.Repeat("long", 10_000)
	want := []string{"head", "tags", "", "a", full, full + full, long, "last"}
	b := rows(t, 5, want[:1], want[1:2], want[2:6], want[6:])
	for name, r := range map[string]io.Reader{"whole": bytes.NewReader(b), "byte by byte": iotest.OneByteReader(bytes.NewReader(b))} {
		if got, err := follow(r); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %.100q, %v", name, got, err)
		}
	}
	if err := NewWriter(io.Discard, 1).Add(make([]byte, 255*255), 0); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
}

func TestPacketsOverSeveralPages(t *testing.T) {
	tags := page(0, 1, 1, slices.Repeat([]string{full}, 255)...)
	b := slices.Concat(page(flagBegins, 1, 0, "head"), tags, page(flagContinued, 1, 2, full, "tail", "a", full), page(flagContinued|flagEnds, 1, 3, "b"))
	got, err := follow(bytes.NewReader(b))
	if want := []string{"head", (strings.Repeat(full, 256) + "tail")[:MaxPacket], "a", full + "b"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%d packets, %v", len(got), err)
	}
}

// Streams that are mixed with the one that is followed are left out, links are gone through, and a broadcast may begin in its middle.
func TestManyStreams(t *testing.T) {
	mixed := slices.Concat(page(flagBegins, 1, 0, "one"), page(flagBegins, 2, 0, "two"), page(0, 1, 1, "1a"), page(0, 2, 1, "2a"), page(flagEnds, 1, 2, "1b"),
		page(flagEnds, 2, 2, "2b"))
	broadcast := slices.Concat(page(flagBegins, 3, 0, "head"), page(0, 3, 1, "tags"), page(flagContinued, 3, 4711, "rest", "a"), page(0, 3, 4712, "b"))
	got, err := follow(bytes.NewReader(slices.Concat(mixed, broadcast)))
	if want := []string{"one", "two", "1a", "1b", "head", "tags", "a", "b"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
}

// What is behind the last page of the stream, and no page, is not Ogg's: tags of other formats, or padding.
func TestWhatIsBehindTheLastPageIsLeft(t *testing.T) {
	file := slices.Concat(page(flagBegins, 1, 0, "head"), page(flagEnds, 1, 1, "tags"))
	for _, behind := range []string{"\x00", "TAG" + strings.Repeat(" ", 125), strings.Repeat("\x00", 4096)} {
		got, err := follow(bytes.NewReader(append(slices.Clone(file), behind...)))
		if want := []string{"head", "tags"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("%.10q: %q, %v", behind, got, err)
		}
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	head, tags := page(flagBegins, 1, 0, "head"), page(0, 1, 1, "tags")
	sound := page(0, 1, 2, "sound", "sound")
	changed := slices.Clone(sound)
	changed[len(changed)-1] ^= 1
	for name, c := range map[string]struct {
		file []byte
		err  error
		text string
	}{
		"no Ogg":                     {[]byte(strings.Repeat("text ", 9)), ErrDamaged, `page 0: it begins with "text"`},
		"junk between pages":         {slices.Concat(head, tags, []byte("junk"), sound, sound), ErrDamaged, `page 2: it begins with "junk"`},
		"another version":            {append([]byte("OggS\x01"), head[5:]...), ErrDamaged, "version 1"},
		"a changed byte":             {slices.Concat(head, tags, changed), ErrDamaged, "page 2: its checksum is"},
		"a page is missing":          {slices.Concat(head, tags, sound, page(0, 1, 4, "a")), ErrDamaged, "page 3: number 4 of its stream comes where 3 should"},
		"a page twice":               {slices.Concat(head, tags, tags), ErrDamaged, "number 1 of its stream comes where 2 should"},
		"a page after the last":      {slices.Concat(head, tags, page(flagEnds, 1, 2, "a"), page(0, 1, 3, "b")), ErrDamaged, "page 3: its stream has ended"},
		"after the first and last":   {slices.Concat(page(flagBegins|flagEnds, 1, 0, "head"), tags), ErrDamaged, "page 1: its stream has ended"},
		"cut behind the last page":   {slices.Concat(head, page(flagEnds, 1, 1, "tags"), tags[:3]), ErrTruncated, "within page 2"},
		"a packet goes on, it ended": {slices.Concat(head, tags, page(flagContinued, 1, 2, "a")), ErrDamaged, "does not go on"},
		"a packet does not go on":    {slices.Concat(head, tags, page(0, 1, 2, full), page(0, 1, 3, "a")), ErrDamaged, "does not go on"},
		"a link within a packet":     {slices.Concat(head, tags, page(0, 1, 2, full), page(flagBegins, 2, 0, "head")), ErrDamaged, "before the packet of another"},
		"an open first packet":       {page(flagBegins, 1, 0, full), ErrDamaged, "without a whole packet"},
		"an empty first page":        {page(flagBegins, 1, 0), ErrDamaged, "without a whole packet"},
		"it begins in the middle":    {page(0, 1, 5, "a"), ErrUnfollowed, ""},
		"cut in a header":            {slices.Concat(head, tags[:20]), ErrTruncated, "within page 1"},
		"cut in the name":            {slices.Concat(head, tags[:3]), ErrTruncated, "within page 1"},
		"cut in the lengths":         {slices.Concat(head, tags[:27]), ErrTruncated, "within page 1"},
		"cut in the bytes":           {slices.Concat(head, tags, sound[:len(sound)-1]), ErrTruncated, "within page 2"},
		"cut between pages":          {slices.Concat(head, tags, page(0, 1, 2, full)), ErrTruncated, "within a packet, after page 2"},
	} {
		_, err := follow(bytes.NewReader(c.file))
		if !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want %v with %q", name, err, c.err, c.text)
		}
	}
	broken := errors.New("broken")
	if _, err := follow(io.MultiReader(bytes.NewReader(head), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Error(err)
	}
}

// Any bytes give packets or an error; what is read without one, written again, reads the same.
func FuzzReader(f *testing.F) {
	f.Add(rows(f, 1, []string{"head"}, []string{"tags"}, []string{"a", full, ""}))
	f.Add(slices.Concat(page(flagBegins, 1, 0, "head"), page(0, 1, 1, "tags"), page(flagContinued, 1, 9, "rest", "a", full), page(flagContinued|flagEnds, 1, 10, "b")))
	f.Add(slices.Concat(page(flagBegins, 1, 0, "one"), page(flagBegins, 2, 0, "two"), page(flagEnds, 1, 1, "1a"), page(flagBegins, 3, 0, "three")))
	f.Fuzz(func(t *testing.T, b []byte) {
		texts, err := follow(bytes.NewReader(b))
		size := 0
		for _, s := range texts {
			if size += len(s); len(s) > MaxPacket {
				t.Fatalf("a packet of %d bytes", len(s))
			}
		}
		if size > len(b) {
			t.Fatalf("%d bytes of packets in %d", size, len(b))
		}
		if err != nil || len(texts) == 0 || slices.ContainsFunc(texts, func(s string) bool { return len(s) >= maxSegment*maxSegments }) {
			return
		}
		pages := make([][]string, len(texts))
		for i, s := range texts {
			pages[i] = []string{s}
		}
		if again, err := follow(bytes.NewReader(rows(t, 9, pages...))); err != nil || !slices.Equal(again, texts) {
			t.Fatalf("%q again: %q, %v", texts, again, err)
		}
	})
}
