package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"
)

// packagedConfig is where the package has the configuration file.
const packagedConfig = "/etc/yodel/yodeld.toml"

func configCommand(stdout, stderr io.Writer) *cli.Command {
	return &cli.Command{
		Name: "config", Usage: "look after the configuration file",
		Subcommands: []*cli.Command{
			{
				Name: "default", Usage: "print a configuration file with everything that can be set, as it is when it is not set",
				Action: func(c *cli.Context) error {
					if c.Args().Present() {
						return usage("yodeld config default takes no arguments", "unexpected argument %q", c.Args().First())
					}
					_, err := io.WriteString(stdout, defaultFile())
					return err
				},
				OnUsageError: wrongUsage,
			},
			{
				Name: "check", Usage: "tell what is wrong in a configuration file", ArgsUsage: "[FILE]",
				Description: "FILE is that of --config or YODELD_CONFIG unless it is given, else " + packagedConfig + ".\n" +
					"Exit code 0: nothing is wrong; 2: something is, on the lines that are told, also in authorized_keys; 1: it cannot be read.",
				Flags:        []cli.Flag{configFlag()},
				Action:       func(c *cli.Context) error { return checkConfig(c, stdout, stderr) },
				OnUsageError: wrongUsage,
			},
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usage("yodeld config default, or yodeld config check [FILE]", "unknown command %q", "config "+c.Args().First())
			}
			return usage("yodeld config default, or yodeld config check [FILE]", "what is to be done with the configuration is missing")
		},
	}
}

func checkConfig(c *cli.Context, stdout, stderr io.Writer) error {
	path := c.Args().First()
	switch {
	case c.Args().Len() > 1:
		return usage("yodeld config check [FILE]", "one file is checked, and %d are given", c.Args().Len())
	case path != "":
	case c.String("config") != "":
		path = c.String("config")
	default:
		path = packagedConfig
	}
	file, err := readConfigFile(path)
	if err != nil {
		return err
	}
	s := file.settings()
	if err := file.checkFiles(s); err != nil {
		return err
	}
	if _, s.KeysNamed = file.texts[keysSetting]; s.keysMissing() {
		fmt.Fprintf(stderr, "yodeld: warning: there is no file %s, which authorized_keys names: no keys\n", cell(s.AuthorizedKeys))
	}
	_, err = fmt.Fprintf(stdout, "%s: ok\n", path)
	return err
}

// keysMissing tells whether authorized_keys are not where somebody has said that they are.
func (s *settings) keysMissing() bool {
	if !s.KeysNamed || s.AuthorizedKeys == "" {
		return false
	}
	_, err := os.Lstat(s.AuthorizedKeys)
	return errors.Is(err, fs.ErrNotExist)
}
