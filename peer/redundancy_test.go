package peer

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yodel/peer/audio"
	"yodel/wire"
	"yodel/wire/secure"
)

// lossStep is something that happens to a pathLoss, and how the next frame is sent then.
type lossStep struct {
	at       float64 // seconds after the first frame
	up, down int     // reported then, in 1/256; -1: not
	copies   int
	kbits    int
}

const unreported = -1

// The rules of copies and of the bit rate. A frame goes every 20 ms all the time.
func TestPathLossDecides(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []lossStep
	}{
		{"nothing is reported", []lossStep{{0, -1, -1, 1, 32}, {60, -1, -1, 1, 32}}},
		{"a clean path", []lossStep{
			{1, 0, -1, 1, 32},
			{2, 0, 0, 0, 32},
			{7, 0, -1, 0, 32},
			{10.9, -1, -1, 0, 32},
			{11, -1, -1, 0, 48},
			{20.9, -1, -1, 0, 48},
			{21, -1, -1, 0, 64},
			{31, -1, -1, 0, 80},
			{41, -1, -1, 0, 96},
			{100, -1, -1, 0, 96},
		}},
		{"nobody hears", []lossStep{{1, 0, -1, 1, 32}, {2, 0, -1, 1, 32}, {7, 0, -1, 0, 32}}},
		{"more at once, at every step", []lossStep{
			{1, 0, 0, 0, 32}, {6, 2, -1, 0, 32}, {7, 3, -1, 1, 32}, {8, 10, -1, 1, 32}, {9, 11, -1, 2, 32},
		}},
		{"those who hear see both hops", []lossStep{{1, 6, -1, 1, 32}, {2, -1, 8, 1, 32}, {7, 6, 11, 2, 32}}},
		{"before anything is known, too", []lossStep{{0.5, -1, 20, 2, 32}}},
		{"fewer after 20 s in calm, one after the other", []lossStep{
			{1, 20, 0, 2, 32}, {5, 0, -1, 2, 32}, {24.9, -1, -1, 2, 48}, {25, -1, -1, 1, 64}, {44.9, -1, -1, 1, 80}, {45, -1, -1, 0, 96},
		}},
		{"half of the step is not calm", []lossStep{{1, 20, 0, 2, 32}, {5, 6, -1, 2, 32}, {60, -1, -1, 2, 32}, {61, 5, -1, 2, 32}, {81, -1, -1, 1, 32}}},
		{"calm begins anew", []lossStep{{1, 20, 0, 2, 32}, {5, 0, -1, 2, 32}, {20, 20, -1, 2, 48}, {21, 0, -1, 2, 48}, {40.9, -1, -1, 2, 64}, {41, -1, -1, 1, 80}}},
		{"a bad path", []lossStep{{1, 60, 60, 2, 32}, {60, -1, -1, 2, 32}}},
		{"a path that is hardly one", []lossStep{{1, 100, 140, 2, 32}, {9.9, -1, -1, 2, 32}, {10, -1, -1, 2, 16}, {60, -1, -1, 2, 16}}},
		{"down 10 s after a step at the soonest", []lossStep{
			{1, 0, 0, 0, 32}, {11, -1, -1, 0, 48}, {12, 80, -1, 2, 48}, {20.9, -1, -1, 2, 48}, {21, -1, -1, 2, 32}, {31, -1, -1, 2, 32},
		}},
		{"a loss of 1 % is not clean", []lossStep{{1, 3, 0, 1, 32}, {60, -1, -1, 1, 32}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var l pathLoss
			l.begin(t0)
			next := t0
			for _, s := range tt.steps {
				at := t0.Add(time.Duration(s.at * float64(time.Second)))
				for ; next.Before(at); next = next.Add(20 * time.Millisecond) {
					l.frame(next)
				}
				if s.up != unreported {
					l.reportedUp(at, uint8(s.up))
				}
				if s.down != unreported {
					l.reportedDown(at, uint8(s.down))
				}
				l.frame(at)
				if l.copies != s.copies || l.bitrate != s.kbits*1000 {
					t.Errorf("after %v s: %d copies, %d bit/s; want %d, %d kbit/s", s.at, l.copies, l.bitrate, s.copies, s.kbits)
				}
			}
		})
	}
}

