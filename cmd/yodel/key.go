package main

import (
	"context"

	"github.com/urfave/cli/v2"
)

func (sh *shell) keyCommand() *cli.Command {
	return sh.command(&cli.Command{
		Name:      "key",
		Usage:     "print the own fingerprint and where the key is, or replace the key",
		ArgsUsage: "[rotate]",
		Description: "The key is made on first use. Whoever has the file is this identity: keep it to yourself.\n" +
			"With rotate a new key takes its place: the daemon of --server gives it what the old one has there (admission, roles, nick), and\n" +
			"refuses the old one from then on. When it is interrupted, do it again: it goes on with the same new key. The old key is kept in\n" +
			"FILE.old (FILE.old.1 and so on when that is taken); other daemons know that one only. To each of them the new key is handed with\n" +
			"yodel key rotate --identity FILE.old --to FILE --server OTHER.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "to", Usage: "with rotate: the new key is that in `FILE`; only the daemon changes, and no file"},
		},
	}, keyAction)
}

func keyAction(ctx context.Context, sh *shell, c *cli.Context) error {
	switch args := c.Args().Slice(); {
	case c.IsSet("to") && c.String("to") == "":
		return usagef("--to is empty")
	case len(args) == 1 && args[0] == "rotate":
		return sh.rotate(ctx, c.String("to"))
	case c.IsSet("to") && len(args) == 0:
		return usagef("--to is for yodel key rotate")
	case len(args) > 0:
		return withHint(usagef("unexpected argument %q", args[len(args)-1]), "yodel key prints the key, yodel key rotate replaces it")
	}
	id, path, created, err := sh.identityFile()
	if err != nil {
		return err
	}
	if created {
		sh.out.remark("made a new key")
	}
	fingerprint := id.Fingerprint().String()
	sh.out.result(fingerprint+"  "+path, keyObject{Type: "key", Fingerprint: fingerprint, Path: path, Created: created})
	return nil
}
