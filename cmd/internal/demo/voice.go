package main

import (
	"errors"
	"fmt"
	"time"

	"yodel/cmd/internal/speech"
	"yodel/cmd/internal/through"
	"yodel/peer/audio"
	"yodel/peer/audio/score"
)

// What the echo may differ by before the demonstration fails.
const (
	maxOff  = 60 * time.Millisecond // from the room's delay
	maxLoss = 0.3                   // dB of fwSNRseg against the codec alone
	silence = "1s"                  // that ends the hearing
)

// shout plays the voice into the room as alice, has bob hear the echo into a file, and measures it.
func shout(s *stage, voice, out string) (report string, err error) {
	bob, err := s.peer("bob", "hear", "-o", out, "--until-silence", silence)
	if err != nil {
		return "", err
	}
	joined, err := bob.next(s.ctx, "joined", "")
	if err != nil {
		return "", err
	}
	alice, err := s.peer("alice", "talk", voice)
	if err != nil {
		return "", err
	}
	start, err := alice.next(s.ctx, "talk", "start")
	if err != nil {
		return "", err
	}
	fmt.Println("alice is shouting …")
	end, err := alice.next(s.ctx, "talk", "end")
	if err != nil {
		return "", err
	}
	heard, err := bob.next(s.ctx, "talk", "end")
	if err != nil {
		return "", err
	}
	if err := errors.Join(alice.wait(s.ctx), bob.wait(s.ctx)); err != nil {
		return "", err
	}
	m, err := measure(voice, out)
	if err != nil {
		return "", err
	}
	m.came = m.echo.Delay() - start.At.Sub(joined.At) - m.codec.Delay()
	m.lost, m.frames, m.spoke = heard.Lost+heard.Late+end.Lost, end.Frames, end.Duration
	return m.report()
}

// measurement is the echo against the voice.
type measurement struct {
	codec, echo  score.Score // the codec alone, and the way through the room
	name         string
	came         time.Duration
	lost, frames int
	spoke        float64 // seconds
}

func (m measurement) report() (string, error) {
	worse := m.codec.FwSNRseg - m.echo.FwSNRseg
	text := fmt.Sprintf("alice shouted %.1f s; the echo came %.2f s later, %d of %d frames were lost, quality within %.1f dB of %s alone.",
		m.spoke, m.came.Seconds(), m.lost, m.frames, max(worse, 0), m.name)
	switch off := m.came - delay; {
	case off < -maxOff || off > maxOff:
		return "", fmt.Errorf("the echo is off by %v: %s", off, text)
	case m.lost > 0 || m.echo.Lost > m.codec.Lost:
		return "", fmt.Errorf("frames were lost: %s", text)
	case worse > maxLoss:
		return "", fmt.Errorf("the quality is worse: %s", text)
	}
	return text, nil
}

// measure compares the recorded echo with the voice, and with the voice through the codec without a network.
func measure(voice, echo string) (measurement, error) {
	ref, err := speech.Load(voice)
	if err != nil {
		return measurement{}, err
	}
	got, err := speech.Load(echo)
	if err != nil {
		return measurement{}, err
	}
	codec := audio.Available()[0]
	direct, err := through.Codec(codec, 0, ref)
	if err != nil {
		return measurement{}, err
	}
	return measurement{codec: score.Compare(ref, direct), echo: score.Compare(ref, got), name: codec.Name}, nil
}
