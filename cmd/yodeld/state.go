package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"yodel/wire/secure"
)

var errNoState = errors.New("no state folder: neither --state, STATE_DIRECTORY, XDG_STATE_HOME nor HOME is set")

func stateFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "state", EnvVars: []string{"YODELD_STATE"},
		Usage: "folder of the daemon's key and of the room log `DIR` (default $STATE_DIRECTORY, $XDG_STATE_HOME/yodeld or ~/.local/state/yodeld)",
	}
}

// stateDir gives the state folder.
func stateDir(c *cli.Context) (string, error) {
	if dir := c.String("state"); dir != "" {
		return dir, nil
	}
	if dir, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); dir != "" {
		return dir, nil
	}
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "yodeld"), nil
	}
	if home := os.Getenv("HOME"); home != "" {
		return filepath.Join(home, ".local", "state", "yodeld"), nil
	}
	return "", errNoState
}

// identity loads the daemon's key, made on first use.
func identity(c *cli.Context) (id *secure.Identity, path string, err error) {
	dir, err := stateDir(c)
	if err != nil {
		return nil, "", err
	}
	path = filepath.Join(dir, "identity.pem")
	id, _, err = secure.LoadOrCreateIdentity(path)
	if err != nil {
		return nil, path, fmt.Errorf("the daemon's key: %w", err)
	}
	return id, path, nil
}
