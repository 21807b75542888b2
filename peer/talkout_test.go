package peer

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"yodel/peer/audio"
	"yodel/wire"
)

const testSSRC = 1 << 20

// talkRig is a rig with a talk that was granted, in a room with 1 s delay.
func talkRig(t testing.TB, cfg Config) (*rig, *Talk) {
	r := newRig(t, cfg)
	r.welcome()
	r.joinQuick("lobby", 1000)
	enc, err := audio.NewEncoder(audio.L16)
	if err != nil {
		t.Fatal(err)
	}
	talk := newTalk(r.client, "lobby", enc)
	r.e.talks = append(r.e.talks, talk.out)
	if err := talk.out.grant(r.e, testSSRC); err != nil {
		t.Fatal(err)
	}
	r.d.rx.Allow(testSSRC)
	return r, talk
}

func (r *rig) joinQuick(room string, delayMs uint32) {
	r.t.Helper()
	r.client.startJoin(r.now, JoinOptions{Room: room}, nil, func(*Joined, error) {})
	r.say(joinedAnswer(take[*wire.Message_Join](r), &wire.Joined{LogId: logA, DelayMs: delayMs}))
}

// grant answers a Talk.
func (r *rig) grant(ask *wire.Talk, ssrc uint32) {
	r.t.Helper()
	r.say(&wire.Message{Kind: &wire.Message_TalkGranted{TalkGranted: &wire.TalkGranted{
		Request: ask.GetRequest(), Room: ask.GetRoom(), Ssrc: ssrc,
	}}})
	r.d.rx.Allow(ssrc)
}

// write gives the engine a frame as Talk.Write does.
func (r *rig) write(talk *Talk, sample int16) {
	samples := make([]int16, talk.codec.FrameSamples)
	for i := range samples {
		samples[i] = sample
	}
	payload, err := talk.enc.Encode(talk.payload[:0], samples)
	if err != nil {
		r.t.Fatal(err)
	}
	talk.payload = payload
	r.e.frame(r.now, talk.next(payload))
}

func TestTalkOnTheWire(t *testing.T) {
	r, talk := talkRig(t, Config{Nick: "alice"})
	for i := range 3 {
		r.write(talk, int16(i))
	}
	start := take[*wire.Message_TalkStart](r).TalkStart
	if start.GetSsrc() != testSSRC || start.GetPayloadType() != wire.PayloadL16 || start.GetFirstSeq() >= wire.MaxFirstSeq {
		t.Errorf("start %v", start)
	}
	if len(r.d.audio) != 3 {
		t.Fatalf("%d packets", len(r.d.audio))
	}
	for i, p := range r.d.audio {
		if p.Marker != (i == 0) || p.SSRC != testSSRC || p.PayloadType != wire.PayloadL16 ||
			uint32(p.SequenceNumber) != start.GetFirstSeq()+uint32(i) || p.Timestamp != start.GetFirstTimestamp()+uint32(480*i) {
			t.Errorf("packet %d: %v", i, p.Header)
		}
	}
	var report Report
	talk.out.done = func(o Report, err error) {
		if err != nil {
			t.Error(err)
		}
		report = o
	}
	talk.out.end(r.now, r.e, talk.length())
	end := take[*wire.Message_TalkEnd](r).TalkEnd
	if end.GetLastSeq() != start.GetFirstSeq()+2 || end.GetDurationMs() != 30 {
		t.Errorf("end %v", end)
	}
	r.say(&wire.Message{Kind: &wire.Message_TalkReport{TalkReport: &wire.TalkReport{Room: "lobby", Ssrc: testSSRC, Received: 2, Lost: 1}}})
	if want := (Report{Frames: 3, Lost: 1, Duration: 30 * time.Millisecond}); report != want {
		t.Errorf("report %+v, want %+v", report, want)
	}
	if len(r.e.talks) != 0 {
		t.Error("the talk is still there")
	}
}

