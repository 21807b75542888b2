package peer

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"yodel/wire"
	"yodel/wire/repair"
	"yodel/wire/secure"
)

const (
	// historySpare is how much longer than the room's delay packets are kept for resending.
	historySpare = 2 * time.Second
	// maxHistory is where the receiver's replay window ends: what is older cannot be resent.
	maxHistory = secure.WindowRTP
	// reportSpare is how much longer than the room's delay a TalkReport is waited for.
	reportSpare = 3 * time.Second
	// forgetEvery is how many packets pass between two looks for resends that are over.
	forgetEvery = 64
	// tailEvery is how often the last packet goes again while the report about an ended talk is awaited: the daemon sees by it what it
	// misses, also when the message of the end is held up.
	tailEvery = 200 * time.Millisecond
	// maxAudioPacket is the most bytes of an audio packet, with its header.
	maxAudioPacket = wire.MaxDatagram - secure.OverheadRTP
)

// talkOut is the loop's side of a Talk.
type talkOut struct {
	talk   *Talk
	room   string
	held   bool     // refused until its room is joined again
	asked  *session // where an SSRC was asked for last
	baseTS uint32

	talkspurt            // the present one
	before    *talkspurt // the one in the session before, until its report; nil: none

	frames   int
	lost     int
	length   time.Duration
	ended    bool
	deadline time.Time // of the report
	tailAt   time.Time // when the last packet goes again
	done     func(Report, error)
}

// talkspurt is what is sent under one SSRC in one session.
type talkspurt struct {
	s       *session
	granted bool
	ssrc    uint32
	started bool
	next    uint64 // extended sequence number of the next packet
	first   uint64
	firstTS uint32
	lastTS  uint32
	history []*frame // by sequence number
	resends repair.Resender
	octets  uint32 // of payload
	sentTS  uint32 // timestamp of the latest packet
	sentAt  time.Time
}

func (t *talkOut) talkMessage(id uint64) []byte {
	return wire.Encode(&wire.Message_Talk{Talk: &wire.Talk{
		Request: id, Room: t.room, PayloadType: uint32(t.talk.codec.PayloadType),
	}})
}

// grant begins a talkspurt under an SSRC of the daemon's. One of the message streams, or one that the session had before, ends the
// session: two packets could be encrypted under one index (RFC 3711, 9.1).
func (t *talkOut) grant(e *engine, ssrc uint32) error {
	if ssrc < wire.MinAudioSSRC || e.s.granted[ssrc] {
		err := lostErr(fmt.Sprintf("the daemon granted SSRC %d, which is in use", ssrc))
		e.broken(err)
		return err
	}
	e.s.granted[ssrc] = true
	first := wire.FirstSeq()
	t.talk.clear(&t.talkspurt)
	t.talkspurt = talkspurt{s: e.s, granted: true, ssrc: ssrc, first: first, next: first}
	t.talk.ssrc.Store(ssrc)
	return nil
}

// regrant goes on under an SSRC of another session. Where the one before lives on, the talkspurt in it ends with the frame
// before this moment, and is kept until its report. When the talk has ended meanwhile, that was the last one.
func (t *talkOut) regrant(now time.Time, e *engine, ssrc uint32) {
	if t.ended {
		return
	}
	if last := t.talkspurt; last.granted && last.started && last.s == e.old {
		t.sendEnd(now, e, &last, samplesToTime(int64(last.lastTS-last.firstTS)+int64(t.talk.codec.FrameSamples)))
		t.before, t.talkspurt = &last, talkspurt{}
	}
	_ = t.grant(e, ssrc) // an error has ended the session, and the next one asks again
}

// detach notes that all sessions are lost: what is said until the next grant is lost.
func (t *talkOut) detach() {
	t.granted = false
	t.dropBefore()
}

// dropBefore gives up the report about the talkspurt before.
func (t *talkOut) dropBefore() {
	if t.before != nil {
		t.talk.clear(t.before)
		t.before = nil
	}
}

