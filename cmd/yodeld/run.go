package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"yodel/daemon"
)

// version is set by the linker.
var version = "dev"

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitNone   = 4
)

// errNotFound tells that there was nothing to be erased.
var errNotFound = errors.New("no such message")

// usageError is a command line that cannot be carried out, with what would help.
type usageError struct {
	text, hint string
}

func (e *usageError) Error() string { return e.text }

func usage(hint, format string, args ...any) error {
	return &usageError{text: fmt.Sprintf(format, args...), hint: hint}
}

// run is the program without its process: it gives the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := newApp(stdout, stderr).RunContext(ctx, args)
	if err == nil {
		return exitDone
	}
	fmt.Fprintf(stderr, "yodeld: error: %v\n", err)
	var bad *usageError
	switch {
	case errors.As(err, &bad):
		if bad.hint != "" {
			fmt.Fprintf(stderr, "yodeld: hint: %s\n", bad.hint)
		}
		return exitUsage
	case errors.Is(err, daemon.ErrAccess):
		fmt.Fprintln(stderr, "yodeld: hint: write --access open to let everyone in, or listen on 127.0.0.1 or [::1]")
		return exitUsage
	case errors.Is(err, daemon.ErrConfig):
		return exitUsage
	case errors.Is(err, errNotFound):
		return exitNone
	}
	return exitFailed
}

func wrongUsage(_ *cli.Context, err error, _ bool) error {
	return usage("yodeld help shows the commands and flags", "%v", err)
}

func newApp(stdout, stderr io.Writer) *cli.App {
	app := &cli.App{
		Name: "yodeld", Usage: "relay messages and echoing voices between the members of rooms",
		Version: version, Writer: stdout, ErrWriter: stderr,
		DisableSliceFlagSeparator: true, // a room's settings have commas
		HideHelpCommand:           false, ExitErrHandler: func(*cli.Context, error) {}, OnUsageError: wrongUsage,
		Commands: []*cli.Command{serveCommand(stdout, stderr), keyCommand(stdout), historyCommand(stdout), backupCommand(stdout)},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usage("yodeld help shows the commands and flags", "unknown command %q", c.Args().First())
			}
			return usage("yodeld serve runs the daemon; yodeld help shows more", "a command is missing")
		},
	}
	for _, c := range app.Commands {
		c.OnUsageError = wrongUsage
	}
	return app
}
