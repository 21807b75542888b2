package completion

import (
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// Asked gives the words that are to be completed, the program's name first; nil: nothing is asked, and the command line is one.
func Asked() []string {
	if asked := os.Getenv("YODEL_COMPLETE"); asked != "" {
		return strings.Split(asked, "\n")
	}
	return nil
}

// Offer gives the commands or flags that the last word may become, none where the shell is to complete it: an argument, or the value of a flag. endsFlags
// tells of which commands the flags end with the first argument; nil: of none.
func Offer(app *cli.App, words []string, endsFlags func(*cli.Command) bool) []string {
	if len(words) < 2 {
		return nil
	}
	at := place{flags: app.Flags, commands: app.Commands}
	last := len(words) - 1
	for _, word := range words[1:last] {
		at.pass(word)
	}
	var offered []string
	switch begun := strings.HasPrefix(words[last], "-"); {
	case at.text || at.value || begun && at.argued && endsFlags != nil && at.command != nil && endsFlags(at.command):
	case begun:
		offered = at.flagNames()
	case !at.argued:
		offered = at.commandNames()
	}
	return slices.DeleteFunc(offered, func(s string) bool { return !strings.HasPrefix(s, words[last]) })
}

// A place is where a word stands in a command line.
type place struct {
	command  *cli.Command // nil: before it
	flags    []cli.Flag
	commands []*cli.Command
	argued   bool // behind an argument
	value    bool // the word is the value of a flag
	text     bool // behind "--"
}

// pass goes over a word.
func (p *place) pass(word string) {
	switch {
	case p.text:
	case p.value:
		p.value = false
	case word == "--":
		p.text = true
	case len(word) > 1 && word[0] == '-':
		p.value = p.wantsValue(word)
	default:
		p.enter(word)
	}
}

// enter goes into a command, if the word is one; it is an argument else.
func (p *place) enter(word string) {
	i := slices.IndexFunc(p.commands, func(c *cli.Command) bool { return !p.argued && c.HasName(word) })
	if i < 0 {
		p.argued = true
		return
	}
	p.command = p.commands[i]
	p.flags, p.commands = p.command.Flags, p.command.Subcommands
}

// wantsValue tells whether the next word is the value of a flag: --room NAME, -r NAME, and of short flags in one word -fn 5.
func (p *place) wantsValue(word string) bool {
	if strings.Contains(word, "=") {
		return false
	}
	if takes, known := p.takes(strings.TrimLeft(word, "-")); known || strings.HasPrefix(word, "--") {
		return takes
	}
	for i := 1; i < len(word); i++ {
		if takes, _ := p.takes(word[i : i+1]); takes {
			return i == len(word)-1
		}
	}
	return false
}

func (p *place) takes(name string) (value, known bool) {
	for _, f := range p.flags {
		if slices.Contains(f.Names(), name) {
			doc, ok := f.(cli.DocGenerationFlag)
			return ok && doc.TakesValue(), true
		}
	}
	return false, false
}

func (p *place) flagNames() []string {
	names := []string{"--help"}
	for _, f := range p.flags {
		if visible, ok := f.(cli.VisibleFlag); ok && !visible.IsVisible() {
			continue
		}
		names = append(names, "--"+f.Names()[0])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// commandNames are the commands that may stand here, and the word that a command takes literally: it says so as "[rotate]".
func (p *place) commandNames() []string {
	var names []string
	for _, c := range p.commands {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	if p.command != nil {
		if word := strings.Trim(p.command.ArgsUsage, "[]"); "["+word+"]" == p.command.ArgsUsage && word == strings.ToLower(word) {
			names = append(names, word)
		}
	}
	return names
}
