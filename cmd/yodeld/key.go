package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"
)

func keyCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name: "key", Usage: "print the daemon's fingerprint and where its key is; the key is made on first use",
		Flags: []cli.Flag{stateFlag()},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usage("yodeld key takes no arguments", "unexpected argument %q", c.Args().First())
			}
			id, path, err := identity(c)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(stdout, "%s %s\n", id.Fingerprint(), path)
			return err
		},
	}
}