func TestResendIsTheSameAndLimited(t *testing.T) {
	r, talk := talkRig(t, Config{Nick: "alice"})
	var sealed [][]byte
	write := r.e.s.write
	r.e.s.write = func(b []byte) error {
		if wire.KindOf(b) == wire.KindRTP {
			sealed = append(sealed, bytes.Clone(b))
		}
		return write(b)
	}
	for i := range 20 {
		r.write(talk, int16(i))
	}
	r.run()
	first := r.d.audio[0].SequenceNumber
	original := sealed[len(sealed)-18] // the third of 20
	sealed = nil
	nack := &rtcp.TransportLayerNack{SenderSSRC: wire.SSRCDaemon, MediaSSRC: testSSRC, Nacks: []rtcp.NackPair{{PacketID: first + 2}}}
	for range 20 {
		r.control(nack)
	}
	if len(sealed) != 8 {
		t.Errorf("resent %d times, want 8", len(sealed))
	}
	for _, b := range sealed {
		if !bytes.Equal(b, original) {
			t.Fatal("the resend differs from the packet")
		}
	}
	sealed = nil
	r.control(&rtcp.TransportLayerNack{SenderSSRC: wire.SSRCDaemon, MediaSSRC: testSSRC, Nacks: []rtcp.NackPair{
		{PacketID: first - 1}, {PacketID: first + 20}, {PacketID: first + 1<<15},
	}})
	r.control(&rtcp.TransportLayerNack{SenderSSRC: wire.SSRCDaemon, MediaSSRC: testSSRC + 1, Nacks: []rtcp.NackPair{{PacketID: first}}})
	if len(sealed) != 0 {
		t.Errorf("%d packets that were never sent were resent", len(sealed))
	}
}

func TestHistoryIsBounded(t *testing.T) {
	r, talk := talkRig(t, Config{Nick: "alice"})
	for i := range 1000 {
		r.write(talk, int16(i))
		r.pass(10 * time.Millisecond)
	}
	// 1 s delay and 2 s spare in frames of 10 ms
	if n := len(talk.out.history); n != 300 {
		t.Errorf("%d packets kept, want 300", n)
	}
	n := len(r.d.audio)
	resend := func(seq uint16) {
		r.control(&rtcp.TransportLayerNack{SenderSSRC: wire.SSRCDaemon, MediaSSRC: testSSRC, Nacks: []rtcp.NackPair{{PacketID: seq}}})
	}
	sent := 0
	r.e.s.write = func([]byte) error { sent++; return nil }
	resend(r.d.audio[n-301].SequenceNumber)
	if sent != 0 {
		t.Error("a packet was resent that is not kept any more")
	}
	resend(r.d.audio[n-300].SequenceNumber)
	if sent != 1 {
		t.Error("the oldest packet that is kept was not resent")
	}
}

func TestTalkGoesOnUnderANewSSRC(t *testing.T) {
	r, talk := talkRig(t, Config{Nick: "alice", Reconnect: true})
	for range 3 {
		r.write(talk, 1)
	}
	take[*wire.Message_TalkStart](r)
	r.e.detach()
	for range 2 {
		r.write(talk, 2)
	}
	r.welcome()
	r.say(joinedAnswer(take[*wire.Message_Join](r), &wire.Joined{LogId: logA, DelayMs: 1000}))
	ask := take[*wire.Message_Talk](r).Talk
	r.write(talk, 3)
	r.grant(ask, testSSRC+9)
	r.write(talk, 4)
	start := take[*wire.Message_TalkStart](r).TalkStart
	if start.GetSsrc() != testSSRC+9 || talk.SSRC() != testSSRC+9 {
		t.Errorf("goes on under %d", start.GetSsrc())
	}
	if len(r.d.audio) != 1 || r.d.audio[0].Timestamp != 6*480 || start.GetFirstTimestamp() != 6*480 {
		t.Errorf("%d packets, first %v", len(r.d.audio), start)
	}
	if talk.out.frames != 7 || talk.out.lost != 3 {
		t.Errorf("%d frames, %d lost", talk.out.frames, talk.out.lost)
	}
}

func TestTalkThatCannotGoOn(t *testing.T) {
	r, talk := talkRig(t, Config{Nick: "alice", Reconnect: true})
	r.welcome()
	take[*wire.Message_Join](r)
	ask := take[*wire.Message_Talk](r).Talk
	r.say(&wire.Message{Kind: &wire.Message_Refused{Refused: &wire.Refused{Request: ask.GetRequest(), Code: wire.Code_CODE_LIMIT}}})
	if err := talk.Write(make([]int16, 480)); !errors.Is(err, ErrRefused) {
		t.Errorf("%v", err)
	}
}

// An SSRC under which this session sends already would let one index encrypt two packets: the session ends, and nothing is sent.
func TestAnSSRCThatIsInUseEndsTheSession(t *testing.T) {
	for name, ssrc := range map[string]uint32{
		"the peer's messages": wire.SSRCPeer, "the daemon's messages": wire.SSRCDaemon, "none": 0, "below the least": wire.MinAudioSSRC - 1,
		"another talk's": testSSRC,
	} {
		t.Run(name, func(t *testing.T) {
			r, first := talkRig(t, Config{Nick: "alice"})
			r.write(first, 1)
			enc, err := audio.NewEncoder(audio.L16)
			if err != nil {
				t.Fatal(err)
			}
			talk := newTalk(r.client, "lobby", enc)
			if err := talk.out.grant(r.e, ssrc); !errors.Is(err, ErrLost) {
				t.Errorf("%v", err)
			}
			if err := r.e.failed(); !errors.Is(err, ErrLost) {
				t.Errorf("the session goes on: %v", err)
			}
			r.run()
			sent := len(r.d.audio)
			r.write(talk, 2)
			r.run()
			if len(r.d.audio) != sent {
				t.Error("a frame was sent")
			}
			r.welcome() // another session has other keys
			if err := talk.out.grant(r.e, testSSRC); err != nil {
				t.Error(err)
			}
		})
	}
}

