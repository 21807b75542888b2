package main

import (
	"context"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"yodel/daemon/control"
)

// keyCommands are those of the keys that the running daemon lets in or keeps out.
func keyCommands(out io.Writer) []*cli.Command {
	return []*cli.Command{
		consoleCommand(&cli.Command{
			Name: "allow", Usage: "let a key in", ArgsUsage: "FINGERPRINT [--nick N] [--role R ...]",
			Description: "yodel key prints the fingerprint of a peer's key. A nick that is given is that key's alone. What was said of the key before is replaced.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "nick", Usage: "give it the nick `NICK`"},
				roleFlag(),
			},
		}, out, 1, 1, allow),
		consoleCommand(&cli.Command{
			Name: "deny", Usage: "keep a key out for good, whoever lets it in elsewhere", ArgsUsage: "FINGERPRINT [--reason TEXT]",
			Flags: []cli.Flag{reasonFlag()},
		}, out, 1, 1, deny),
		consoleCommand(&cli.Command{
			Name: "list", Usage: "list the keys that are known",
			Description: "One line a key: fingerprint, nick, roles, from where it is known, since when, and why it stays out. With --json one object each.",
		}, out, 0, 0, listKeys),
	}
}

func roleFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "role", Usage: "give it the role `ROLE` (a-z, 0-9, - and _); may be given again"}
}

func allow(ctx context.Context, c *console) error {
	q := control.AllowRequest{Fingerprint: c.Args().First(), Nick: c.String("nick"), Roles: c.StringSlice("role")}
	if err := checkFingerprint(q.Fingerprint); err != nil {
		return err
	}
	if err := c.client.Allow(ctx, q); err != nil {
		return err
	}
	if c.out.json {
		return c.out.object("allow", q)
	}
	return c.out.line("allowed %s", q.Fingerprint)
}

// denial is what was asked for, and what came of it.
type denial struct {
	control.DenyRequest
	control.DenyAnswer
}

func deny(ctx context.Context, c *console) error {
	q := control.DenyRequest{Fingerprint: c.Args().First(), Reason: c.String("reason")}
	if err := checkFingerprint(q.Fingerprint); err != nil {
		return err
	}
	a, err := c.client.Deny(ctx, q)
	if err != nil {
		return err
	}
	if c.out.json {
		return c.out.object("deny", denial{q, a})
	}
	for i, key := range a.Denied {
		why := ""
		if i > 0 {
			why = ", which replaced it"
		}
		if err := c.out.line("denied %s%s", cell(key), why); err != nil {
			return err
		}
	}
	return nil
}

func listKeys(ctx context.Context, c *console) error {
	all, err := c.client.Keys(ctx)
	if err != nil {
		return err
	}
	rows := make([][]string, 0, len(all))
	for _, k := range all {
		if c.out.json {
			if err := c.out.object("key", k); err != nil {
				return err
			}
		}
		why := k.Reason
		if k.Successor != "" {
			why = "by " + k.Successor
		}
		rows = append(rows, []string{k.Fingerprint, nickText(k.Nick), strings.Join(k.Roles, ","), string(k.Source), timeText(k.Since, "-"), why})
	}
	if c.out.json {
		return nil
	}
	return c.out.table(strings.Fields("FINGERPRINT NICK ROLES SOURCE SINCE WHY"), rows)
}
