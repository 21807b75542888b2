package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"yodel/cmd/internal/completion"
	"yodel/daemon"
	"yodel/daemon/access"
)

// version is set by the linker.
var version = "dev"

// Exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3 // the daemon is not running, or does not answer
	exitRefused     = 4 // or not found
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
	app := newApp(stdout, stderr)
	if words := completion.Asked(); words != nil {
		for _, offered := range completion.Offer(app, words, nil) {
			fmt.Fprintln(stdout, offered)
		}
		return exitDone
	}
	err := app.RunContext(ctx, arrange(app, args))
	if err == nil {
		return exitDone
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(stderr, "yodeld: error: %s\n", strings.TrimSuffix(line, "\n"))
	}
	var bad *usageError
	var inFile fileErrors
	switch {
	case errors.As(err, &bad):
		if bad.hint != "" {
			fmt.Fprintf(stderr, "yodeld: hint: %s\n", bad.hint)
		}
		return exitUsage
	case errors.Is(err, daemon.ErrConfig), errors.Is(err, access.ErrLine), errors.As(err, &inFile):
		return exitUsage
	case errors.Is(err, errNotFound), errors.Is(err, errNoKey):
		return exitRefused
	}
	if code, hint, is := controlFailure(err); is {
		if hint != "" {
			fmt.Fprintf(stderr, "yodeld: hint: %s\n", hint)
		}
		return code
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
		Commands: []*cli.Command{
			serveCommand(stdout, stderr), inviteCommand(stdout, stderr), invitesCommand(stdout), statusCommand(stdout), peersCommand(stdout), roomsCommand(stdout),
			roomCommand(stdout), kickCommand(stdout), banCommand(stdout), unbanCommand(stdout), bansCommand(stdout), keyCommand(stdout),
			stopCommand(stdout), configCommand(stdout, stderr), historyCommand(stdout), backupCommand(stdout),
		},
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
