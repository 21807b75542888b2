//go:build cgo

package audio

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/hajimehoshi/oto/v2"
)

// Buffers of the speaker. What is read is heard after both, about 110 ms. Measured with two busy loops on two cores and a card that takes
// sound in bursts of 42 ms: with 60 ms in the player 4 of 12 tones of 2 s had a gap, with 80 ms none.
const (
	deviceBuffer  = 30 * time.Millisecond
	playerBuffer  = 80 * SampleRate / 1000 * 2 // bytes
	speakerChunk  = 10 * SampleRate / 1000     // samples read at a time
	openTimeout   = 5 * time.Second
	drainTimeout  = 200 * time.Millisecond
	drainTail     = 100 * time.Millisecond // of it after the player is empty: the device's own buffers, known and not
	drainInterval = 5 * time.Millisecond
)

// otoContext opens the sound device once for the process; oto supports one context only.
var otoContext = sync.OnceValues(openContext)

func openContext() (*oto.Context, error) {
	quietALSA()
	ctx, ready, err := oto.NewContextWithOptions(&oto.NewContextOptions{
		SampleRate:   SampleRate,
		ChannelCount: 1,
		Format:       oto.FormatSignedInt16LE,
		BufferSize:   deviceBuffer,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoSpeaker, err)
	}
	timeout := time.NewTimer(openTimeout)
	defer timeout.Stop()
	select {
	case <-ready:
	case <-timeout.C:
		return nil, fmt.Errorf("%w: the sound device did not open in %v", ErrNoSpeaker, openTimeout)
	}
	if err := ctx.Err(); err != nil { // oto tells of a missing device only here
		return nil, fmt.Errorf("%w: no sound device (%w)", ErrNoSpeaker, err)
	}
	return ctx, nil
}

// Speaker plays on the default sound device. Its methods may be called from any goroutine.
type Speaker struct {
	ctx    *oto.Context
	player oto.Player
	close  sync.Once

	mu     sync.Mutex // held while read runs
	read   func([]int16)
	closed bool
	frame  [speakerChunk]int16
}

// OpenSpeaker starts to play what read gives: read fills the whole slice it is handed, 10 ms at most, with silence where there is nothing, and
// soon. It is called from a goroutine of the sound library's, about as fast as the device plays, with up to 110 ms read ahead at the
// beginning. The error is ErrNoSpeaker, at once if there is no sound device. One Speaker is open at a time; another may be opened after Close.
func OpenSpeaker(read func([]int16)) (*Speaker, error) {
	ctx, err := otoContext()
	if err != nil {
		return nil, err
	}
	s := &Speaker{ctx: ctx, read: read}
	s.player = ctx.NewPlayer(speakerReader{s})
	if b, ok := s.player.(oto.BufferSizeSetter); ok {
		b.SetBufferSize(playerBuffer)
	}
	s.player.Play()
	return s, nil
}

// Err returns why the device plays no more (it was unplugged), or nil.
func (s *Speaker) Err() error {
	if err := s.ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrNoSpeaker, err)
	}
	return nil
}

// Close stops to call read, lets what was read be heard, at most 200 ms of it, and stops. read does not run after Close returned.
func (s *Speaker) Close() error {
	var err error
	s.close.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		s.drain()
		err = s.player.Close()
	})
	return err
}

// drain waits until the buffers have been played.
func (s *Speaker) drain() {
	tick := time.NewTicker(drainInterval)
	defer tick.Stop()
	empty := time.Duration(0)
	for waited := time.Duration(0); waited < drainTimeout && empty < drainTail && s.ctx.Err() == nil; waited += drainInterval {
		<-tick.C
		if s.player.UnplayedBufferSize() == 0 {
			empty += drainInterval
		}
	}
}

// speakerReader is the side of a Speaker that oto reads.
type speakerReader struct{ s *Speaker }

// Read gives one chunk as s16le.
func (r speakerReader) Read(p []byte) (int, error) {
	s := r.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, io.EOF
	}
	n := min(len(p)/2, len(s.frame))
	frame := s.frame[:n]
	s.read(frame)
	return len(appendLE(p[:0], frame)), nil
}
