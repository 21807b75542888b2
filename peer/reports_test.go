package peer

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"

	"yodel/wire"
	"yodel/wire/secure"
)

// reported removes the reports that came, and forgets the other RTCP packets.
func (r *rig) reported() (rr []*rtcp.ReceiverReport, sr []*rtcp.SenderReport) {
	for _, p := range r.d.rtcp {
		switch p := p.(type) {
		case *rtcp.ReceiverReport:
			rr = append(rr, p)
		case *rtcp.SenderReport:
			sr = append(sr, p)
		}
	}
	r.d.rtcp = nil
	return rr, sr
}

// A hint must never be longer than what it answers: it has 68 bytes.
func TestKeepalivesAreLongEnoughForAHint(t *testing.T) {
	r := newRig(t, Config{Nick: "alice"})
	r.welcome()
	write := r.e.s.write
	shortest := map[wire.Kind]int{}
	r.e.s.write = func(b []byte) error {
		kind := wire.KindOf(b)
		// An acknowledgement is short, and not what keeps an idle session alive.
		if kind == wire.KindRTCP && b[1] != byte(rtcp.TypeReceiverReport) {
			return write(b)
		}
		if n, some := shortest[kind]; !some || len(b) < n {
			shortest[kind] = len(b)
		}
		return write(b)
	}
	r.pass(61 * time.Second)
	r.e.report(r.now)
	if n := shortest[wire.KindRTP]; n < 80 {
		t.Errorf("a ping of %d bytes, want 80", n)
	}
	if n := shortest[wire.KindRTCP]; n < wire.MinReport+14 { // RFC 3711, 3.4: index and tag
		t.Errorf("a report of %d bytes", n)
	}
}

func TestTalkersSendSenderReports(t *testing.T) {
	r, talk := talkRig(t, Config{Nick: "alice"})
	r.now = r.now.Add(3 * time.Second)
	r.d.rtcp = nil
	for i := range 505 {
		r.write(talk, int16(i))
		r.pass(10 * time.Millisecond)
	}
	rr, sr := r.reported()
	if len(sr) != len(rr) || len(sr) < 1 || len(sr) > 2 {
		t.Fatalf("%d sender and %d receiver reports in 5 s", len(sr), len(rr))
	}
	last, first := r.d.audio[len(r.d.audio)-1], r.d.audio[0]
	for _, s := range sr {
		// The packet that was being sent at the report's time, by the NTP timestamp.
		seconds := float64(s.NTPTime-wire.NTPTime(t0.Add(3*time.Second))) / (1 << 32)
		packets := uint32(seconds*100 + 0.5)
		if s.SSRC != testSSRC || s.PacketCount-packets > 1 || s.OctetCount != s.PacketCount*2*frame10 || len(s.Reports) != 0 {
			t.Errorf("after %v s: %+v", seconds, s)
		}
		if at := s.RTPTime - first.Timestamp; at > (packets+1)*frame10 || at+frame10 < packets*frame10 {
			t.Errorf("after %v s: timestamp %d", seconds, at)
		}
	}
	if last.Timestamp-first.Timestamp != 504*frame10 {
		t.Errorf("the last packet has timestamp %d", last.Timestamp)
	}
	talk.out.end(r.now, r.e, 5*time.Second)
	r.run()
	r.e.report(r.now)
	r.run()
	if rr, sr := r.reported(); len(rr) != 1 || len(sr) != 0 {
		t.Errorf("after the end %d sender and %d receiver reports", len(sr), len(rr))
	}
}

// An interval in the middle of a pause of the talker's timestamps is still on the talker's clock.
func TestSenderReportBetweenPackets(t *testing.T) {
	r, talk := talkRig(t, Config{Nick: "alice"})
	r.write(talk, 1)
	r.run()
	sent := r.d.audio[0].Timestamp
	r.now = r.now.Add(250 * time.Millisecond)
	if s := talk.out.senderReport(r.now); s.RTPTime != sent+12000 || s.NTPTime != wire.NTPTime(r.now) || s.PacketCount != 1 {
		t.Errorf("%+v, sent was %d", s, sent)
	}
}

