package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"yodel/daemon/control"
	"yodel/wire"
	"yodel/wire/secure"
)

func inviteCommand(out, errs io.Writer) *cli.Command {
	return consoleCommand(&cli.Command{
		Name: "invite", Usage: "make an invite, and print its link", Subcommands: []*cli.Command{revokeCommand(out)}, ArgsUsage: "[--room R] [--uses N] [--expires D] [--host H] [--role R ...]",
		Description: "Whoever runs yodel join LINK is let in from then on; the link is a secret until it is used up. It is the only thing on standard output:\n" +
			"  yodel join \"$(sudo yodeld invite --host localhost)\"\n" +
			"yodeld invites lists those that are good, yodeld invite revoke takes one back. Exit code 4: access is known, and no invite lets anybody in.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "room", Aliases: []string{"r"}, Value: "lobby", Usage: "the `ROOM` that who comes begins in"},
			&cli.IntFlag{Name: "uses", Value: 1, Usage: "let `N` keys in; 0: any number"},
			&cli.StringFlag{Name: "expires", Value: "7d", Usage: "let them in for `TIME` (7d, 12h); 0: for ever"},
			&cli.StringFlag{
				Name: "host", Usage: "the `HOST[:PORT]` where they find the daemon (default: public_address, else the address that this machine has towards others)",
			},
			roleFlag(),
		},
	}, out, 0, 0, func(ctx context.Context, c *console) error { return invite(ctx, c, errs) })
}

// inviteObject is an invite in JSON.
type inviteObject struct {
	ID      string    `json:"id"` // for yodeld invite revoke
	Link    string    `json:"link"`
	Room    string    `json:"room"`
	Uses    int       `json:"uses"` // 0: any number
	Expires time.Time `json:"expires,omitzero"`
	Roles   []string  `json:"roles,omitempty"`
}

func invite(ctx context.Context, c *console, errs io.Writer) error {
	room, uses := c.String("room"), c.Int("uses")
	if err := wire.CheckRoom(room); err != nil {
		return usage("", "--room: %v", err)
	}
	if uses < 0 {
		return usage("", "--uses %d: it must be 0 for any number, or more", uses)
	}
	good, err := age("expires", c.String("expires"))
	if err != nil {
		return fmt.Errorf("--%w", err)
	}
	s, err := c.client.Status(ctx)
	if err != nil {
		return err
	}
	at, hint, err := inviteHost(c.String("host"), &s)
	if err != nil {
		return err
	}
	q := control.InviteRequest{Uses: uses, Expires: good.Seconds(), Roles: c.StringSlice("role")}
	a, err := c.client.Invite(ctx, q)
	if err != nil {
		return err
	}
	link, err := linkOf(wire.Invite{Host: at.name, Port: at.port, Room: room}, s.Fingerprint, a.Token)
	if err != nil {
		return err
	}
	if hint != "" {
		fmt.Fprintf(errs, "yodeld: hint: %s\n", hint)
	}
	if uses == 0 && a.Expires.IsZero() {
		fmt.Fprintf(errs, "yodeld: hint: it lets in everyone who has the link, for ever; yodeld invite revoke %s takes it back\n", a.ID)
	}
	if c.out.json {
		return c.out.object("invite", inviteObject{ID: a.ID, Link: link, Room: room, Uses: uses, Expires: a.Expires, Roles: q.Roles})
	}
	return c.out.line("%s", link)
}

// linkOf makes the link of what the daemon has told.
func linkOf(i wire.Invite, fingerprint, token string) (string, error) {
	key, err := secure.ParseFingerprint(fingerprint)
	if err != nil {
		return "", fmt.Errorf("the daemon's fingerprint: %w", err)
	}
	bits, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(bits) != wire.InviteToken {
		return "", fmt.Errorf("the daemon's token has %d bytes: %w", len(bits), control.ErrForeign)
	}
	i.Fingerprint, i.Token = key, [wire.InviteToken]byte(bits)
	return i.String(), nil
}
