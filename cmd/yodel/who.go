package main

import (
	"context"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"yodel/peer"
	"yodel/wire"
)

func (sh *shell) whoCommand() *cli.Command {
	return sh.command(&cli.Command{
		Name:  "who",
		Usage: "tell who is in a room",
		Description: "One line a member: nick, fingerprint, since when, and where from if the daemon tells. With --json one object\n" +
			"with the list.",
	}, whoAction)
}

func whoAction(ctx context.Context, sh *shell, _ *cli.Context) error {
	client, err := sh.dial(ctx, dialing{})
	if err != nil {
		return err
	}
	defer hangUp(client)
	var members []peer.Member
	err = sh.ask(ctx, func(ctx context.Context) (err error) {
		members, err = client.Who(ctx, sh.room)
		return err
	})
	if err != nil {
		return err
	}
	if sh.json {
		sh.out.object(whoObject{Type: "who", Room: sh.room, Members: memberObjects(members)})
		return nil
	}
	for _, m := range members {
		sh.out.line(memberLine(m, time.Now()))
	}
	if len(members) == 0 {
		sh.out.remark("nobody is in " + sh.room)
	}
	return nil
}

func memberLine(m peer.Member, now time.Time) string {
	fields := []string{wire.Printable(m.Nick), m.Fingerprint.String()}
	if !m.Since.IsZero() {
		fields = append(fields, "since "+clock(m.Since, now))
	}
	if m.Address != "" {
		fields = append(fields, "from "+wire.Printable(m.Address))
	}
	if m.Talking {
		fields = append(fields, "talking")
	}
	return strings.Join(fields, "  ")
}