// in tells that something of the talk belongs to a session.
func (t *talkOut) in(s *session) bool {
	return t.granted && t.s == s || t.before != nil && t.before.s == s
}

// endSession notes that a session is over that another has replaced.
func (t *talkOut) endSession(e *engine, s *session) {
	if t.before != nil && t.before.s == s {
		t.dropBefore()
		if t.ended && !t.started {
			t.finish(e, ErrNoReport)
		}
	}
	if t.granted && t.s == s {
		t.granted = false
		if t.ended {
			t.finish(e, ErrNoReport)
		}
	}
}

// again asks for a new SSRC in another session. A talk that has ended already gets no report any more.
func (t *talkOut) again(now time.Time, e *engine, s *session) {
	if t.ended {
		t.finish(e, ErrNoReport)
		return
	}
	t.held, t.asked = false, s
	e.requestIn(now, s, t.talkMessage, func(now time.Time, m *wire.Message, err error) {
		switch r := e.rooms[t.room]; {
		case err == nil:
			t.regrant(now, e, m.GetTalkGranted().GetSsrc())
		case r != nil && !r.retryAt.IsZero():
			t.held = true
		default:
			t.talk.broken.Store(&err)
		}
	})
}

// frame sends one frame of a talk.
func (e *engine) frame(now time.Time, f *frame) {
	t := f.talk.out
	t.frames++
	if e.s == nil || !t.granted || t.ended {
		t.lost++
		f.talk.give(f)
		return
	}
	if !t.started {
		t.start(now, e, f)
	}
	t.lastTS = f.ts
	t.putHeader(f)
	t.keep(f)
	t.s.sendRTP(f.packet, t.next)
	t.resends.Sent()
	t.next++
	t.octets += uint32(len(f.packet) - rtpHeader)
	t.sentTS, t.sentAt = t.baseTS+f.ts, now
	e.s.lastAudio = now
	t.adapt(now, e.rooms[t.room])
}

// start announces the talkspurt before its first packet.
func (t *talkOut) start(now time.Time, e *engine, f *frame) {
	t.started, t.firstTS = true, f.ts
	e.sendOn(now, t.s, wire.Encode(&wire.Message_TalkStart{TalkStart: &wire.TalkStart{
		Room: t.room, Ssrc: t.ssrc, PayloadType: uint32(t.talk.codec.PayloadType),
		FirstSeq: uint32(t.first), FirstTimestamp: t.baseTS + f.ts,
	}}))
	t.s.flush(now)
	each := samplesToTime(int64(t.talk.codec.FrameSamples))
	keep := historySpare
	if r := e.rooms[t.room]; r != nil {
		keep += r.delay
		r.loss.begin(now)
	}
	t.history = make([]*frame, min(maxHistory, max(1, int(keep/each))))
}

// putHeader fills in the RTP header (RFC 3550, 5.1). The first packet of a talkspurt has the marker (RFC 3551, 4.1).
func (t *talkOut) putHeader(f *frame) {
	f.packet[0] = 2 << 6
	f.packet[1] = f.payloadType
	if t.next == t.first {
		f.packet[1] |= 1 << 7
	}
	binary.BigEndian.PutUint16(f.packet[2:], uint16(t.next))
	binary.BigEndian.PutUint32(f.packet[4:], t.baseTS+f.ts)
	binary.BigEndian.PutUint32(f.packet[8:], t.ssrc)
}

// keep puts a packet into the history in place of the oldest.
func (t *talkOut) keep(f *frame) {
	slot := &t.history[t.next%uint64(len(t.history))]
	if *slot != nil {
		t.talk.give(*slot)
	}
	*slot = f
	if t.next%forgetEvery == 0 {
		t.resends.Forget(t.oldest())
	}
}

// oldest is the first packet that the history still has.
func (t *talkspurt) oldest() uint64 {
	if n := uint64(len(t.history)); t.next-t.first > n {
		return t.next - n
	}
	return t.first
}