// A talk soon after another goes on with what that one has learned; the time between them counts for nothing.
func TestPathLossIsRemembered(t *testing.T) {
	second := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	var l pathLoss
	l.begin(t0)
	l.reportedUp(second(1), 20)
	l.reportedDown(second(1), 0)
	l.frame(second(5))
	l.reportedUp(second(6), 0)
	l.frame(second(7))
	l.begin(second(60))
	if l.frame(second(61)); l.copies != 2 || l.bitrate != audio.DefaultBitrate {
		t.Errorf("53 s later: %d copies, %d bit/s", l.copies, l.bitrate)
	}
	l.begin(second(130))
	if l.frame(second(130)); l.copies != 1 || l.loss() != 0 {
		t.Errorf("69 s later: %d copies", l.copies)
	}
}

// Who speaks in short talks comes down from what loss has brought, too: the time of the talks adds up, that between them does not.
func TestShortTalksAddUp(t *testing.T) {
	var l pathLoss
	now := t0
	l.begin(now)
	l.reportedUp(now, 20)
	l.reportedDown(now, 20)
	l.reportedUp(now, 0)
	l.reportedDown(now, 0)
	for spoken := 1; spoken <= 21; spoken++ { // 1 s in 20, a report after each
		for range 50 {
			now = now.Add(20 * time.Millisecond)
			l.frame(now)
		}
		if want := map[bool]int{true: 2, false: 1}[spoken < 20]; l.copies != want {
			t.Errorf("after %d s of talks: %d copies, want %d", spoken, l.copies, want)
		}
		l.reportedUp(now.Add(time.Second), 0)
		now = now.Add(19 * time.Second)
		l.begin(now)
	}
}

// A room that is left and joined again in the midst of a talk begins anew with what is known of it.
func TestFramesBeginWhatIsNotBegun(t *testing.T) {
	var l pathLoss
	if l.frame(t0); l.copies != 1 || l.bitrate != audio.DefaultBitrate || !l.began.Equal(t0) {
		t.Errorf("%+v", l)
	}
}

// Where repair is in time no copies are sent; a lead is enough for four round trips and 60 ms.
func TestCopiesAreForRoomsWithoutTimeForRepair(t *testing.T) {
	for _, tt := range []struct {
		lead, rtt time.Duration
		want      bool
	}{
		{0, 0, false},
		{60 * time.Millisecond, 0, true},
		{1500 * time.Millisecond, 360 * time.Millisecond, true},
		{1500 * time.Millisecond, 361 * time.Millisecond, false},
	} {
		if got := repairable(tt.lead, tt.rtt); got != tt.want {
			t.Errorf("lead %v, round trip %v: %v", tt.lead, tt.rtt, got)
		}
	}
}

