package wire

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pion/rtcp"

	"yodel/wire/internal/vector"
)

// vectorPath is where the vectors are.
const vectorPath = "testdata/vectors/"

type payloadCase struct {
	Name     string      `json:"name"`
	Hex      vector.Hex  `json:"hex"`
	Refused  bool        `json:"refused,omitempty"`
	Distance int         `json:"distance"`
	Chunks   []chunkCase `json:"chunks,omitempty"`
	Longer   bool        `json:"not_shortest,omitempty"` // has varints that are longer than need be
}

type chunkCase struct {
	Message uint64     `json:"message"`
	Offset  int        `json:"offset"`
	Total   int        `json:"total"`
	Data    vector.Hex `json:"data"`
}

func payloadCases(t *testing.T) []payloadCase {
	t.Helper()
	var cases []payloadCase
	add := func(name, digits string, distance int, chunks []Chunk) *payloadCase {
		c := payloadCase{Name: name, Hex: unhex(t, digits), Distance: distance}
		for _, chunk := range chunks {
			c.Chunks = append(c.Chunks, chunkCase{chunk.Message, chunk.Offset, chunk.Total, chunk.Data})
		}
		cases = append(cases, c)
		return &cases[len(cases)-1]
	}
	for _, g := range goldenPayloads {
		add(g.name, strings.Join(g.hex, ""), g.distance, g.chunks)
	}
	add("a repeat", "02 08000303 6e6577 07000303 6f6c64", 2, []Chunk{
		{Message: 8, Total: 3, Data: []byte("new")}, {Message: 7, Total: 3, Data: []byte("old")},
	})
	add("a middle part", "00 03 4480 4880 03 616263", 0, []Chunk{{Message: 3, Offset: 1152, Total: 2176, Data: []byte("abc")}})
	add("the highest message number", "00 ffffffffffffffff 00 01 01 78", 0, []Chunk{{Message: maxVarint, Total: 1, Data: []byte("x")}})
	add("long varints", "4000 80000005 4000 4002 4002 6869", 0, []Chunk{{Message: 5, Total: 2, Data: []byte("hi")}}).Longer = true
	for _, r := range refusedPayloads {
		cases = append(cases, payloadCase{Name: r.name, Hex: unhex(t, r.hex), Refused: true})
	}
	return cases
}

