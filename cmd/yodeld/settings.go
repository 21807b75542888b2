package main

import (
	"flag"
	"log/slog"
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"yodel/daemon"
)

// settings is all that yodeld serve goes by, but for what it finds itself: its key, and sockets that were passed.
type settings struct {
	daemon.Config
	HTTP    string // address of metrics and health, HOST:PORT; empty: none
	Control string // path of the control socket; empty: the usual one
	Level   slog.Level

	KeysNamed bool // somebody has said where authorized_keys are
}

// readSettings takes them from where they are said: a flag wins over the environment, that over the configuration file, and that over what is usual.
// It makes, opens and looks for nothing but the file, which it gives too.
func readSettings(c *cli.Context) (*settings, *configFile, error) {
	file := new(configFile)
	if path := c.String("config"); path != "" {
		var err error
		if file, err = readConfigFile(path); err != nil {
			return nil, nil, err
		}
	}
	s := file.settings()
	for i := range allSettings {
		if err := allSettings[i].takeFlag(c, s); err != nil {
			return nil, nil, err
		}
	}
	_, s.KeysNamed = file.texts[keysSetting]
	s.KeysNamed = s.KeysNamed || c.String("authorized-keys") != ""
	rooms := file.rooms
	for _, from := range []struct {
		label string
		texts []string
	}{
		{"YODELD_ROOM=", strings.Fields(os.Getenv("YODELD_ROOM"))},
		{"--room ", c.StringSlice("room")},
	} {
		var err error
		if rooms, err = rooms.with(from.label, from.texts); err != nil {
			return nil, nil, err
		}
	}
	s.Rooms = rooms.configs(&s.Config)
	return s, file, s.Check()
}

// settingFlags are the flags of yodeld serve.
func settingFlags() []cli.Flag {
	flags := []cli.Flag{configFlag()}
	for i := range allSettings {
		flags = append(flags, allSettings[i].cliFlag())
	}
	return append(flags,
		&cli.StringSliceFlag{
			Name: "room",
			Usage: "a room that is always there, `NAME=DELAY[,keep=N][,keep-age=TIME][,keep-bytes=SIZE]`; may be given again" +
				" [$YODELD_ROOM, several with blanks between]",
		},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "log more: --log-level debug"},
	)
}

func configFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "config", EnvVars: []string{"YODELD_CONFIG"},
		Usage: "read settings from `FILE`, as yodeld config default prints it; what flags and the environment say wins",
	}
}

// cliFlag is the flag of a setting. What it has when it is not given is not asked for.
func (s *setting) cliFlag() cli.Flag {
	if s.kind == kindBool {
		return boolFlag{&cli.BoolFlag{Name: s.flag, Usage: s.usage, EnvVars: []string{s.env()}}}
	}
	return textFlag{&cli.StringFlag{Name: s.flag, Usage: s.usage, EnvVars: []string{s.env()}, DefaultText: s.usual}}
}

// textFlag and boolFlag show their variables in the help and leave it to said to read them, so that a flag that is given and empty is one that is given.
type (
	textFlag struct{ *cli.StringFlag }
	boolFlag struct{ *cli.BoolFlag }
)

// Apply is of cli.Flag.
func (f textFlag) Apply(to *flag.FlagSet) error {
	bare := *f.StringFlag
	bare.EnvVars = nil
	return bare.Apply(to)
}

// Apply is of cli.Flag.
func (f boolFlag) Apply(to *flag.FlagSet) error {
	bare := *f.BoolFlag
	bare.EnvVars = nil
	return bare.Apply(to)
}

// env is the name of a setting in the environment.
func (s *setting) env() string {
	return "YODELD_" + strings.ToUpper(strings.ReplaceAll(s.flag, "-", "_"))
}

// takeFlag takes what the command line or the environment says of a setting; nothing where they say nothing, and a variable that is empty says nothing.
func (s *setting) takeFlag(c *cli.Context, to *settings) error {
	text, label := s.said(c)
	if label == "" {
		return nil
	}
	if err := s.check(text); err != nil {
		return usage("expected: "+s.expected, "%s%s: %s", label, text, err)
	}
	return s.take(to, text)
}

// said gives what the command line or the environment says, and how that begins in an error; no label: nothing.
func (s *setting) said(c *cli.Context) (text, label string) {
	switch value := os.Getenv(s.env()); {
	case s.flag == "log-level" && c.Bool("verbose"):
		return "debug", "--log-level "
	case c.IsSet(s.flag) && s.kind == kindBool:
		return strconv.FormatBool(c.Bool(s.flag)), "--" + s.flag + " "
	case c.IsSet(s.flag):
		return c.String(s.flag), "--" + s.flag + " "
	case value != "":
		return value, s.env() + "="
	}
	return "", ""
}
