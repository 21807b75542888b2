package main

import (
	"fmt"
	"strconv"

	"github.com/urfave/cli/v2"

	"yodel/daemon"
)

// limitFlags say how much of what there may be.
func limitFlags() []cli.Flag {
	l := daemon.DefaultLimits
	return []cli.Flag{
		&cli.IntFlag{Name: "max-sessions", Value: l.Sessions, Usage: "let `N` sessions be there at once; more are refused"},
		&cli.IntFlag{Name: "max-rooms", Value: l.Rooms, Usage: "let there be `N` rooms, with those that have messages; one key may make half of them"},
		&cli.IntFlag{Name: "max-members", Value: l.Members, Usage: "let `N` sessions be in one room"},
		&cli.StringFlag{
			Name: "publish-rate", Value: strconv.FormatInt(l.PublishRate>>20, 10) + "M",
			Usage: "take messages of one session at `SIZE` a second (K, M, G); who sends faster is slowed; 0: at any rate",
		},
		&cli.StringFlag{Name: "echo-bytes", Value: strconv.FormatInt(l.EchoBytes>>20, 10) + "M", Usage: "keep voices of all rooms that are not played yet, `SIZE` in all"},
	}
}

// setLimits takes what the flags say into the configuration.
func setLimits(c *cli.Context, cfg *daemon.Config) (err error) {
	l := &cfg.Limits
	for name, n := range map[string]*int{"max-sessions": &l.Sessions, "max-rooms": &l.Rooms, "max-members": &l.Members} {
		if *n = c.Int(name); *n < 1 {
			return usage("a number is like 1000", "--%s %d: it must be 1 or more", name, *n)
		}
	}
	for name, n := range map[string]*int64{"publish-rate": &l.PublishRate, "echo-bytes": &l.EchoBytes} {
		if *n, err = size(name, c.String(name)); err != nil {
			return fmt.Errorf("--%w", err)
		}
	}
	return nil
}
