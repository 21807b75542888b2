package main

import (
	"time"

	"github.com/urfave/cli/v2"

	"yodel/peer"
)

// autoLatency is the value of --latency that lets the jitter buffer adapt.
const autoLatency = "auto"

// maxLatency is the deepest jitter buffer that can be asked for.
const maxLatency = 2 * time.Second

// latencyFlag is the flag of every command that plays a room; latencyOf reads it.
func latencyFlag() cli.Flag {
	return &cli.StringFlag{Name: "latency", Usage: "in a live room hold sound back for `TIME`, up to 2s, against jitter; auto: as little as the network allows (auto)"}
}

// latencyOf gives the depth of the jitter buffer as peer.HearOptions has it: 0 adapts.
func latencyOf(c *cli.Context) (time.Duration, error) {
	text := c.String("latency")
	if !c.IsSet("latency") || text == autoLatency {
		return 0, nil
	}
	var v duration
	switch err := v.Set(text); {
	case err != nil:
		return 0, withHint(usagef("--latency %q is neither auto nor a time", text), "--latency 20ms, or --latency 0.2")
	case v.d == 0:
		return 0, withHint(usagef("--latency 0 would lose every packet that does not come at once"), "auto is as little as the network allows; 1ms is fixed")
	case v.d > maxLatency:
		return 0, usagef("--latency %s is too long: 2s at most", text)
	}
	return v.d, nil
}

// tellLatency tells who asked for a latency that a room with a delay does not use it.
func (sh *shell) tellLatency(asked time.Duration, j *peer.Joined) {
	if asked > 0 && j.Lead > 0 {
		sh.out.remark("--latency is not used here: what is said in this room comes " + exact(j.Lead) + " before it is heard")
	}
}