// What a carrier packs is what a stream takes apart.
func TestCarrierPacksTheFramesBefore(t *testing.T) {
	frameOf := func(n, size int) []byte { return bytes.Repeat([]byte{byte(n)}, size) }
	type sent struct {
		ts     uint32
		size   int
		copies int   // wanted
		want   []int // frames, the oldest first
	}
	for _, tt := range []struct {
		name string
		sent []sent
	}{
		{"the first ones", []sent{{0, 80, 2, nil}, {960, 80, 2, []int{0}}, {1920, 80, 2, []int{0, 1}}, {2880, 80, 2, []int{1, 2}}}},
		{"fewer are wanted", []sent{{0, 80, 2, nil}, {960, 80, 0, nil}, {1920, 80, 1, []int{1}}}},
		{"timestamps that wrap", []sent{{1<<32 - 960, 80, 2, nil}, {0, 80, 2, []int{0}}}},
		{"over a pause that fits", []sent{{0, 80, 2, nil}, {15_000, 80, 2, []int{0}}, {15_960, 80, 2, []int{0, 1}}, {16_920, 80, 2, []int{1, 2}}}},
		{"over one that does not", []sent{{0, 80, 2, nil}, {48_000, 80, 2, nil}, {48_960, 80, 2, []int{1}}}},
		{"as large as a datagram takes", []sent{{0, 383, 2, nil}, {960, 380, 2, []int{0}}, {1920, 400, 2, []int{0, 1}}}},
		{"a byte more", []sent{{0, 383, 2, nil}, {960, 380, 2, []int{0}}, {1920, 401, 2, []int{1}}}},
		{"none fits", []sent{{0, 600, 2, nil}, {960, 600, 2, nil}}},
		{"too long to be a copy", []sent{{0, 1024, 1, nil}, {960, 10, 1, nil}, {1920, 10, 2, []int{1}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var c carrier
			for i, s := range tt.sent {
				own := frameOf(i, s.size)
				packet, redundant := c.pack(make([]byte, rtpHeader, wire.MaxDatagram), own, s.ts, s.copies)
				c.remember(own, s.ts)
				if len(packet) > maxAudioPacket || redundant != (len(s.want) > 0) || c.carried != len(s.want) {
					t.Fatalf("frame %d: %d bytes, %d copies", i, len(packet), c.carried)
				}
				if !redundant {
					if !bytes.Equal(packet[rtpHeader:], own) {
						t.Errorf("frame %d is not as it was", i)
					}
					continue
				}
				var got wire.Redundant
				if err := got.Parse(packet[rtpHeader:]); err != nil {
					t.Fatal(err)
				}
				want := wire.Redundant{PayloadType: wire.PayloadOpus, Primary: own}
				for _, n := range s.want {
					want.Copies = append(want.Copies, wire.Copy{Offset: s.ts - tt.sent[n].ts, Payload: frameOf(n, tt.sent[n].size)})
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Error(d)
				}
			}
		})
	}
}

// In a live room a packet is asked for only where the answer may still be of use, and what is not asked for wakes nobody.
func TestALiveRoomAsksForWhatCanBeInTime(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		lead, rtt time.Duration
		want      int
	}{{0, 0, 0}, {0, 30 * ms, 1}, {0, 50 * ms, 0}, {1500 * ms, 0, 1}, {1500 * ms, 80 * ms, 1}} {
		r, _ := leadRig(t, tt.lead, HearOptions{Latency: 60 * ms}, Config{})
		r.say(talkStart(testSSRC, secure.Fingerprint{}, 9))
		in := r.e.s.streams[testSSRC]
		header := r.e.s.header
		for _, seq := range []uint16{9, 11} {
			header.PayloadType, header.SequenceNumber, header.Timestamp = wire.PayloadL16, seq, 1000+uint32(seq-9)*frame10
			in.packet(r.now, r.now, &header, tone10(1))
		}
		later := r.now.Add(30 * ms)
		asked := in.missing(later, tt.rtt, nil)
		if len(asked) != tt.want {
			t.Errorf("lead %v, round trip %v: asked for %v", tt.lead, tt.rtt, asked)
		}
		if at := in.deadline(); !at.After(later) {
			t.Errorf("lead %v, round trip %v: the next deadline is %v ago", tt.lead, tt.rtt, later.Sub(at))
		}
	}
}

func TestCopiesAllocateNothing(t *testing.T) {
	_, talk := talkRig(t, Config{Nick: "alice"})
	talk.codec = audio.Opus // the frames are there; a build without libopus could not make them
	talk.copies.Store(wire.MaxCopies)
	payload := make([]byte, audio.OpusPayload)
	n := testing.AllocsPerRun(100, func() { talk.give(talk.next(payload)) })
	if n != 0 || talk.copying.carried != wire.MaxCopies {
		t.Errorf("%v allocations a frame with %d copies", n, talk.copying.carried)
	}
}

// The encoder follows what the loss asks for from the next frame on, unless the user has set its bit rate.
func TestTalkFollowsTheBitrate(t *testing.T) {
	best := audio.Available()[0]
	enc, err := audio.NewEncoder(best)
	if err != nil {
		t.Fatal(err)
	}
	c := &Client{frames: make(chan *frame, 1), over: make(chan struct{})}
	talk := newTalk(c, "lobby", enc)
	sent := func() int {
		if err := talk.Write(make([]int16, best.FrameSamples)); err != nil {
			t.Fatal(err)
		}
		talk.give(<-c.frames)
		return talk.given
	}
	if best != audio.Opus { // in this build there is nothing to choose
		if err := talk.SetBitrate(audio.MaxBitrate); !errors.Is(err, audio.ErrBitrate) || sent() != 768_000 {
			t.Errorf("%v, %d bit/s", err, talk.given)
		}
		return
	}
	for _, step := range []struct{ follow, fix, want int }{
		{0, 0, audio.DefaultBitrate}, {48_000, 0, 48_000}, {16_000, 0, 16_000}, {16_000, 96_000, 96_000}, {48_000, 0, 96_000}, {48_000, 64_000, 64_000},
	} {
		talk.bitrate.Store(int32(step.follow))
		if step.fix > 0 {
			if err := talk.SetBitrate(step.fix); err != nil {
				t.Fatal(err)
			}
		}
		if got := sent(); got != step.want {
			t.Errorf("%+v: %d bit/s", step, got)
		}
	}
	if err := talk.SetBitrate(31_000); !errors.Is(err, audio.ErrBitrate) || sent() != 64_000 {
		t.Errorf("%v, then %d bit/s", err, talk.given)
	}
}
