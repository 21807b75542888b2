package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"yodel/daemon"
)

func peersCommand(out io.Writer) *cli.Command {
	return consoleCommand(&cli.Command{
		Name: "peers", Usage: "list the peers that are there",
		Description: "One line a session: nick, fingerprint, address, rooms, round-trip time in ms, loss from and to the peer in percent, jitter from and to\n" +
			"it in ms, since when, bytes from and to it, software. - is what is not known: loss and jitter from a peer that has not talked, and\n" +
			"jitter to one that does not hear anybody. With --json one object each.",
	}, out, 0, 0, peers)
}

func peers(ctx context.Context, c *console) error {
	all, err := c.client.Peers(ctx)
	if err != nil {
		return err
	}
	rows := make([][]string, 0, len(all))
	for i := range all {
		if c.out.json {
			if err := c.out.object("peer", all[i]); err != nil {
				return err
			}
		}
		rows = append(rows, peerRow(&all[i]))
	}
	if c.out.json {
		return nil
	}
	return c.out.table(strings.Fields("NICK FINGERPRINT ADDRESS ROOMS RTT LOSS JITTER SINCE IN OUT SOFTWARE"), rows)
}

func peerRow(p *daemon.PeerStatus) []string {
	rooms := strings.Join(p.Rooms, ",")
	if more := p.RoomCount - len(p.Rooms); more > 0 {
		rooms += ",+" + strconv.Itoa(more)
	}
	both := func(in, out *float64, scale float64) string {
		return fmt.Sprintf("%s/%s", number(in, "%.1f", scale), number(out, "%.1f", scale))
	}
	return []string{
		nickText(p.Nick), p.Fingerprint, p.Address, rooms, number(p.RTT, "%.1f", 1), both(p.LossIn, p.LossOut, 100), both(p.JitterIn, p.JitterOut, 1),
		timeText(p.Since, "-"), bytesText(p.BytesIn), bytesText(p.BytesOut), p.Software,
	}
}