// errUnended is the outcome of a talk that has not ended.
var errUnended = errors.New("it has not ended")

// ended ends a talk and tells how it went by then.
func (r *rig) ended(talk *Talk) (report Report, err error) {
	err = errUnended
	talk.out.done = func(o Report, e error) { report, err = o, e }
	talk.out.end(r.now, r.e, talk.length())
	return report, err
}

// What was said into a session that has gone is not told as sent.
func TestEndWithoutASession(t *testing.T) {
	for name, tt := range map[string]struct {
		before, during int
		again          bool // there is a session again, but no grant yet
	}{
		"all before the loss":           {before: 2},
		"all after the loss":            {during: 2},
		"before and after":              {before: 2, during: 3},
		"before the new grant":          {before: 2, during: 1, again: true},
		"all lost before the new grant": {during: 2, again: true},
	} {
		t.Run(name, func(t *testing.T) {
			r, talk := talkRig(t, Config{Nick: "alice", Reconnect: true})
			for range tt.before {
				r.write(talk, 1)
			}
			r.run()
			r.lost()
			if tt.again {
				r.welcome()
				r.say(joinedAnswer(take[*wire.Message_Join](r), &wire.Joined{LogId: logA}))
				take[*wire.Message_Talk](r)
			}
			for range tt.during {
				r.write(talk, 1)
			}
			report, err := r.ended(talk)
			if want := (Report{Frames: tt.before + tt.during, Lost: tt.during, Duration: talk.length()}); !errors.Is(err, ErrLost) || report != want {
				t.Errorf("%v, %+v, want %+v", err, report, want)
			}
			if tt.again {
				r.nothing() // no TalkEnd of the old SSRC
			}
		})
	}
}

func TestATalkOfWhichNothingArrived(t *testing.T) {
	r, talk := talkRig(t, Config{Nick: "alice"})
	r.write(talk, 1)
	var got error
	talk.out.done = func(_ Report, err error) { got = err }
	talk.out.end(r.now, r.e, talk.length())
	r.say(&wire.Message{Kind: &wire.Message_TalkReport{TalkReport: &wire.TalkReport{Room: "lobby", Ssrc: testSSRC, Lost: 1}}})
	if !errors.Is(got, ErrLost) {
		t.Errorf("%v", got)
	}
}

func TestEndWithoutReport(t *testing.T) {
	r, talk := talkRig(t, Config{Nick: "alice"})
	r.write(talk, 1)
	var got error
	talk.out.done = func(_ Report, err error) { got = err }
	talk.out.end(r.now, r.e, talk.length())
	r.pass(3900 * time.Millisecond)
	if got != nil {
		t.Fatalf("%v too early", got)
	}
	r.pass(200 * time.Millisecond)
	if !errors.Is(got, ErrNoReport) {
		t.Errorf("%v", got)
	}
}

func TestEndOfATalkWithoutAFrame(t *testing.T) {
	r, talk := talkRig(t, Config{Nick: "alice"})
	ended := false
	talk.out.done = func(o Report, err error) { ended = err == nil && o == Report{} }
	talk.out.end(r.now, r.e, 0)
	if !ended {
		t.Error("it has not ended")
	}
	r.nothing()
}

func TestSendingAudioDoesNotAllocate(t *testing.T) {
	r, talk := talkRig(t, Config{Nick: "alice"})
	r.e.s.write = func([]byte) error { return nil }
	samples := make([]int16, talk.codec.FrameSamples)
	one := func() {
		f := talk.take()
		f.packet, _ = talk.enc.Encode(f.packet[:rtpHeader], samples)
		f.ts = uint32(talk.samples)
		talk.samples += 480
		r.now = r.now.Add(10 * time.Millisecond)
		r.e.frame(r.now, f)
		r.e.advance(r.now)
		r.e.s.flush(r.now)
		r.e.deadline()
	}
	for range 400 { // the history fills
		one()
	}
	// The rest is reports and pings, one each 5 s and 15 s.
	if n := testing.AllocsPerRun(1000, one); n > 0.5 {
		t.Errorf("%v allocations a packet", n)
	}
}
