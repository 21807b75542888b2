package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// flagSet is what arrange knows about the flags that are legal at a place.
type flagSet struct {
	name  string // of the program or command, for hints
	flags []cli.Flag
}

// find gives the first name of a flag and whether it takes a value.
func (s flagSet) find(name string) (first string, value, ok bool) {
	if name == "help" || name == "h" {
		return "help", false, true
	}
	for _, f := range s.flags {
		if slices.Contains(f.Names(), name) {
			doc, isDoc := f.(cli.DocGenerationFlag)
			return f.Names()[0], isDoc && doc.TakesValue(), true
		}
	}
	return "", false, false
}

// take reads the flag at args[0] with its value; it gives the tokens for the parser and how many of args
// they were made of.
func (s flagSet) take(args []string) (tokens []string, used int, err error) {
	name, value, hasValue := strings.Cut(strings.TrimPrefix(args[0][1:], "-"), "=")
	first, takes, ok := s.find(name)
	switch {
	case !ok && !strings.HasPrefix(args[0], "--"):
		return s.takeJoined(args)
	case !ok:
		return nil, 0, s.unknown(args[0])
	case hasValue:
		return []string{"--" + first + "=" + value}, 1, nil
	case !takes:
		return []string{"--" + first}, 1, nil
	case len(args) < 2:
		return nil, 0, usagef("flag needs a value: %s", args[0])
	}
	return []string{"--" + first + "=" + args[1]}, 2, nil
}

// takeJoined reads short flags in one word: -fq, -n5, -fn 5.
func (s flagSet) takeJoined(args []string) (tokens []string, used int, err error) {
	letters := args[0][1:]
	for i := range len(letters) {
		first, takes, ok := s.find(letters[i : i+1])
		switch after := letters[i+1:]; {
		case !ok:
			return nil, 0, s.unknown(args[0])
		case !takes:
			tokens = append(tokens, "--"+first)
		case after != "":
			return append(tokens, "--"+first+"="+strings.TrimPrefix(after, "=")), 1, nil
		case len(args) < 2:
			return nil, 0, usagef("flag needs a value: -%c", letters[i])
		default:
			return append(tokens, "--"+first+"="+args[1]), 2, nil
		}
	}
	return tokens, 1, nil
}

func (s flagSet) unknown(arg string) error {
	name, _, _ := strings.Cut(arg, "=")
	err := usagef("unknown flag %s", name)
	for _, f := range s.flags {
		if first := f.Names()[0]; near(strings.TrimLeft(name, "-"), first) {
			return withHint(err, "did you mean --%s? %s --help lists the flags", first, s.name)
		}
	}
	return withHint(err, "%s --help lists the flags", s.name)
}