// The daemon sends no sender reports today; of who does, the blocks tell the last one and how long ago it came.
func TestReportBlocksReturnTheSenderReport(t *testing.T) {
	r, h := hearRig(t, HearOptions{}, Config{})
	r.say(talkStart(testSSRC, secure.Fingerprint{}, 0))
	r.d.rx.Allow(wire.SSRCPeer)
	r.sound(testSSRC, 0, 1000, tone10(1))
	block := func() rtcp.ReceptionReport {
		r.reported()
		r.e.report(r.now)
		r.run()
		rr, _ := r.reported()
		if len(rr) != 1 || len(rr[0].Reports) != 1 {
			t.Fatalf("%+v", rr)
		}
		return rr[0].Reports[0]
	}
	if b := block(); b.LastSenderReport != 0 || b.Delay != 0 {
		t.Errorf("before any: %+v", b)
	}
	r.e.s.rx.Allow(testSSRC + 1) // of no stream that is heard
	r.control(&rtcp.SenderReport{SSRC: testSSRC, NTPTime: 0x1111222233334444})
	r.control(&rtcp.SenderReport{SSRC: testSSRC + 1, NTPTime: 0x9999999999999999})
	r.listen(h, 250*time.Millisecond)
	if b := block(); b.LastSenderReport != 0x22223333 || b.Delay != 1<<16/4 {
		t.Errorf("after 250 ms: %+v", b)
	}
}

// reportTimes lets time pass and tells when reports went, from now on.
func (r *rig) reportTimes(h *Hearing, d time.Duration) (at []time.Duration) {
	start := r.now
	r.reported()
	for r.now.Before(start.Add(d)) {
		r.listen(h, 10*time.Millisecond)
		if rr, _ := r.reported(); len(rr) > 0 {
			at = append(at, r.now.Sub(start))
		}
	}
	return at
}

// In a room reports go 4 to 5 s apart, Pings or not: a daemon that was started again without a word is found by them.
func TestMembersReport(t *testing.T) {
	r, h := hearRig(t, HearOptions{}, Config{})
	at := r.reportTimes(h, 31*time.Second)
	if len(at) < 6 {
		t.Fatalf("reports at %v", at)
	}
	for i, t1 := range at[1:] {
		if d := t1 - at[i]; d < wire.ReportEvery-reportSpread || d > wire.ReportEvery+100*time.Millisecond {
			t.Errorf("reports at %v", at)
		}
	}
}

// A stream that is heard and pauses without its end is reported at once, and then less and less often: the daemon may have lost the path.
func TestPausesAreReported(t *testing.T) {
	const ms = time.Millisecond
	pause := []time.Duration{250 * ms, 500 * ms, 1000 * ms, 2000 * ms}
	tests := []struct {
		name  string
		begin func(*rig)
		want  []time.Duration
	}{
		{"announced, and nothing came", func(*rig) {}, []time.Duration{350 * ms, 600 * ms, 1100 * ms, 2100 * ms}},
		{"before the end", func(r *rig) { r.sound(testSSRC, 0, 1000, tone10(1)) }, pause},
		{"with packets still to come", func(r *rig) {
			r.sound(testSSRC, 0, 1000, tone10(1))
			r.say(&wire.Message{Kind: &wire.Message_TalkEnd{TalkEnd: &wire.TalkEnd{Room: "lobby", Ssrc: testSSRC, LastSeq: 100, DurationMs: 1010}}})
		}, pause[:3]},
		{"at the end", func(r *rig) {
			r.sound(testSSRC, 0, 1000, tone10(1))
			r.say(talkEnd(testSSRC, 0))
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, h := hearRig(t, HearOptions{}, Config{})
			r.say(talkStart(testSSRC, secure.Fingerprint{}, 0))
			r.listen(h, 500*ms)
			tt.begin(r)
			if d := cmp.Diff(tt.want, r.reportTimes(h, 3*time.Second)); d != "" {
				t.Error(d)
			}
		})
	}
}

// Each packet ends a pause, also one that was asked for again; and a report covers all streams that pause.
func TestPausesBeginAnew(t *testing.T) {
	const ms = time.Millisecond
	r, h := hearRig(t, HearOptions{}, Config{})
	r.e.s.early = 0 // the first report about the streams comes after all this
	for i := range uint32(20) {
		r.say(talkStart(testSSRC+i, secure.Fingerprint{}, 0))
	}
	for i := range uint32(20) {
		r.sound(testSSRC+i, 0, 1000, tone10(1))
	}
	if d := cmp.Diff([]time.Duration{250 * ms, 500 * ms}, r.reportTimes(h, 900*ms)); d != "" {
		t.Error(d)
	}
	for i := range uint32(20) {
		r.sound(testSSRC+i, 90, 1000+90*frame10, tone10(1))
	}
	if d := cmp.Diff([]time.Duration{250 * ms}, r.reportTimes(h, 400*ms)); d != "" {
		t.Error(d)
	}
}
