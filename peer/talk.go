package peer

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"yodel/peer/audio"
	"yodel/wire"
)

// rtpHeader is the size of an RTP header without contributing sources and extensions (RFC 3550, 5.1).
const rtpHeader = 12

// Report is what became of a talk.
type Report struct {
	Frames int // that were given to Write
	// Lost are those that did not get to the daemon: it told so, or there was no session to send them in. What came as a copy in a later packet
	// is not lost: in a live room the daemon makes a packet of it.
	Lost     int
	Duration time.Duration // with the pauses within
}

// Talk is one talk in a room. Play, Write and End are used by one goroutine at a time. After a reconnect it goes on by itself under a
// new SSRC; what was said meanwhile is lost.
type Talk struct {
	c       *Client
	codec   audio.Codec
	enc     *audio.Encoder
	rate    int    // which was set last, bit/s; 0: none was
	fixed   bool   // it stays so
	payload []byte // scratch: of the frame that is encoded
	given   int    // bit/s of the latest payload
	copying carrier
	free    chan *frame // to be used again
	samples int64       // timestamp of the next frame, from 0; 48 kHz
	ended   bool

	// What the loop wants of the next frame, by the loss that is reported: bit/s, 0: not said yet; and earlier frames to carry again.
	bitrate, copies atomic.Int32

	ssrc    atomic.Uint32
	started atomic.Pointer[time.Time]
	broken  atomic.Pointer[error] // why it cannot go on

	out *talkOut // the loop's
}

// frame is one packet on its way to the loop and, until it is too old to be resent, in the history there.
type frame struct {
	talk        *Talk
	packet      []byte // room for the header, then the payload
	payloadType uint8
	ts          uint32
}

// Talk asks for an SSRC to talk with in a room that was joined. What is written then comes back to the room after its delay.
func (c *Client) Talk(ctx context.Context, room string, codec audio.Codec) (*Talk, error) {
	enc, err := audio.NewEncoder(codec)
	if err != nil {
		return nil, err
	}
	t := newTalk(c, room, enc)
	t.out.baseTS = random32()
	return call(ctx, c, func(now time.Time, reply func(*Talk, error)) func() {
		e := c.engine
		if e.rooms[room] == nil {
			reply(nil, &RefusedError{Code: wire.Code_CODE_NOT_MEMBER, Reason: "the room must be joined before talking", Room: room})
			return nil
		}
		id := e.request(now, t.out.talkMessage, func(_ time.Time, m *wire.Message, err error) {
			if err != nil {
				reply(nil, err)
				return
			}
			if err := t.out.grant(e, m.GetTalkGranted().GetSsrc()); err != nil {
				reply(nil, err)
				return
			}
			e.talks = append(e.talks, t.out)
			reply(t, nil)
		})
		return func() { e.requests.forget(id) }
	})
}

// spareFrames is how many frames wait to be used again: those between Write and the history.
const spareFrames = 8

func newTalk(c *Client, room string, enc *audio.Encoder) *Talk {
	t := &Talk{c: c, codec: enc.Codec(), enc: enc, free: make(chan *frame, spareFrames)}
	t.out = &talkOut{talk: t, room: room}
	return t
}

// take gives a frame to be filled.
func (t *Talk) take() *frame {
	select {
	case f := <-t.free:
		return f
	default:
		return &frame{talk: t, packet: make([]byte, rtpHeader, wire.MaxDatagram)}
	}
}

// give takes a frame back.
func (t *Talk) give(f *frame) {
	select {
	case t.free <- f:
	default:
	}
}

// SSRC is the one that is talked under now.
func (t *Talk) SSRC() uint32 { return t.ssrc.Load() }

