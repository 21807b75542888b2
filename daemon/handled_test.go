package daemon

import (
	"context"
	"log/slog"
	"slices"
	"sync"
)

// handled is a log that keeps its lines, and can hold up who writes one.
type handled struct {
	mu   sync.Mutex
	some []string
	gate func(line string) // runs in the goroutine that logs; nil: nothing does
}

func (h *handled) logger() *slog.Logger { return slog.New(h) }

func (h *handled) lines() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.some)
}

// Handle is of slog.Handler, as are the other three.
func (h *handled) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += " " + a.String()
		return true
	})
	h.mu.Lock()
	h.some = append(h.some, line)
	h.mu.Unlock()
	if h.gate != nil {
		h.gate(line)
	}
	return nil
}

func (h *handled) Enabled(context.Context, slog.Level) bool { return true }
func (h *handled) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h *handled) WithGroup(string) slog.Handler            { return h }
