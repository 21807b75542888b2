package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"yodel/daemon/control"
	"yodel/wire/secure"
)

var errNoKey = errors.New("the daemon has no key yet")

func keyCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name: "key", Usage: "print the daemon's fingerprint, and where its key is",
		Description: "Without --state a running service is asked, and the path is that of its control socket. The daemon makes its key when it starts first.\n" +
			"Exit code 4: there is none yet.",
		Flags: []cli.Flag{stateFlag()}, Subcommands: keyCommands(stdout),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usage("yodeld key takes no arguments", "unexpected argument %q", c.Args().First())
			}
			fingerprint, path, err := ownKey(c)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(stdout, "%s %s\n", fingerprint, path)
			return err
		},
	}
}

// ownKey gives the daemon's fingerprint and from where it is known: the control socket of the service, or the file of the key. No key is made.
func ownKey(c *cli.Context) (fingerprint, path string, err error) {
	if c.String("state") == "" {
		switch fingerprint, err = askKey(c.Context, runningSocket); {
		case err == nil:
			return fingerprint, runningSocket, nil
		case !errors.Is(err, control.ErrNotRunning):
			return "", "", err
		}
	}
	dir, err := stateDir(c)
	if err != nil {
		return "", "", err
	}
	if path, err = keyFile(dir); err != nil {
		return "", "", err
	}
	id, err := secure.LoadIdentity(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", "", fmt.Errorf("%w: no %s; yodeld serve makes it; --state names another folder, %s is that of the service", errNoKey, path, packagedState)
	case err != nil:
		return "", "", fmt.Errorf("the daemon's key: %w", err)
	}
	return id.Fingerprint().String(), path, nil
}

// askKey asks a running daemon.
func askKey(ctx context.Context, socket string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	s, err := control.NewClient(socket).Status(ctx)
	return s.Fingerprint, err
}

// credential is the name of the daemon's key among the credentials of the service (systemd.exec(5), LoadCredential).
const credential = "yodeld.identity"

// packagedState is the state folder of the service.
const packagedState = "/var/lib/yodel"

// keyFile gives the path of the daemon's key: the credential of the service where it has one, else in the state folder, where it need not be yet.
func keyFile(dir string) (string, error) {
	if folder := os.Getenv("CREDENTIALS_DIRECTORY"); folder != "" {
		path := filepath.Join(folder, credential)
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return path, err
		}
	}
	return filepath.Join(dir, "identity.pem"), nil
}

// loadIdentity loads the daemon's key, that of the state folder is made on first use.
func loadIdentity(dir string) (*secure.Identity, error) {
	path, err := keyFile(dir)
	if err != nil {
		return nil, fmt.Errorf("the daemon's key: %w", err)
	}
	if filepath.Base(path) == credential {
		id, err := secure.LoadIdentity(path)
		if err != nil {
			return nil, fmt.Errorf("the daemon's key, a credential of the service: %w", err)
		}
		return id, os.MkdirAll(dir, 0o700)
	}
	id, _, err := secure.LoadOrCreateIdentity(path)
	if err != nil {
		return nil, fmt.Errorf("the daemon's key: %w", err)
	}
	return id, nil
}
