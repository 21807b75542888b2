package daemon

import (
	"time"

	"github.com/pion/rtcp"

	"yodel/daemon/histogram"
	"yodel/wire"
)

// figures are what the hub counts for [Stats], beside the drops. They are the hub's, but for the histograms, which anyone may read.
type figures struct {
	handshakes [outcomeKinds]uint64
	refusals   map[wire.Code]uint64
	receipts   uint64

	resendsAsked, resendsAnswered, resendsRefused uint64 // packets that listeners asked for
	voiceGot, voiceLost                           uint64 // packets of talkspurts that are over

	rtt              *histogram.Histogram // in seconds
	lossUp, lossDown *histogram.Histogram // of 0 to 1
}

// outcome is what has become of a handshake.
type outcome uint8

const (
	outcomeBegun outcome = iota
	outcomeDone
	outcomeFailed   // refused by the peer, malformed, or not done in time
	outcomeReplaced // another began at the same address
	outcomeCutShort // it had to make room
	outcomeKinds
)

var outcomeNames = [outcomeKinds]string{
	outcomeBegun:    "begun",
	outcomeDone:     "done",
	outcomeFailed:   "failed",
	outcomeReplaced: "replaced",
	outcomeCutShort: "cut_short",
}

func newFigures() figures {
	loss := []float64{0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5}
	return figures{
		refusals: make(map[wire.Code]uint64),
		rtt:      histogram.New(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2),
		lossUp:   histogram.New(loss...),
		lossDown: histogram.New(loss...),
	}
}

// reported observes what a report to a session tells of its path: once a report, and not with each packet.
func (f *figures) reported(rtt time.Duration, blocks []rtcp.ReceptionReport) {
	if rtt > 0 {
		f.rtt.Observe(rtt.Seconds())
	}
	for i := range blocks {
		f.lossUp.Observe(lossOf(&blocks[i]))
	}
}

// heard observes what a peer reports of the voices that it hears.
func (f *figures) heard(blocks []rtcp.ReceptionReport) {
	for i := range blocks {
		f.lossDown.Observe(lossOf(&blocks[i]))
	}
}

// lossOf is the part of the packets that were lost since the report before (RFC 3550, 6.4.1: "fixed point number with the binary point at the left edge").
func lossOf(b *rtcp.ReceptionReport) float64 { return float64(b.FractionLost) / 256 }
