package manual

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// A Page is the manual page of a program.
type Page struct {
	App      *cli.App
	Section  int       // of the manual: 1 commands, 8 system administration
	Synopsis []string  // command lines; the first word is set in bold
	More     []Section // after the commands, in this order
	SeeAlso  []string  // like "yodeld(8)"
}

// A Section is what a page says beside the commands. The text is paragraphs, between which there are empty lines; lines that begin with two blanks stay as
// they are, and a line "WORD: text" of a list (Terms) is a term with its text.
type Section struct {
	Title string
	Text  string
	Terms [][2]string
}

// Roff gives the page in the macros of man(7).
func (p Page) Roff() string {
	w := &writer{}
	name := p.App.Name
	w.line(`.\" Made from the commands by make generate.`)
	w.line(fmt.Sprintf(".TH %s %d \"\" \"Yodel\" \"Yodel\"", escape(strings.ToUpper(name)), p.Section))
	w.line(".nh") // no hyphens in names
	w.line(".ad l")
	w.heading("NAME")
	w.line(escape(name) + ` \- ` + escape(p.App.Usage))
	w.heading("SYNOPSIS")
	for i, s := range p.Synopsis {
		if i > 0 {
			w.line(".br")
		}
		first, rest, _ := strings.Cut(s, " ")
		w.line(`\fB` + escape(first) + `\fR ` + escape(rest))
	}
	if p.App.Description != "" {
		w.heading("DESCRIPTION")
		w.text(p.App.Description)
	}
	w.heading("COMMANDS")
	w.commands(name, p.App.Commands, p.App.Flags)
	if everywhere := visible(p.App.Flags); len(everywhere) > 0 {
		w.heading("OPTIONS")
		w.flags(everywhere)
	}
	for _, s := range p.More {
		w.heading(s.Title)
		w.text(s.Text)
		w.terms(s.Terms)
	}
	if len(p.SeeAlso) > 0 {
		w.heading("SEE ALSO")
		w.line(escape(strings.Join(p.SeeAlso, ", ")))
	}
	return w.String()
}

// commands describes commands and those below them; the flags that all have are told once, elsewhere.
func (w *writer) commands(above string, commands []*cli.Command, everywhere []cli.Flag) {
	for _, c := range commands {
		if c.Hidden || c.Name == "help" {
			continue
		}
		name := above + " " + c.Name
		own := slices.DeleteFunc(visible(c.Flags), func(f cli.Flag) bool { return contains(everywhere, f) })
		if len(c.Subcommands) == 0 || len(own) > 0 {
			w.command(name, c, own)
		}
		w.commands(name, c.Subcommands, everywhere)
	}
}

func (w *writer) command(name string, c *cli.Command, own []cli.Flag) {
	w.line(".SS " + escape(name) + optional(own) + argument(c.ArgsUsage))
	w.text(sentence(c.Usage))
	if c.Description != "" {
		w.line(".PP")
		w.text(c.Description)
	}
	w.flags(own)
}

func optional(flags []cli.Flag) string {
	if len(flags) == 0 {
		return ""
	}
	return " [flags]"
}

func argument(usage string) string {
	if usage == "" {
		return ""
	}
	return " " + escape(usage)
}

// flags lists flags in the order of their definition.
func (w *writer) flags(flags []cli.Flag) {
	for _, f := range flags {
		doc, ok := f.(cli.DocGenerationFlag)
		if !ok {
			continue
		}
		placeholder, usage := unquote(doc.GetUsage())
		w.line(".TP")
		w.line(flagNames(f.Names(), doc.TakesValue(), placeholder))
		w.text(sentence(usage + value(doc) + environment(doc)))
	}
}

// value tells the default of a flag that takes a value.
func value(doc cli.DocGenerationFlag) string {
	text := doc.GetDefaultText()
	if !doc.TakesValue() || text == "" || text == `""` || strings.Contains(doc.GetUsage(), "default") {
		return ""
	}
	return " (default: " + strings.Trim(text, `"`) + ")"
}

func environment(doc cli.DocGenerationFlag) string {
	vars := doc.GetEnvVars()
	if len(vars) == 0 {
		return ""
	}
	return " [$" + strings.Join(vars, ", $") + "]"
}

func flagNames(names []string, takesValue bool, placeholder string) string {
	var out []string
	for _, name := range names {
		dashes := "--"
		if len(name) == 1 {
			dashes = "-"
		}
		out = append(out, `\fB`+escape(dashes+name)+`\fR`)
	}
	text := strings.Join(out, ", ")
	if takesValue {
		if placeholder == "" {
			placeholder = "VALUE"
		}
		text += ` \fI` + escape(placeholder) + `\fR`
	}
	return text
}

// unquote takes the name of a flag's value, which stands between backquotes, out of its description.
func unquote(usage string) (placeholder, text string) {
	before, rest, ok := strings.Cut(usage, "`")
	if !ok {
		return "", usage
	}
	placeholder, after, _ := strings.Cut(rest, "`")
	return placeholder, before + placeholder + after
}

func visible(flags []cli.Flag) []cli.Flag {
	return slices.DeleteFunc(slices.Clone(flags), func(f cli.Flag) bool {
		v, ok := f.(cli.VisibleFlag)
		return ok && !v.IsVisible() || f.Names()[0] == "help"
	})
}

func contains(flags []cli.Flag, f cli.Flag) bool {
	return slices.ContainsFunc(flags, func(g cli.Flag) bool { return g.Names()[0] == f.Names()[0] })
}
