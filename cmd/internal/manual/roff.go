package manual

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// writer gathers lines of roff.
type writer struct{ strings.Builder }

func (w *writer) line(s string) {
	w.WriteString(s)
	w.WriteByte('\n')
}

func (w *writer) heading(title string) { w.line(".SH " + escape(strings.ToUpper(title))) }

// text writes paragraphs. Lines that begin with two blanks stand as they are.
func (w *writer) text(s string) {
	asIs := false
	for i, l := range strings.Split(strings.Trim(s, "\n"), "\n") {
		literal := strings.HasPrefix(l, "  ")
		switch {
		case literal && !asIs:
			w.line(".PP\n.nf")
		case !literal && asIs:
			w.line(".fi")
		}
		switch asIs = literal; {
		case l != "":
			w.line(escape(l))
		case i > 0:
			w.line(".PP")
		}
	}
	if asIs {
		w.line(".fi")
	}
}

func (w *writer) terms(terms [][2]string) {
	for _, t := range terms {
		w.line(".TP")
		w.line(`\fB` + escape(t[0]) + `\fR`)
		w.text(t[1])
	}
}

// sentence makes a description that begins with a small letter into a sentence, unless it begins with a name or a number.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return s
	}
	first, size := utf8.DecodeRuneInString(s)
	s = string(unicode.ToUpper(first)) + s[size:]
	if strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

// escape has roff print a text as it is, wherever it stands, in ASCII.
func escape(s string) string {
	var b strings.Builder
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		b.WriteString(`\&`)
	}
	for _, r := range s {
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`)
		case r == '\'':
			b.WriteString(`\(aq`)
		case r == '`':
			b.WriteString(`\(ga`)
		case r == '"':
			b.WriteString(`\(dq`)
		case r == '…':
			b.WriteString("...")
		case r >= utf8.RuneSelf:
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
