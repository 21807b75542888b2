package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"
)

var errNoState = errors.New("no state folder: neither --state, STATE_DIRECTORY, XDG_STATE_HOME nor HOME is set")

const stateUsage = "folder of the daemon's key and of the room log `DIR` (default $STATE_DIRECTORY, $XDG_STATE_HOME/yodeld or ~/.local/state/yodeld)"

func stateFlag() cli.Flag {
	return &cli.StringFlag{Name: "state", EnvVars: []string{"YODELD_STATE"}, Usage: stateUsage}
}

// stateDir gives the state folder of a command.
func stateDir(c *cli.Context) (string, error) { return stateFolder(c.String("state")) }

// stateFolder gives the state folder; said is what was said of it, empty: nothing.
func stateFolder(said string) (string, error) {
	if said != "" {
		return said, nil
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
