package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf16"

	"yodel/wire"
)

// printer writes what a command has to say to standard output.
type printer struct {
	out  io.Writer
	json bool
}

// object writes a JSON object on a line, with its type before all else. What would be no text on a terminal is escaped.
func (p *printer) object(kind string, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	rest := strings.TrimPrefix(strings.TrimSuffix(b.String(), "\n"), "{")
	if rest != "}" {
		rest = "," + rest
	}
	_, err := fmt.Fprintf(p.out, "{\"type\":%q%s\n", kind, wire.Escape(rest, appendEscaped))
	return err
}

// appendEscaped appends a character as JSON escapes it.
func appendEscaped(out []byte, char string) []byte {
	for _, u := range utf16.Encode([]rune(char)) {
		hex := strconv.FormatUint(uint64(u)|1<<16, 16)
		out = append(append(out, `\u`...), hex[1:]...)
	}
	return out
}

// line writes a line of text.
func (p *printer) line(format string, args ...any) error {
	_, err := fmt.Fprintf(p.out, format+"\n", args...)
	return err
}

// table writes rows under their heads. Columns are two blanks or more apart, which no cell has in itself.
func (p *printer) table(heads []string, rows [][]string) error {
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{heads}, rows...) {
		cells := make([]string, len(row))
		for i, text := range row {
			cells[i] = cell(text)
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

// pairs writes names and values, a line each.
func (p *printer) pairs(pairs ...string) error {
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for i := 0; i+1 < len(pairs); i += 2 {
		fmt.Fprintf(w, "%s\t%s\n", pairs[i], cell(pairs[i+1]))
	}
	return w.Flush()
}

// cell makes text from others fit a column: without control characters, tabs and blanks in a row.
func cell(text string) string {
	text = strings.Join(strings.Fields(wire.Printable(text)), " ")
	if text == "" {
		return "-"
	}
	return text
}

// nickText shows a nick: in quotes where it could pass for something else that stands in a table.
func nickText(nick string) string {
	if nick == "-" || strings.HasPrefix(nick, keyMark) || strings.Contains(nick, `"`) || isPrefix(nick) {
		return `"` + strings.ReplaceAll(nick, `"`, `\"`) + `"`
	}
	return nick
}

// number shows a figure that may not be known.
func number(n *float64, format string, scale float64) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprintf(format, *n*scale)
}

// bytesText shows a number of bytes in units of 1024.
func bytesText(n uint64) string {
	f, unit := float64(n), ""
	for _, u := range "KMGT" {
		if f < 1024 {
			break
		}
		f, unit = f/1024, string(u)
	}
	if unit == "" {
		return strconv.FormatUint(n, 10)
	}
	return fmt.Sprintf("%.1f%s", f, unit)
}

// timeText shows an instant; never is what the zero time is.
func timeText(t time.Time, never string) string {
	if t.IsZero() {
		return never
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// lasting shows how long something has lasted, in its two largest units.
func lasting(d time.Duration) string {
	s := int64(d / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd%dh", s/86400, s/3600%24)
}
