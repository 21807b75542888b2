package metrics

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"yodel/daemon"
)

// Bounds of requests.
const (
	maxAtOnce  = 4
	answerIn   = 5 * time.Second
	healthyIn  = 2 * time.Second
	healthMIME = "text/plain; charset=utf-8"
)

// Mux serves GET /metrics and GET /healthz.
func Mux(d *daemon.Daemon) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", Handler(d))
	mux.Handle("GET /healthz", Health(d))
	return mux
}

// Handler answers with all metrics of the daemon, of the Go runtime and of the process, as Prometheus text.
func Handler(d *daemon.Daemon) http.Handler {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector{d}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: maxAtOnce, Timeout: answerIn,
	})
}

// Health answers 200 and "ok" while the daemon works and the room log stores messages, else 503 and one line that says why not.
func Health(d *daemon.Daemon) http.Handler {
	free := make(chan struct{}, maxAtOnce)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", healthMIME)
		w.Header().Set("Cache-Control", "no-store")
		select {
		case free <- struct{}{}:
			defer func() { <-free }()
		default:
			http.Error(w, "too many requests at once", http.StatusServiceUnavailable)
			return
		}
		if err := health(r.Context(), d); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
}

// health is what is wrong with the daemon; nil: nothing.
func health(ctx context.Context, d *daemon.Daemon) error {
	ctx, cancel := context.WithTimeout(ctx, healthyIn)
	defer cancel()
	if err := d.Alive(ctx); err != nil {
		return err
	}
	if err := d.Writable(); err != nil {
		return fmt.Errorf("room log: %w", err)
	}
	return nil
}
