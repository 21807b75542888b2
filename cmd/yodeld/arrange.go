package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// arrange puts the flags of a command before its arguments, where the flag parser wants them: they may stand among the arguments, until "--".
func arrange(app *cli.App, args []string) []string {
	if len(args) < 2 || isFlag(args[1]) || args[1] == "help" || args[1] == "h" {
		return args
	}
	cmd := app.Command(args[1])
	if cmd == nil {
		return args
	}
	out, rest := slices.Clone(args[:2]), args[2:]
	for at := firstWord(cmd, rest); at < len(rest); at = firstWord(cmd, rest) {
		sub := subcommand(cmd, rest[at])
		if sub == nil {
			break
		}
		cmd, out = sub, append(out, rest[at])
		rest = slices.Concat(rest[:at], rest[at+1:])
	}
	flags, words := separate(cmd, rest)
	out = append(out, flags...)
	if len(words) > 0 && !slices.ContainsFunc(flags, isHelp) { // the parser would look for help about the words
		out = append(append(out, "--"), words...)
	}
	return out
}

// firstWord tells where the first argument is that is no flag, and no value of one.
func firstWord(cmd *cli.Command, args []string) int {
	for at := 0; at < len(args); at++ {
		switch arg := args[at]; {
		case arg == "--":
			return len(args)
		case !isFlag(arg):
			return at
		case hasValue(cmd, arg):
			at++
		}
	}
	return len(args)
}

func subcommand(cmd *cli.Command, name string) *cli.Command {
	for _, sub := range cmd.Subcommands {
		if sub.HasName(name) {
			return sub
		}
	}
	return nil
}

// separate takes the flags of a command, with their values, out of what stands behind it.
func separate(cmd *cli.Command, args []string) (flags, words []string) {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			return flags, append(words, args...)
		case !isFlag(arg):
			words = append(words, arg)
		case hasValue(cmd, arg) && len(args) > 0:
			flags, args = append(flags, arg, args[0]), args[1:]
		default: // also one that the command has not: the parser says so
			flags = append(flags, arg)
		}
	}
	return flags, words
}

// isFlag tells a flag from a word; "-" alone is a word.
func isFlag(arg string) bool { return len(arg) > 1 && arg[0] == '-' && arg != "--" }

func isHelp(arg string) bool { return slices.Contains([]string{"-h", "--h", "-help", "--help"}, arg) }

// hasValue tells whether the argument behind a flag is its value.
func hasValue(cmd *cli.Command, flag string) bool {
	return !strings.Contains(flag, "=") && takesValue(cmd, strings.TrimLeft(flag, "-"))
}

func takesValue(cmd *cli.Command, name string) bool {
	for _, f := range cmd.Flags {
		if doc, ok := f.(cli.DocGenerationFlag); ok && slices.Contains(f.Names(), name) {
			return doc.TakesValue()
		}
	}
	return false
}
