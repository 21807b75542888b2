package main

import (
	"bytes"
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	sdjournal "github.com/coreos/go-systemd/v22/journal"
)

const (
	// maxField is the longest value of a field, in bytes, and maxEntry about the longest entry: a socket's buffer holds 200 KiB.
	maxField, maxEntry = 16 << 10, 96 << 10
	// maxFieldName is what journald takes (systemd.journal-fields(7)).
	maxFieldName = 64
)

// journalHandler makes of each record an entry for the journal: MESSAGE with all attributes, as a reader sees it, PRIORITY, and each attribute as a
// field of its own, YODEL_ROOM of room. It is a slog.Handler, for any goroutine.
type journalHandler struct {
	out    *gatherer
	level  slog.Leveler
	text   slog.Handler // writes into line
	line   *sharedLine
	fields []byte // of the attributes that all records have
	prefix string // of the groups
}

// sharedLine is where a handler and those made of it have the attributes of a record written.
type sharedLine struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func newJournalHandler(out *gatherer, level slog.Leveler) *journalHandler {
	line := new(sharedLine)
	text := slog.NewTextHandler(&line.buf, &slog.HandlerOptions{Level: level, ReplaceAttr: onlyAttributes})
	return &journalHandler{out: out, level: level, text: text, line: line}
}

// onlyAttributes leaves the level and the message, which is empty, out of a line.
func onlyAttributes(groups []string, a slog.Attr) slog.Attr {
	if _, level := a.Value.Any().(slog.Level); len(groups) == 0 && (a.Key == slog.LevelKey && level || a.Key == slog.MessageKey && a.Value.String() == "") {
		return slog.Attr{}
	}
	return a
}

// Enabled is of slog.Handler.
func (h *journalHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.level.Level()
}

// Handle is of slog.Handler.
func (h *journalHandler) Handle(ctx context.Context, r slog.Record) error {
	attributes, err := h.attributes(ctx, &r)
	if err != nil {
		return err
	}
	entry := appendField(nil, "MESSAGE", strings.TrimRight(escaped(r.Message)+" "+attributes, " "))
	entry = appendField(entry, "PRIORITY", strconv.Itoa(int(priority(r.Level))))
	entry = appendField(entry, "SYSLOG_IDENTIFIER", "yodeld")
	entry = append(entry, h.fields...)
	r.Attrs(func(a slog.Attr) bool {
		entry = appendAttr(entry, h.prefix, a)
		return true
	})
	_, err = h.out.Write(entry)
	return err
}

// attributes gives them as text.
func (h *journalHandler) attributes(ctx context.Context, r *slog.Record) (string, error) {
	bare := slog.NewRecord(time.Time{}, r.Level, "", 0)
	r.Attrs(func(a slog.Attr) bool {
		bare.AddAttrs(a)
		return true
	})
	h.line.mu.Lock()
	defer h.line.mu.Unlock()
	h.line.buf.Reset()
	if err := h.text.Handle(ctx, bare); err != nil {
		return "", err
	}
	return string(withoutDelete(bytes.TrimSuffix(h.line.buf.Bytes(), []byte("\n")))), nil
}

// WithAttrs is of slog.Handler.
func (h *journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.text = h.text.WithAttrs(attrs)
	with.fields = bytes.Clone(h.fields)
	for _, a := range attrs {
		with.fields = appendAttr(with.fields, h.prefix, a)
	}
	return &with
}

// WithGroup is of slog.Handler.
func (h *journalHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	with := *h
	with.text = h.text.WithGroup(name)
	with.prefix = h.prefix + name + "_"
	return &with
}

// lostEntry is the entry that tells of lines that are lost.
func lostEntry(lost int) []byte {
	entry := appendField(nil, "MESSAGE", lostText(lost))
	entry = appendField(entry, "PRIORITY", strconv.Itoa(int(sdjournal.PriWarning)))
	return appendField(entry, "SYSLOG_IDENTIFIER", "yodeld")
}

func priority(level slog.Level) sdjournal.Priority {
	switch {
	case level >= slog.LevelError:
		return sdjournal.PriErr
	case level >= slog.LevelWarn:
		return sdjournal.PriWarning
	case level >= slog.LevelInfo:
		return sdjournal.PriInfo
	}
	return sdjournal.PriDebug
}

// appendAttr appends an attribute as a field, or several of a group, as long as they find room.
func appendAttr(entry []byte, prefix string, a slog.Attr) []byte {
	v := a.Value.Resolve()
	switch {
	case a.Equal(slog.Attr{}):
		return entry
	case v.Kind() != slog.KindGroup:
		return appendField(entry, fieldName(prefix+a.Key), escaped(v.String()))
	case a.Key != "":
		prefix += a.Key + "_"
	}
	for _, member := range v.Group() {
		entry = appendAttr(entry, prefix, member)
	}
	return entry
}

// appendField appends a field whose value has no line end.
func appendField(entry []byte, name, value string) []byte {
	if len(value) > maxField {
		value = strings.ToValidUTF8(value[:maxField], "") + "..."
	}
	if len(entry)+len(name)+len(value) > maxEntry {
		return entry
	}
	entry = append(entry, name...)
	entry = append(entry, '=')
	entry = append(entry, value...)
	return append(entry, '\n')
}

// fieldName makes YODEL_ROOM of room.
func fieldName(key string) string {
	name := "YODEL_" + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_':
			return r
		}
		return '_'
	}, key)
	return name[:min(len(name), maxFieldName)]
}

// escaped gives a text with all that is not printable in Go's notation: "\n", "\x1b", "\u202e".
func escaped(s string) string {
	quoted := strconv.Quote(s)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
