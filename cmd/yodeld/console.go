package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"yodel/daemon/control"
)

const (
	// answerWithin is how long a command waits for the daemon's answer.
	answerWithin = 10 * time.Second
	// stopWithin is how long stop waits for the daemon's end.
	stopWithin = 15 * time.Second
	// socketName is the control socket in its folder, and runningSocket that of the service.
	socketName    = "control.sock"
	runningSocket = "/run/yodel/" + socketName
)

// console is a command that talks to a running daemon.
type console struct {
	*cli.Context
	client *control.Client
	out    printer
}

// consoleCommand makes a command that talks to a running daemon: it takes from least to most arguments.
func consoleCommand(cmd *cli.Command, out io.Writer, least, most int, do func(ctx context.Context, c *console) error) *cli.Command { //nolint:revive // one argument more than elsewhere, in one list of commands
	cmd.Flags = append(cmd.Flags,
		&cli.StringFlag{
			Name: "control", EnvVars: []string{"YODELD_CONTROL"},
			Usage: "`PATH` of the daemon's control socket (default: control.sock of --state, else " + runningSocket + ", else that of the usual state folder)",
		},
		&cli.StringFlag{Name: "state", EnvVars: []string{"YODELD_STATE"}, Usage: "state folder `DIR` of the daemon, in which its control socket is"},
		&cli.BoolFlag{Name: "json", Usage: "print JSON objects, one a line"},
	)
	cmd.OnUsageError = wrongUsage
	cmd.Action = func(c *cli.Context) error {
		if n := c.Args().Len(); n < least || n > most {
			return wrongCount(c, least)
		}
		path, err := socketOf(c)
		if err != nil {
			return err
		}
		within := answerWithin
		if cmd.Name == "stop" {
			within = stopWithin
		}
		ctx, cancel := context.WithTimeout(c.Context, within)
		defer cancel()
		return do(ctx, &console{Context: c, client: control.NewClient(path), out: printer{out: out, json: c.Bool("json")}})
	}
	return cmd
}

func wrongCount(c *cli.Context, least int) error {
	line := strings.TrimSpace(c.Command.HelpName + " " + c.Command.ArgsUsage)
	if c.Args().Len() < least {
		return usage(line, "%s: something is missing", c.Command.FullName())
	}
	return usage(line, "unexpected argument %q", c.Args().Get(c.Args().Len()-1))
}

// socketOf gives the path of the socket that a command means.
func socketOf(c *cli.Context) (string, error) {
	if path := c.String("control"); path != "" {
		return path, nil
	}
	if dir := c.String("state"); dir != "" {
		return filepath.Join(dir, socketName), nil
	}
	if _, err := os.Stat(runningSocket); !errors.Is(err, fs.ErrNotExist) {
		return runningSocket, nil // also when it may not be looked at
	}
	dir, err := stateFolder("")
	return filepath.Join(dir, socketName), err
}

// controlFailure gives the exit code of an error of the control socket, and what may help.
func controlFailure(err error) (code int, hint string, is bool) {
	switch {
	case errors.Is(err, control.ErrNotRunning):
		return exitUnreachable, "yodeld serve starts it, systemctl start yodeld its service; --control and --state say where another one is", true
	case errors.Is(err, control.ErrNoAnswer):
		return exitUnreachable, "", true
	case errors.Is(err, control.ErrPermission):
		return exitRefused, "root and the group yodel may: sudo, or sudo usermod -aG yodel USER and a new login", true
	case errors.Is(err, control.ErrRequest):
		return exitUsage, "", true
	case errors.Is(err, control.ErrNotFound), errors.Is(err, control.ErrRefused):
		return exitRefused, "", true
	}
	return 0, "", false
}