func TestVectorsPayload(t *testing.T) {
	for _, c := range vector.Check(t, vectorPath+"payload.json", vector.File[payloadCase]{
		About: "payloads of message packets, before protection", Cases: payloadCases(t),
	}) {
		t.Run(c.Name, func(t *testing.T) {
			distance, chunks, err := parseAll(c.Hex)
			if c.Refused {
				if !errors.Is(err, ErrPayload) {
					t.Errorf("taken: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var want []Chunk
			made := AppendDistance(nil, c.Distance)
			for _, chunk := range c.Chunks {
				want = append(want, Chunk{chunk.Message, chunk.Offset, chunk.Total, chunk.Data})
				before := len(made)
				made = AppendChunk(made, want[len(want)-1])
				if size := want[len(want)-1].Size(); size != len(made)-before {
					t.Errorf("a chunk of %d bytes has Size %d", len(made)-before, size)
				}
			}
			if diff := cmp.Diff(want, chunks, cmpopts.EquateEmpty()); distance != c.Distance || diff != "" {
				t.Errorf("distance %d; chunks (-want +got):\n%s", distance, diff)
			}
			if !c.Longer && !bytes.Equal(made, c.Hex) {
				t.Errorf("made %x", made)
			}
		})
	}
}

type varintCase struct {
	Name     string     `json:"name"`
	Hex      vector.Hex `json:"hex"`
	Value    uint64     `json:"value"`
	Shortest bool       `json:"shortest"`
}

func TestVectorsVarint(t *testing.T) {
	var cases []varintCase
	for _, g := range goldenVarints {
		cases = append(cases, varintCase{g.hex, unhex(t, g.hex), g.value, g.short})
	}
	for _, c := range vector.Check(t, vectorPath+"varint.json", vector.File[varintCase]{
		About: "variable-length integers (RFC 9000, 16 and A.1)", Cases: cases,
	}) {
		v, n := consumeVarint(append(bytes.Clone(c.Hex), 0xaa))
		if v != c.Value || n != len(c.Hex) {
			t.Errorf("%s: %d in %d bytes, want %d in %d", c.Name, v, n, c.Value, len(c.Hex))
		}
		if _, n := consumeVarint(c.Hex[:len(c.Hex)-1]); n != 0 {
			t.Errorf("%s cut by a byte: took %d bytes", c.Name, n)
		}
		if made := appendVarint(nil, c.Value); bytes.Equal(made, c.Hex) != c.Shortest {
			t.Errorf("%s: made %x of %d", c.Name, made, c.Value)
		}
	}
}

// metricCase is one metric; offset is in 1/1024 s.
type metricCase struct {
	Received bool   `json:"received"`
	Offset   uint16 `json:"offset,omitempty"`
	ECN      uint8  `json:"ecn,omitempty"`
}

type reportCase struct {
	Name     string       `json:"name"`
	Hex      vector.Hex   `json:"hex"`
	Refused  bool         `json:"refused,omitempty"`
	Sender   uint32       `json:"sender,omitempty"`
	Media    uint32       `json:"media,omitempty"`
	Begin    uint16       `json:"begin_seq"`
	Time     uint32       `json:"timestamp"`
	Metrics  []metricCase `json:"metrics,omitempty"`
	LastSent *int64       `json:"last_sent,omitempty"` // extended number of the last packet of who reads the report
	Received []int64      `json:"acknowledged,omitempty"`
}

func reportCases(t *testing.T) []reportCase {
	t.Helper()
	var cases []reportCase
	for i, g := range goldenReports {
		c := reportCase{
			Name: g.name, Hex: unhex(t, strings.Join(g.hex, "")), Sender: g.report.Sender, Media: g.report.Media,
			Begin: g.report.Begin, Time: g.report.Timestamp,
		}
		for _, m := range g.report.Metrics {
			c.Metrics = append(c.Metrics, metricCase{m.Received, m.ArrivalTimeOffset, uint8(m.ECN)})
		}
		if i == 0 {
			last := int64(65537)
			c.LastSent, c.Received = &last, []int64{65535, 65537}
		}
		cases = append(cases, c)
	}
	full := Report{Sender: 1, Media: 2, Begin: 65300, Timestamp: 7, Metrics: make([]rtcp.CCFeedbackMetricBlock, MaxInFlight)}
	c := reportCase{Name: "as many as there can be", Sender: 1, Media: 2, Begin: 65300, Time: 7}
	for i := range full.Metrics {
		full.Metrics[i] = Arrived(time.Duration(MaxInFlight-i) * 10 * time.Millisecond)
		c.Metrics = append(c.Metrics, metricCase{Received: true, Offset: full.Metrics[i].ArrivalTimeOffset})
	}
	var err error
	if c.Hex, err = full.Append(nil); err != nil {
		t.Fatal(err)
	}
	cases = append(cases, c)
	for _, r := range refusedReports {
		cases = append(cases, reportCase{Name: r.name, Hex: unhex(t, r.hex), Refused: true})
	}
	return cases
}

func TestVectorsReport(t *testing.T) {
	for _, c := range vector.Check(t, vectorPath+"report.json", vector.File[reportCase]{
		About: "reports of RFC 8888, before protection", Cases: reportCases(t),
	}) {
		t.Run(c.Name, func(t *testing.T) {
			got, err := parseReport(c.Hex)
			if c.Refused {
				if err == nil {
					t.Errorf("taken: %+v", got)
				}
				return
			}
			want := Report{Sender: c.Sender, Media: c.Media, Begin: c.Begin, Timestamp: c.Time}
			for _, m := range c.Metrics {
				want.Metrics = append(want.Metrics, rtcp.CCFeedbackMetricBlock{
					Received: m.Received, ArrivalTimeOffset: m.Offset, ECN: rtcp.ECN(m.ECN),
				})
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			if made, err := want.Append(nil); err != nil || !bytes.Equal(made, c.Hex) {
				t.Errorf("made %x, %v", made, err)
			}
			if c.LastSent != nil {
				if diff := cmp.Diff(c.Received, acknowledged(got, *c.LastSent)); diff != "" {
					t.Errorf("acknowledged (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// acknowledged gives the numbers of packets that a report acknowledges.
func acknowledged(r Report, lastSent int64) (numbers []int64) {
	begin := Nearest(lastSent, r.Begin)
	for i, m := range r.Metrics {
		if m.Received {
			numbers = append(numbers, begin+int64(i))
		}
	}
	return numbers
}
