package main

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"yodel/peer"
)

// pingEvery is the time from one ping to the next.
const pingEvery = time.Second

func (sh *shell) pingCommand() *cli.Command {
	return sh.command(&cli.Command{
		Name:        "ping",
		Usage:       "measure the way to the daemon and back",
		Description: "A ping is a message of the session, so it tells also that the daemon lets this identity in.",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "count", Aliases: []string{"n"}, Value: 1, Usage: "send `N` pings, one a second"},
		},
	}, pingAction)
}

func pingAction(ctx context.Context, sh *shell, c *cli.Context) error {
	count := c.Int("count")
	if count < 1 {
		return usagef("-n %d: must be 1 or more", count)
	}
	client, err := sh.dial(ctx, dialing{})
	if err != nil {
		return err
	}
	defer hangUp(client)
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for seq := 1; ; seq++ {
		if err := sh.ping(ctx, client, seq); err != nil {
			return err
		}
		if seq == count || sh.out.failed() != nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (sh *shell) ping(ctx context.Context, client *peer.Client, seq int) error {
	var rtt time.Duration
	err := sh.ask(ctx, func(ctx context.Context) (err error) {
		rtt, err = client.Ping(ctx)
		return err
	})
	if err != nil {
		return err
	}
	server := client.Addr().String()
	sh.out.result(fmt.Sprintf("%s answered in %.1f ms", server, float64(rtt)/float64(time.Millisecond)),
		pingObject{Type: "ping", Server: server, Seq: seq, Time: rtt.Seconds()})
	return nil
}
