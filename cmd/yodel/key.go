package main

import (
	"context"

	"github.com/urfave/cli/v2"
)

func (sh *shell) keyCommand() *cli.Command {
	return sh.command(&cli.Command{
		Name:        "key",
		Usage:       "print the own fingerprint and where the key is",
		Description: "The key is made on first use. Whoever has the file is this identity: keep it to yourself.",
	}, keyAction)
}

func keyAction(_ context.Context, sh *shell, _ *cli.Context) error {
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
