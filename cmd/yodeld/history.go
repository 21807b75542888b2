package main

import (
	"fmt"
	"io"
	"strconv"

	"github.com/urfave/cli/v2"

	"yodel/daemon/roomlog"
	"yodel/wire/secure"
)

func historyCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name: "history", Usage: "look after the messages that are kept",
		Subcommands: []*cli.Command{{
			Name: "delete", Usage: "erase messages for good: one by its position, or all of an identity", ArgsUsage: "POS | --from FINGERPRINT",
			Description: "The texts are gone from the disk when this returns; copies that peers or backups have are not reached.\n" +
				"The daemon may be running. POS is a message's \"pos\" as yodel read --json prints it.",
			Flags: []cli.Flag{
				stateFlag(),
				&cli.StringFlag{Name: "from", Usage: "all messages of the identity with this `FINGERPRINT` (SHA256:…)"},
			},
			Action:       func(c *cli.Context) error { return deleteHistory(c, stdout) },
			OnUsageError: wrongUsage,
		}},
		Action: func(*cli.Context) error {
			return usage("yodeld history delete POS", "what is to be done with the history is missing")
		},
	}
}

func deleteHistory(c *cli.Context, stdout io.Writer) error {
	dir, err := stateDir(c)
	if err != nil {
		return err
	}
	var n int
	switch from := c.String("from"); {
	case from != "" && c.Args().Present(), from == "" && c.Args().Len() != 1:
		return usage("yodeld history delete POS, or yodeld history delete --from FINGERPRINT", "one position or one fingerprint is needed")
	case from != "":
		who, err := secure.ParseFingerprint(from)
		if err != nil {
			return usage("yodel key shows one's own, yodel read --json those of others", "--from %s: %v", from, err)
		}
		n, err = roomlog.EraseFrom(c.Context, dir, who)
		if err != nil {
			return err
		}
	default:
		pos, err := strconv.ParseUint(c.Args().First(), 10, 63)
		if err != nil || pos == 0 {
			return usage("a position is the \"pos\" that yodel read --json prints", "%q is no position", c.Args().First())
		}
		if n, err = roomlog.Erase(c.Context, dir, pos); err != nil {
			return err
		}
	}
	if n == 0 {
		return errNotFound
	}
	_, err = fmt.Fprintf(stdout, "erased %d\n", n)
	return err
}

func backupCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name: "backup", Usage: "copy the room log to FILE, also while the daemon runs", ArgsUsage: "FILE",
		Description: "FILE must not be there. To go back to it: stop the daemon, put FILE in the place of messages.db in the state folder, remove\n" +
			"messages.db-wal and messages.db-shm there, and start the daemon. The daemon's key (identity.pem) is not in it.",
		Flags: []cli.Flag{stateFlag()},
		Action: func(c *cli.Context) error {
			if c.Args().Len() != 1 {
				return usage("yodeld backup FILE", "one file is needed, and %d are given", c.Args().Len())
			}
			dir, err := stateDir(c)
			if err != nil {
				return err
			}
			if err := roomlog.Backup(c.Context, dir, c.Args().First()); err != nil {
				return err
			}
			_, err = fmt.Fprintln(stdout, c.Args().First())
			return err
		},
	}
}
