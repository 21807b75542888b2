package main

import (
	"testing"
	"time"

	"yodel/peer"
	"yodel/peer/audio"
	"yodel/wire"
)

func voice(nick string, latency time.Duration, level float64) peer.Voice {
	return peer.Voice{Talk: &peer.Talking{Nick: nick}, Latency: latency, Level: level}
}

func TestHeardLine(t *testing.T) {
	const second = audio.SampleRate
	tests := []struct {
		position int64
		voices   []peer.Voice
		want     string
	}{
		{0, nil, "[--------------------] 0:00 nobody speaks"},
		{42*second + second/2, []peer.Voice{voice("alice", 41*time.Millisecond, -30)}, "[##########----------] 0:42 alice 41 ms"},
		// two of one level are 3 dB more
		{
			61 * second,
			[]peer.Voice{voice("bob", 63*time.Millisecond, -30), voice("alice", 41*time.Millisecond, -30)},
			"[###########---------] 1:01 alice 41 ms, bob 63 ms",
		},
		{3600*second + 59*second, []peer.Voice{voice("x: y", time.Second, 0)}, `[####################] 1:00:59 "x: y" 1000 ms`},
		{0, []peer.Voice{voice("silent", 0, audio.Silence)}, "[--------------------] 0:00 silent 0 ms"},
	}
	for _, tt := range tests {
		if got := heardLine(tt.position, tt.voices); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
	if got := heardLine(0, []peer.Voice{voice("a\x1b]0;x\x07\u202e\r\n", 0, 0)}); wire.Printable(got) != got {
		t.Errorf("raw: %q", got)
	}
}

func TestEffort(t *testing.T) {
	if got := effort(peer.Progress{Bitrate: 48000, Copies: 2}); got != "; 48 kbit/s, 2 copies" {
		t.Errorf("got %q", got)
	}
	if got := effort(peer.Progress{}); got != "" {
		t.Errorf("of a lossless codec: got %q", got)
	}
}