// Started is when the first frame was written; the zero time before.
func (t *Talk) Started() time.Time {
	if at := t.started.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// Codec is what the talk was made for.
func (t *Talk) Codec() audio.Codec { return t.codec }

// SetBitrate has what is written from now on encoded at a constant bit rate, which does not follow the loss that is reported. The error is
// audio.ErrBitrate.
func (t *Talk) SetBitrate(bps int) error {
	if err := t.enc.SetBitrate(bps); err != nil {
		return err
	}
	t.fixed = true
	return nil
}

// follow sets the bit rate that the loss asks for.
func (t *Talk) follow() error {
	want := int(t.bitrate.Load())
	if t.fixed || want == 0 || want == t.rate {
		return nil
	}
	t.rate = want
	return t.enc.SetBitrate(want)
}

// Write sends one frame of Codec().FrameSamples samples at once; pacing is the caller's. Errors: audio.ErrFrameSize, ErrClosed, a
// *RefusedError when the talk could not go on after a reconnect, ErrLost.
func (t *Talk) Write(samples []int16) error {
	if err := t.goesOn(); err != nil {
		return err
	}
	if err := t.follow(); err != nil {
		return err
	}
	payload, err := t.enc.Encode(t.payload[:0], samples)
	if err != nil {
		return err
	}
	t.payload = payload
	return t.send(payload)
}

// WritePacket sends one frame that is encoded already: a payload of the talk's codec that holds Codec().FrameSamples samples. Errors:
// audio.ErrPayload, audio.ErrFrameSize, and as of Write.
func (t *Talk) WritePacket(payload []byte) error {
	if err := t.goesOn(); err != nil {
		return err
	}
	n, err := audio.PacketSamples(t.codec.PayloadType, payload)
	if err != nil {
		return err
	}
	if n != t.codec.FrameSamples {
		return fmt.Errorf("%w: a packet of %d samples, %s has %d", audio.ErrFrameSize, n, t.codec.Name, t.codec.FrameSamples)
	}
	return t.send(payload)
}

// warm lets the encoder hear a frame that is not sent: what is written next goes on from it. The talk's last packet said it.
func (t *Talk) warm(samples []int16) error {
	f := t.take()
	defer t.give(f)
	_, err := t.enc.Encode(f.packet[:rtpHeader], samples)
	return err
}

// goesOn tells why nothing more can be written.
func (t *Talk) goesOn() error {
	if t.ended {
		return fmt.Errorf("talk: %w", ErrClosed)
	}
	if err := t.broken.Load(); err != nil {
		return *err
	}
	return nil
}

// send hands a frame to the loop.
func (t *Talk) send(payload []byte) error {
	if t.started.Load() == nil {
		now := time.Now()
		t.started.Store(&now)
	}
	select {
	case t.c.frames <- t.next(payload):
		return nil
	case <-t.c.over:
		return t.c.overErr()
	}
}

// next makes the packet of the next frame: room for the header, and the payload with copies of those before.
func (t *Talk) next(payload []byte) *frame {
	f := t.take()
	f.ts, f.payloadType = uint32(t.samples), t.codec.PayloadType // wraps as RTP timestamps do
	packet, redundant := t.copying.pack(f.packet[:rtpHeader], payload, f.ts, int(t.copies.Load()))
	if f.packet = packet; redundant {
		f.payloadType = wire.PayloadRED
	}
	if t.codec == audio.Opus {
		t.copying.remember(payload, f.ts)
	}
	t.samples += int64(t.codec.FrameSamples)
	t.given = len(payload) * 8 * audio.SampleRate / t.codec.FrameSamples
	return f
}

// skip leaves out samples of silence before the next frame.
func (t *Talk) skip(samples int64) { t.samples += samples }

// length is how long the talk is by now.
func (t *Talk) length() time.Duration { return samplesToTime(t.samples) }

// frame is how long one packet lasts.
func (t *Talk) frame() time.Duration { return samplesToTime(int64(t.codec.FrameSamples)) }

// End ends the talk, waits until the daemon has all of it or gave up what is missing, and tells what arrived. It waits for
// the room's delay and 3 s at most: then the error is ErrNoReport. It is ErrLost when there is no session that could take the end, or
// when nothing of the talk got through. The Report is filled in any case.
func (t *Talk) End(ctx context.Context) (Report, error) {
	if t.ended {
		return Report{}, fmt.Errorf("talk: %w", ErrClosed)
	}
	t.ended = true
	length := t.length()
	type outcome struct {
		report Report
		err    error
	}
	o, err := call(ctx, t.c, func(now time.Time, reply func(outcome, error)) func() {
		t.out.done = func(r Report, err error) { reply(outcome{r, err}, nil) }
		t.out.end(now, t.c.engine, length)
		return func() { t.out.finish(t.c.engine, ctx.Err()) }
	})
	if err != nil {
		return Report{Duration: length}, err
	}
	return o.report, o.err
}

func samplesToTime(n int64) time.Duration {
	return time.Duration(n) * time.Second / audio.SampleRate
}

func timeToSamples(d time.Duration) int64 {
	return int64(d)/int64(time.Second)*audio.SampleRate +
		int64(d)%int64(time.Second)*audio.SampleRate/int64(time.Second)
}
