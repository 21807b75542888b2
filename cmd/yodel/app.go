package main

import (
	"context"
	"strings"

	"github.com/urfave/cli/v2"
)

const examples = `Shout into a room, and everyone in it hears the echo. For example:
  yodel join LINK                      take an invite, once
  yodel send "tea is ready"            send a message
  yodel read -f                        follow a room
  yodel talk                           record, listen, send
  sox in.mp3 -t wav - | yodel talk -   shout what comes from a pipe
  yodel hear                           hear the room on the speaker
  yodel chat --nick alice -r club      chat in another room; Enter alone talks
  yodel echo                           the sound check: hear yourself
yodel COMMAND --help tells more; yodel --help lists the commands.
`

const about = `Results go to standard output, everything else to standard error. A setting comes from its flag, else from the
environment, else from config.toml in ~/.config/yodel, else from its default.

Exit codes: 0 done, 1 failed, 2 usage, 3 the daemon is unreachable, timed out or gone, 4 refused (access, nick,
room, or the daemon's key has changed), 129, 130 and 143 after SIGHUP, SIGINT and SIGTERM.`

// action is what a command does.
type action func(ctx context.Context, sh *shell, c *cli.Context) error

// app describes the command line to the flag parser.
func (sh *shell) app() *cli.App {
	app := &cli.App{
		Name:            "yodel",
		HelpName:        "yodel",
		Usage:           "shout into a room and hear the echo",
		UsageText:       "yodel COMMAND [flags] [arguments]",
		Version:         version,
		HideVersion:     true,
		HideHelpCommand: true,
		Description:     about,
		Flags:           append([]cli.Flag{&cli.BoolFlag{Name: "version", DisableDefaultText: true, Usage: "print the version"}}, globalFlags()...),
		Reader:          sh.stdin,
		Writer:          resultWriter{sh.out},
		ErrWriter:       sh.out.stderr,
		ExitErrHandler:  func(*cli.Context, error) {},
		OnUsageError:    usageFault,
		Action:          sh.versionAction,
	}
	app.Commands = []*cli.Command{
		sh.sendCommand(), sh.readCommand(), sh.talkCommand(), sh.hearCommand(), sh.chatCommand(), sh.echoCommand(),
		sh.whoCommand(), sh.roomsCommand(), sh.pingCommand(), sh.joinCommand(), sh.keyCommand(), sh.benchCommand(),
	}
	return app
}

// versionAction is reached with --version only: arrange takes care of the rest.
func (sh *shell) versionAction(*cli.Context) error {
	sh.out.line("yodel " + version)
	return nil
}

// command completes the description of a command.
func (sh *shell) command(cmd *cli.Command, do action) *cli.Command {
	cmd.Flags = append(cmd.Flags, globalFlags()...)
	cmd.HideHelpCommand = true
	cmd.OnUsageError = usageFault
	cmd.UsageText = "yodel " + cmd.Name + " " + strings.TrimSpace(" [flags] "+cmd.ArgsUsage)
	cmd.Action = func(c *cli.Context) error {
		if err := sh.read(c); err != nil {
			return err
		}
		sh.out.quiet, sh.out.json = sh.quiet, sh.json
		if cmd.ArgsUsage == "" && c.Args().Present() {
			return withHint(usagef("unexpected argument %q", c.Args().First()), "yodel %s --help tells its usage", cmd.Name)
		}
		return do(c.Context, sh, c)
	}
	return cmd
}

// wordsEndFlags tells whether the flags of a command must stand before its first argument.
func wordsEndFlags(cmd *cli.Command) bool { return cmd.Name == nameSend }

// usageFault keeps the parser from printing its help for a fault.
func usageFault(_ *cli.Context, err error, _ bool) error {
	return usagef("%s", strings.Replace(err.Error(), " flag -", " flag --", 1))
}
