package main

import (
	"context"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"yodel/daemon/control"
	"yodel/wire"
	"yodel/wire/secure"
)

func kickCommand(out io.Writer) *cli.Command {
	return consoleCommand(&cli.Command{
		Name: "kick", Usage: "end the sessions of somebody", ArgsUsage: "NICK | FINGERPRINT",
		Description: "Whoever was kicked may come in again; yodeld ban and yodeld key deny keep somebody out. Exit code 4: nobody there is that.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "room", Aliases: []string{"r"}, Usage: "only sessions that are in `ROOM`"},
			nickFlag(), reasonFlag(),
		},
	}, out, 1, 1, kick)
}

func nickFlag() cli.Flag {
	return &cli.BoolFlag{Name: "nick", Usage: "what is named is a nick, whatever it looks like"}
}

func reasonFlag() cli.Flag {
	return &cli.StringFlag{Name: "reason", Usage: "`TEXT` that those who are concerned are told"}
}

func kick(ctx context.Context, c *console) error {
	q := control.KickRequest{Room: c.String("room"), Reason: c.String("reason")}
	if q.Room != "" {
		if err := wire.CheckRoom(q.Room); err != nil {
			return usage("", "--room %s: %v", cell(q.Room), err)
		}
	}
	var err error
	if q.Nick, q.Fingerprint, err = nickOrKey(c); err != nil {
		return err
	}
	a, err := c.client.Kick(ctx, q)
	if err != nil {
		return err
	}
	if c.out.json {
		return c.out.object("kick", a)
	}
	return c.out.line("ended %s", sessions(a.Ended))
}

// nickOrKey tells a fingerprint from a nick.
func nickOrKey(c *console) (nick, fingerprint string, err error) {
	text := c.Args().First()
	if !strings.HasPrefix(text, keyMark) || c.Bool("nick") {
		if _, err := wire.Nick(text); err != nil {
			return "", "", usage("yodeld peers shows nicks and fingerprints", "%v", err)
		}
		return text, "", nil
	}
	if checkFingerprint(text) != nil {
		if _, err := wire.Nick(text); err == nil {
			return "", "", usage("if that is a nick, --nick says so", "%s is no fingerprint", cell(text))
		}
	}
	return "", text, checkFingerprint(text)
}

// keyMark is what fingerprints begin with.
const keyMark = "SHA256:"

func checkFingerprint(text string) error {
	if _, err := secure.ParseFingerprint(text); err != nil {
		return usage("yodeld peers shows those of who is there, yodel key one's own", "%v", err)
	}
	return nil
}
