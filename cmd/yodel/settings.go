package main

import (
	"cmp"
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/urfave/cli/v2"

	"yodel/wire"
)

// Defaults and the environment's names.
const (
	defaultServer = "localhost:9635"
	defaultRoom   = "lobby"
	fallbackNick  = "anonymous"

	envServer   = "YODEL_SERVER"
	envRoom     = "YODEL_ROOM"
	envNick     = "YODEL_NICK"
	envIdentity = "YODEL_IDENTITY"
	envRecord   = "YODEL_RECORD"
)

// settings are the flags that all commands have, with their defaults filled in.
type settings struct {
	server   string
	room     string
	nick     string // checked when it is used
	identity string // empty: not known
	// identityFlag: the identity was named by its flag
	identityFlag bool

	timeout time.Duration // 0: the library's own
	json    bool
	quiet   bool
	verbose bool
}

// globalFlags are legal before and after every command. Environment and defaults are settings.read's.
func globalFlags() []cli.Flag {
	const every = "everywhere"
	return []cli.Flag{
		&cli.StringFlag{Category: every, Name: "server", Usage: "the daemon's `HOST[:PORT]` (" + defaultServer + ") [$" + envServer + "]"},
		&cli.StringFlag{Category: every, Name: "room", Aliases: []string{"r"}, Usage: "the `ROOM` (" + defaultRoom + ") [$" + envRoom + "]"},
		&cli.StringFlag{Category: every, Name: "nick", Usage: "the `NAME` shown to others (the login name) [$" + envNick + "]"},
		&cli.StringFlag{Category: every, Name: "identity", Usage: "the key's `FILE`, made on first use; known_hosts is beside it [$" + envIdentity + "]"},
		durationFlag(cli.GenericFlag{Category: every, Name: "timeout", Usage: "give up when no answer came in `TIME` (8s; 20s after an answer)"}),
		&cli.BoolFlag{Category: every, Name: "json", DisableDefaultText: true, Usage: "results, events and errors as JSON, one object a line"},
		&cli.BoolFlag{Category: every, Name: "quiet", Aliases: []string{"q"}, DisableDefaultText: true, Usage: "nothing but errors on standard error"},
		&cli.BoolFlag{Category: every, Name: "verbose", Aliases: []string{"v"}, DisableDefaultText: true, Usage: "tell on standard error what happens"},
	}
}

// read takes each setting from its flag, else the environment, else the file of defaults, else its default.
func (s *settings) read(c *cli.Context) error {
	own, err := loadConfig()
	if err != nil {
		return err
	}
	choose := func(name, env string) string {
		if c.IsSet(name) {
			return c.String(name)
		}
		return cmp.Or(os.Getenv(env), own[name]) // an empty variable counts as none
	}
	*s = settings{
		server:   choose("server", envServer),
		room:     choose("room", envRoom),
		nick:     choose("nick", envNick),
		identity: choose("identity", envIdentity),

		identityFlag: c.IsSet("identity"),

		timeout: durationOf(c, "timeout"),
		json:    c.Bool("json"),
		quiet:   c.Bool("quiet"),
		verbose: c.Bool("verbose"),
	}
	for _, name := range []string{"server", "identity"} {
		if c.IsSet(name) && c.String(name) == "" {
			return usagef("--%s is empty", name)
		}
	}
	if s.server == "" {
		s.server = defaultServer
	}
	if s.room == "" && !c.IsSet("room") {
		s.room = defaultRoom
	}
	if s.nick == "" && !c.IsSet("nick") {
		s.nick = loginNick()
	}
	return wire.CheckRoom(s.room)
}

// identityPath gives the file of the identity.
func (s *settings) identityPath() (string, error) {
	if s.identity != "" {
		return s.identity, nil
	}
	if dir := configDir(); dir != "" {
		return filepath.Join(dir, "identity.pem"), nil
	}
	return "", withHint(usagef("there is no HOME to keep the identity in"),
		"name its file with --identity FILE or %s", envIdentity)
}

// loginNick makes a legal nick of the login name.
func loginNick() string {
	for _, name := range []string{loginName(), os.Getenv("USER"), os.Getenv("LOGNAME")} {
		if nick := legalNick(name); nick != "" {
			return nick
		}
	}
	return fallbackNick
}

func loginName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

// legalNick leaves out of a login name what a nick must not have; empty when nothing is left.
func legalNick(name string) string {
	name = name[strings.LastIndexByte(name, '\\')+1:] // DOMAIN\user
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, name)
	if runes := []rune(name); len(runes) > wire.MaxNick {
		name = string(runes[:wire.MaxNick])
	}
	nick, err := wire.Nick(name)
	if err != nil {
		return ""
	}
	return nick
}

// duration is a flag's value: "1m30s", "500ms", or a number of seconds.
type duration struct{ d time.Duration }

var errDuration = errors.New(`must be a time such as 90s, 1m30s or 500ms`)

// Set parses text; a negative time is an error.
func (v *duration) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil {
		d, err = time.ParseDuration(text + "s")
	}
	if err != nil || d < 0 {
		return errDuration
	}
	v.d = d
	return nil
}

// String is empty for no time, so that no default is shown.
func (v *duration) String() string {
	if v == nil || v.d == 0 {
		return ""
	}
	return v.d.String()
}

// durationFlag gives a flag whose value is a duration.
func durationFlag(f cli.GenericFlag) cli.Flag {
	f.Value = new(duration)
	return &f
}

func durationOf(c *cli.Context, name string) time.Duration {
	if v, ok := c.Generic(name).(*duration); ok {
		return v.d
	}
	return 0
}
