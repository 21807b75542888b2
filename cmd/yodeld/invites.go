package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"yodel/daemon/access"
	"yodel/daemon/control"
)

func invitesCommand(out io.Writer) *cli.Command {
	return consoleCommand(&cli.Command{
		Name: "invites", Usage: "list the invites that let somebody in",
		Description: "One line an invite: its ID, how many keys it still lets in, until when, when it was made, and the roles that it gives. With --json one object\n" +
			"each. The links are not known any more. The log names the ID with each key that an invite has enrolled.",
	}, out, 0, 0, listInvites)
}

func listInvites(ctx context.Context, c *console) error {
	all, err := c.client.Invites(ctx)
	if err != nil {
		return err
	}
	rows := make([][]string, 0, len(all))
	for _, i := range all {
		if c.out.json {
			if err := c.out.object("invite", i); err != nil {
				return err
			}
		}
		rows = append(rows, []string{i.ID, leftText(&i), timeText(i.Expires, "never"), timeText(i.Created, "-"), strings.Join(i.Roles, ",")})
	}
	if c.out.json {
		return nil
	}
	return c.out.table(strings.Fields("ID LEFT EXPIRES CREATED ROLES"), rows)
}

// leftText shows how many keys an invite still lets in.
func leftText(i *access.InviteInfo) string {
	if i.Uses == 0 {
		return fmt.Sprintf("any (%d used)", i.Used)
	}
	return strconv.Itoa(i.Uses-i.Used) + " of " + strconv.Itoa(i.Uses)
}

func revokeCommand(out io.Writer) *cli.Command {
	return consoleCommand(&cli.Command{
		Name: "revoke", Usage: "take an invite back: it lets nobody in from then on", ArgsUsage: "ID",
		Description: "The ID is that of yodeld invites, or four or more of its first digits. Who has come in with the invite stays: yodeld key deny puts a key\n" +
			"out. Exit code 4: there is no such invite.",
	}, out, 1, 1, revoke)
}

func revoke(ctx context.Context, c *console) error {
	a, err := c.client.Revoke(ctx, control.RevokeRequest{ID: c.Args().First()})
	if err != nil {
		return err
	}
	if c.out.json {
		return c.out.object("invite revoke", a)
	}
	return c.out.line("took back %s", a.ID)
}
