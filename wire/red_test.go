package wire

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"yodel/wire/internal/vector"
)

type redCase struct {
	Name    string     `json:"name"`
	Hex     vector.Hex `json:"hex"`
	Refused bool       `json:"refused,omitempty"`
	Type    uint8      `json:"payload_type,omitempty"`
	Copies  []redCopy  `json:"copies,omitempty"` // the oldest first
	Primary vector.Hex `json:"primary,omitempty"`
}

type redCopy struct {
	Offset  uint32     `json:"offset"`
	Payload vector.Hex `json:"payload"`
}

// redCases were written by hand from RFC 2198, 3.
func redCases(t testing.TB) []redCase {
	long, longest := strings.Repeat("ab", 256), strings.Repeat("cd", MaxCopy)
	cases := []redCase{
		{Name: "two copies", Hex: unhex(t, "ef1e0003 ef0f0002 6f 0a0b0c 0d0e 0f"), Type: 111, Copies: []redCopy{
			{1920, unhex(t, "0a0b0c")}, {960, unhex(t, "0d0e")},
		}, Primary: unhex(t, "0f")},
		{Name: "no copy", Hex: unhex(t, "6f 0a0b"), Type: 111, Primary: unhex(t, "0a0b")},
		{
			Name: "a copy of 256 bytes", Hex: unhex(t, "ef0f0100 6f"+long+"01"), Type: 111,
			Copies: []redCopy{{960, unhex(t, long)}}, Primary: unhex(t, "01"),
		},
		{
			Name: "the longest copy and offset", Hex: unhex(t, "efffffff 6f"+longest+"01"), Type: 111,
			Copies: []redCopy{{MaxCopyOffset, unhex(t, longest)}}, Primary: unhex(t, "01"),
		},
	}
	for _, r := range []struct{ name, hex string }{
		{"empty", ""},
		{"a header alone", "ef0f0001"},
		{"headers without an end", "ef1e0003 ef0f0002"},
		{"no payload of its own", "6f"},
		{"nothing behind the copy", "ef0f0002 6f 0a0b"},
		{"a copy beyond the end", "ef0f0003 6f 0a0b"},
		{"an empty copy", "ef0f0000 6f 0a0b"},
		{"a copy of the same time", "ef000001 6f 0a 0b"},
		{"the newer copy first", "ef0f0001 ef1e0001 6f 0a 0b 0c"},
		{"two of one time", "ef0f0001 ef0f0001 6f 0a 0b 0c"},
		{"two payload types", "e00f0001 6f 0a 0b"},
		{"two payload types of copies", "ef1e0001 e00f0001 6f 0a 0b 0c"},
		{"three copies", "ef2d0001 ef1e0001 ef0f0001 6f 0a 0b 0c 0d"},
	} {
		cases = append(cases, redCase{Name: r.name, Hex: unhex(t, r.hex), Refused: true})
	}
	return cases
}

// redundant is what a case says.
func (c *redCase) redundant() Redundant {
	r := Redundant{PayloadType: c.Type, Primary: c.Primary}
	for _, x := range c.Copies {
		r.Copies = append(r.Copies, Copy{x.Offset, x.Payload})
	}
	return r
}

func TestVectorsRED(t *testing.T) {
	for _, c := range vector.Check(t, vectorPath+"red.json", vector.File[redCase]{
		About: "payloads of payload type 63 (RFC 2198): copies, the oldest first, and the packet's own", Cases: redCases(t),
	}) {
		t.Run(c.Name, func(t *testing.T) {
			var got Redundant
			if err := got.Parse(c.Hex); c.Refused {
				if !errors.Is(err, ErrRED) {
					t.Errorf("taken: %+v, %v", got, err)
				}
				return
			} else if err != nil {
				t.Fatal(err)
			}
			want := c.redundant()
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if made, err := want.Append([]byte{7}); err != nil || !bytes.Equal(made[1:], c.Hex) {
				t.Errorf("made %x, %v", made, err)
			}
		})
	}
}

// What does not fit the format is not sent.
func TestRedundantRefusesToSend(t *testing.T) {
	one := []byte{1}
	for name, r := range map[string]Redundant{
		"nothing of its own": {PayloadType: 111},
		"type of 8 bits":     {PayloadType: 128, Primary: one},
		"three copies":       {PayloadType: 111, Primary: one, Copies: []Copy{{3, one}, {2, one}, {1, one}}},
		"too old":            {PayloadType: 111, Primary: one, Copies: []Copy{{MaxCopyOffset + 1, one}}},
		"too long":           {PayloadType: 111, Primary: one, Copies: []Copy{{1, make([]byte, MaxCopy+1)}}},
		"of no time":         {PayloadType: 111, Primary: one, Copies: []Copy{{0, one}}},
	} {
		dst, err := r.Append(one)
		if !errors.Is(err, ErrRED) || !bytes.Equal(dst, one) {
			t.Errorf("%s: %x, %v", name, dst, err)
		}
	}
}

func TestRedundantAllocatesNothing(t *testing.T) {
	c := redCases(t)[0]
	var r Redundant
	dst := make([]byte, 0, MaxDatagram)
	if err := r.Parse(c.Hex); err != nil {
		t.Fatal(err)
	}
	n := testing.AllocsPerRun(100, func() {
		if r.Parse(c.Hex) == nil {
			dst, _ = r.Append(dst[:0])
		}
	})
	if n != 0 || !bytes.Equal(dst, c.Hex) {
		t.Errorf("%v allocations; %x", n, dst)
	}
}

// What can be parsed is the same bytes when it is appended again.
func FuzzRED(f *testing.F) {
	for _, c := range redCases(f) {
		f.Add([]byte(c.Hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var r Redundant
		if err := r.Parse(b); err != nil {
			if !errors.Is(err, ErrRED) {
				t.Fatalf("error is not ErrRED: %v", err)
			}
			return
		}
		again, err := r.Append(nil)
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x became %x, %v", b, again, err)
		}
	})
}
