package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// arrange puts arguments into the order that the flag parser needs: program, command, flags under their
// first names, "--", the rest. Flags may stand before the command (those that all commands have), after
// it and among its arguments, until "--". Short flags may be joined (-fq) and carry their value (-n5). send
// takes no flag after the first word of its text.
func arrange(app *cli.App, args []string) ([]string, error) {
	if len(args) == 0 {
		return []string{app.Name}, nil
	}
	flags, rest, err := leading(app, args[1:])
	if err != nil {
		return nil, err
	}
	if slices.Contains(flags, "--help") || slices.Contains(flags, "--version") {
		return append([]string{args[0]}, flags...), nil
	}
	if len(rest) == 0 {
		return nil, errNoCommand
	}
	if rest[0] == "help" {
		return helpFor(app, args[0], rest[1:])
	}
	cmd := app.Command(rest[0])
	if cmd == nil {
		return nil, unknownCommand(app, rest[0])
	}
	own, words, err := separate(cmd, rest[1:])
	if err != nil {
		return nil, err
	}
	if slices.Contains(own, "--help") {
		words = nil // the parser would look for help about them
	}
	out := append([]string{args[0], cmd.Name}, flags...)
	out = append(append(out, own...), "--")
	return append(out, words...), nil
}

// leading takes the flags that stand before the command.
func leading(app *cli.App, args []string) (flags, rest []string, err error) {
	known := flagSet{name: app.Name, flags: app.Flags}
	for len(args) > 0 && isFlag(args[0]) {
		tokens, used, err := known.take(args)
		if err != nil {
			return nil, nil, err
		}
		flags, args = append(flags, tokens...), args[used:]
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	return flags, args, nil
}

// separate takes the flags of a command out of its arguments.
func separate(cmd *cli.Command, args []string) (flags, words []string, err error) {
	known := flagSet{name: "yodel " + cmd.Name, flags: cmd.Flags}
	for len(args) > 0 {
		switch {
		case args[0] == "--":
			return flags, append(words, args[1:]...), nil
		case !isFlag(args[0]):
			words, args = append(words, args[0]), args[1:]
		case len(words) > 0 && wordsEndFlags(cmd):
			return nil, nil, withHint(
				usagef("%q stands after the first word of the text: nothing was sent", args[0]),
				"flags come before the text; text that begins with - comes after --: yodel %s -- TEXT...", cmd.Name)
		default:
			tokens, used, err := known.take(args)
			if err != nil {
				return nil, nil, err
			}
			flags, args = append(flags, tokens...), args[used:]
		}
	}
	return flags, words, nil
}

// helpFor makes "help" and "help COMMAND" into the flag.
func helpFor(app *cli.App, program string, args []string) ([]string, error) {
	if len(args) == 0 {
		return []string{program, "--help"}, nil
	}
	if app.Command(args[0]) == nil {
		return nil, unknownCommand(app, args[0])
	}
	return []string{program, args[0], "--help", "--"}, nil
}

// isFlag tells a flag from a word; "-" alone is a word.
func isFlag(arg string) bool {
	return len(arg) > 1 && arg[0] == '-' && arg != "--"
}

// asksForJSON looks for --json before anything is parsed, so that a fault of the command line is told in JSON too.
func asksForJSON(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.ContainsFunc(args, func(a string) bool {
		return a == "--json" || a == "-json" || a == "--json=true"
	})
}

// unknownCommand names the command that may have been meant.
func unknownCommand(app *cli.App, name string) error {
	err := usagef("unknown command %q", name)
	for _, cmd := range app.Commands {
		if near(name, cmd.Name) {
			return withHint(err, "did you mean %q? yodel --help lists the commands", cmd.Name)
		}
	}
	return withHint(err, "yodel --help lists the commands")
}

// near tells whether two words differ by one letter put in, left out, changed or moved by one place, or one
// begins with the other.
func near(a, b string) bool {
	if len(a) >= 2 && (strings.HasPrefix(b, a) || strings.HasPrefix(a, b)) {
		return true
	}
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	a, b = a[i:], b[i:]
	switch {
	case len(a) == len(b)+1:
		return a[1:] == b
	case len(b) == len(a)+1:
		return b[1:] == a
	case len(a) != len(b) || a == "":
		return false
	}
	swapped := len(a) >= 2 && a[0] == b[1] && a[1] == b[0] && a[2:] == b[2:]
	return swapped || a[1:] == b[1:]
}
