package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/urfave/cli/v2"

	"yodel/daemon/control"
	"yodel/wire"
)

func banCommand(out io.Writer) *cli.Command {
	return consoleCommand(&cli.Command{
		Name: "ban", Usage: "keep somebody out, for some time or for good, and end what sessions there are", ArgsUsage: "FINGERPRINT | ADDRESS | PREFIX | NICK",
		Description: "A nick stands for the keys that are there under it now, and these are printed. What looks like an address is one, and is refused when it\n" +
			"is also the nick of somebody there: --nick or --prefix says then what is meant. Exit code 4: nobody there has the nick.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "for", Value: "0", Usage: "for `TIME` (30d, 12h); 0: until it is lifted"},
			nickFlag(),
			&cli.BoolFlag{Name: "prefix", Usage: "what is named is an address or a prefix, also when somebody there has it as a nick"},
			reasonFlag(),
		},
	}, out, 1, 1, ban)
}

func ban(ctx context.Context, c *console) error {
	q := control.BanRequest{Reason: c.String("reason")}
	d, err := age("for", c.String("for"))
	if err != nil {
		return fmt.Errorf("--%w", err)
	}
	q.For = d.Seconds()
	if q.Prefix, err = prefixOf(ctx, c); err != nil {
		return err
	}
	if q.Prefix == "" {
		if q.Nick, q.Fingerprint, err = nickOrKey(c); err != nil {
			return err
		}
	}
	a, err := c.client.Ban(ctx, q)
	if err != nil {
		return err
	}
	if c.out.json {
		return c.out.object("ban", a)
	}
	for _, whom := range a.Banned {
		if err := c.out.line("banned %s %s", cell(whom), until(timeText(a.Until, ""))); err != nil {
			return err
		}
	}
	return c.out.line("ended %s", sessions(a.Ended))
}

// prefixOf gives the address or prefix that is to be banned; empty: it is something else. One that is also the nick of somebody there is not taken for one
// unless that is said: who has such a nick would have all the others banned in their place.
func prefixOf(ctx context.Context, c *console) (string, error) {
	text := c.Args().First()
	switch {
	case c.Bool("nick") && c.Bool("prefix"):
		return "", usage("", "--nick and --prefix: it is one of them")
	case c.Bool("nick"), !c.Bool("prefix") && !isPrefix(text):
		return "", nil
	case !isPrefix(text):
		return "", usage("an address is like 192.0.2.1 or 2001:db8::1, a prefix like 192.0.2.0/24", "%s is neither an address nor a prefix", cell(text))
	case c.Bool("prefix"):
		return text, nil
	}
	look, err := wire.NickKey(text)
	if err != nil {
		return text, nil
	}
	all, err := c.client.Peers(ctx)
	if err != nil {
		return "", err
	}
	for i := range all {
		if key, err := wire.NickKey(all[i].Nick); err == nil && key == look {
			return "", usage("--nick bans who has it, --prefix the addresses; their fingerprint, which yodeld peers shows, is surer",
				"%s is also the nick of somebody there: nobody was banned", cell(text))
		}
	}
	return text, nil
}

func until(at string) string {
	if at == "" {
		return "until it is lifted"
	}
	return "until " + at
}

func sessions(n int) string {
	if n == 1 {
		return "1 session"
	}
	return fmt.Sprintf("%d sessions", n)
}

// isPrefix tells whether a text is an address or a prefix.
func isPrefix(text string) bool {
	_, err := netip.ParseAddr(text)
	if err != nil {
		_, err = netip.ParsePrefix(text)
	}
	return err == nil
}

func unbanCommand(out io.Writer) *cli.Command {
	return consoleCommand(&cli.Command{
		Name: "unban", Usage: "lift a ban", ArgsUsage: "FINGERPRINT | ADDRESS | PREFIX", Description: "Exit code 4: there is no such ban.",
	}, out, 1, 1, unban)
}

func unban(ctx context.Context, c *console) error {
	text := c.Args().First()
	var q control.UnbanRequest
	switch {
	case isPrefix(text):
		q.Prefix = text
	case !strings.HasPrefix(text, keyMark):
		return usage("yodeld bans lists what is banned", "%q is neither a fingerprint nor an address", text)
	default:
		if err := checkFingerprint(text); err != nil {
			return err
		}
		q.Fingerprint = text
	}
	if err := c.client.Unban(ctx, q); err != nil {
		return err
	}
	if c.out.json {
		return c.out.object("unban", q)
	}
	return c.out.line("lifted the ban of %s", cell(text))
}

func bansCommand(out io.Writer) *cli.Command {
	return consoleCommand(&cli.Command{
		Name: "bans", Usage: "list the bans that hold", Description: "One line a ban: whom, until when, since when, why. With --json one object each.",
	}, out, 0, 0, listBans)
}

func listBans(ctx context.Context, c *console) error {
	all, err := c.client.Bans(ctx)
	if err != nil {
		return err
	}
	rows := make([][]string, 0, len(all))
	for _, b := range all {
		if c.out.json {
			if err := c.out.object("ban", b); err != nil {
				return err
			}
		}
		rows = append(rows, []string{b.Key + b.Prefix, timeText(b.Until, "lifted"), timeText(b.Since, "-"), b.Reason})
	}
	if c.out.json {
		return nil
	}
	return c.out.table(strings.Fields("WHOM UNTIL SINCE REASON"), rows)
}