// resend sends a packet once more, as it was, if that is allowed.
func (t *talkspurt) resend(seq uint16) {
	index := wire.Nearest(int64(t.next), seq)
	if !t.started || index < int64(t.oldest()) || index >= int64(t.next) {
		return
	}
	f := t.history[uint64(index)%uint64(len(t.history))]
	if f != nil && t.resends.Allow(uint64(index)) {
		t.s.sendRTP(f.packet, uint64(index))
	}
}

// clear takes the frames of a talkspurt back.
func (t *Talk) clear(ts *talkspurt) {
	for _, f := range ts.history {
		if f != nil {
			t.give(f)
		}
	}
	ts.history = nil
}

// end announces the end of the talkspurt.
func (t *talkOut) end(now time.Time, e *engine, length time.Duration) {
	t.ended, t.length = true, length
	switch {
	case e.s != nil && t.granted && t.started:
		t.sendEnd(now, e, &t.talkspurt, length)
	case t.before == nil:
		t.finish(e, t.cutOff())
		return
	}
	t.deadline, t.tailAt = now.Add(reportSpare), now.Add(tailEvery)
	if r := e.rooms[t.room]; r != nil {
		t.deadline = t.deadline.Add(r.delay)
	}
}

// sendEnd announces the end of a talkspurt, in its session.
func (t *talkOut) sendEnd(now time.Time, e *engine, ts *talkspurt, length time.Duration) {
	e.sendOn(now, ts.s, wire.Encode(&wire.Message_TalkEnd{TalkEnd: &wire.TalkEnd{
		Room: t.room, Ssrc: ts.ssrc, LastSeq: uint32(uint16(ts.next - 1)), DurationMs: uint32(length.Milliseconds()),
	}}))
}

// cutOff is how a talk ends of which nothing was sent in this session.
func (t *talkOut) cutOff() error {
	if t.frames == 0 {
		return nil
	}
	return fmt.Errorf("%w: the end of the talk was not sent, nor %d of its %d frames", ErrLost, t.lost, t.frames)
}

// advance sends the last packet again, and gives up waiting for the report when it is time.
func (t *talkOut) advance(now time.Time, e *engine) {
	switch {
	case t.deadline.IsZero():
	case !now.Before(t.deadline):
		t.finish(e, ErrNoReport)
	case !now.Before(t.tailAt):
		t.tailAt = now.Add(tailEvery)
		if t.granted {
			t.resend(uint16(t.next - 1))
		}
	}
}

// dueAt is when advance has something to do; zero: never.
func (t *talkOut) dueAt() time.Time {
	if !t.deadline.IsZero() && t.tailAt.Before(t.deadline) {
		return t.tailAt
	}
	return t.deadline
}

// finish lets go of the talk and tells who waits.
func (t *talkOut) finish(e *engine, err error) {
	t.ended, t.deadline = true, time.Time{}
	t.dropBefore()
	t.talk.clear(&t.talkspurt)
	e.talks = slices.DeleteFunc(e.talks, func(o *talkOut) bool { return o == t })
	if t.done != nil {
		t.done(Report{Frames: t.frames, Lost: t.lost, Duration: t.length}, err)
		t.done = nil
	}
}

// talkReport takes what the daemon tells, in a session, about a talkspurt that has ended.
func (e *engine) talkReport(s *session, r *wire.TalkReport) {
	for _, t := range e.talks {
		switch {
		case t.granted && t.ended && t.s == s && t.ssrc == r.GetSsrc():
			t.started = false // it is reported
		case t.before != nil && t.before.s == s && t.before.ssrc == r.GetSsrc():
			t.dropBefore()
		default:
			continue
		}
		t.reported(e, int(r.GetLost()))
		return
	}
}

// reported counts what was lost of a talkspurt. The last report finishes the talk.
func (t *talkOut) reported(e *engine, lost int) {
	t.lost = min(t.lost+lost, t.frames)
	switch {
	case !t.ended || t.before != nil || t.granted && t.started:
	case t.lost == t.frames:
		t.finish(e, fmt.Errorf("%w: none of %d frames got through", ErrLost, t.frames))
	default:
		t.finish(e, nil)
	}
}
