package main

import (
	"io"
	"strings"
	"testing"

	"yodel/cmd/internal/manual"
)

func TestManualPageIsThatOfTheCommands(t *testing.T) {
	manual.Check(t, manualPage(), "yodel.1")
}

func manualPage() manual.Page {
	app := (&shell{out: newPrinter(io.Discard, io.Discard)}).app()
	for _, c := range app.Commands { // its usage is how the page tells arguments
		c.ArgsUsage = strings.TrimPrefix(c.ArgsUsage, "[--] ")
	}
	app.Description, _, _ = strings.Cut(app.Description, "\n\nExit codes")
	return manual.Page{
		App: app, Section: 1, Synopsis: []string{"yodel COMMAND [flags] [arguments]"},
		More: []manual.Section{
			{Title: "Exit status", Terms: [][2]string{
				{"0", "Done."},
				{"1", "Failed."},
				{"2", "The command line or a setting is wrong."},
				{"3", "The daemon is unreachable, did not answer in time, or is gone."},
				{"4", "Refused: no access, a nick that is taken, a room that one may not enter or that is full, or a daemon whose key has changed."},
				{"129, 130, 143", "Ended by SIGHUP, SIGINT or SIGTERM."},
			}},
			{Title: "Environment", Terms: [][2]string{
				{"YODEL_SERVER, YODEL_ROOM, YODEL_NICK, YODEL_IDENTITY", "The daemon, the room, the nick and the file of the key, where no flag says otherwise."},
				{"YODEL_RECORD", "The command that records for talk, chat and echo: a WAV on its standard output."},
				{"XDG_CONFIG_HOME", "The folder of configuration; ~/.config if it is not set."},
			}},
			{Title: "Files", Terms: [][2]string{
				{"~/.config/yodel/config.toml", "Settings: server, room, nick, identity. join writes server and room."},
				{"~/.config/yodel/identity.pem", "The key, made on first use. Whoever has it is this identity."},
				{"~/.config/yodel/identity.pem.old", "The key that yodel key rotate has replaced: other daemons know that one only."},
				{"~/.config/yodel/known_hosts", "The keys of daemons, as they were seen first."},
			}},
			{Title: "Examples", Text: exampleLines()},
		},
		SeeAlso: []string{"yodeld(8)"},
	}
}

// exampleLines are the examples that yodel shows without a command.
func exampleLines() string {
	var out []string
	for l := range strings.Lines(examples) {
		if strings.HasPrefix(l, "  ") {
			out = append(out, strings.TrimSuffix(l, "\n"))
		}
	}
	return strings.Join(out, "\n")
}
