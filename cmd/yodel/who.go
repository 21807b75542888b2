package main

import (
	"context"
	"strconv"
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
	var count int
	err = sh.ask(ctx, func(ctx context.Context) (err error) {
		members, count, err = client.Who(ctx, sh.room)
		return err
	})
	if err != nil {
		return err
	}
	sh.tellWho(members, count)
	return nil
}

// tellWho lists the members of the room; count is of all, also of those that the daemon does not list.
func (sh *shell) tellWho(members []peer.Member, count int) {
	if sh.json {
		sh.out.object(whoObjectOf(sh.room, members, count))
		return
	}
	for _, m := range members {
		sh.out.line(memberLine(m, time.Now()))
	}
	switch {
	case count == 0:
		sh.out.remark("nobody is in " + sh.room)
	case count > len(members):
		sh.out.remark(strconv.Itoa(count) + " are in " + sh.room + "; these are the first " + strconv.Itoa(len(members)) + " by nick")
	}
}

func whoObjectOf(room string, members []peer.Member, count int) whoObject {
	return whoObject{Type: "who", Room: room, Count: count, Members: memberObjects(members)}
}

func memberLine(m peer.Member, now time.Time) string {
	fields := []string{shownNick(m.Nick), m.Fingerprint.String()}
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
