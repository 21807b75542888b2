package metrics

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"

	"yodel/daemon"
	"yodel/wire/secure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// started is a daemon on loopback until the test's end, or until stop is called.
func started(t *testing.T, log *slog.Logger) (d *daemon.Daemon, stop func()) {
	t.Helper()
	id, err := secure.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	cfg := daemon.Config{
		Listen: netip.MustParseAddrPort("127.0.0.1:0"), Identity: id, State: t.TempDir(), Limits: daemon.DefaultLimits, Software: "yodeld/1.2.3", Logger: log,
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan *daemon.Daemon, 1), make(chan error)
	go func() {
		ended <- daemon.Run(ctx, cfg, func(d *daemon.Daemon) { ready <- d })
		close(ended)
	}()
	stop = func() {
		cancel()
		if err := <-ended; err != nil { // nil when it was stopped before
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	select {
	case d = <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	return d, stop
}

// get asks a daemon's handlers.
func get(t *testing.T, d *daemon.Daemon, path string) (code int, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	Mux(d).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	b, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(b)
}

// What promtool says of it, and that it can be read.
func TestMetricsAreAsPrometheusWantsThem(t *testing.T) {
	d, _ := started(t, nil)
	code, text := get(t, d, "/metrics")
	if code != http.StatusOK {
		t.Fatalf("%d %s", code, text)
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for i := range figures {
		if name := nameOf(t, &figures[i]); families[name] == nil || families[name].GetHelp() == "" {
			t.Errorf("%s is not there, or has no help", name)
		}
	}
	for _, name := range []string{"yodel_up", "yodel_build_info", "yodel_log_writable", "go_goroutines", "process_cpu_seconds_total"} {
		if families[name] == nil {
			t.Errorf("%s is not there", name)
		}
	}
	for _, line := range []string{`yodel_build_info{goversion="go`, `version="1.2.3"} 1`, "yodel_up 1\n", "yodel_log_writable 1\n", `yodel_loss_ratio_bucket{path="up",le="0.01"} 0`} {
		if !strings.Contains(text, line) {
			t.Errorf("no %q in:\n%s", line, text)
		}
	}
}

// nameOf is the name of a metric.
func nameOf(t *testing.T, f *figure) string {
	t.Helper()
	_, rest, _ := strings.Cut(f.desc.String(), `fqName: "`)
	name, _, found := strings.Cut(rest, `"`)
	if !found {
		t.Fatalf("no name in %s", f.desc)
	}
	return name
}

// Who adds a reason, a kind or a code has it in the metrics.
func TestMetricsHaveEachReason(t *testing.T) {
	d, _ := started(t, nil)
	s, err := d.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, text := get(t, d, "/metrics")
	want := func(metric, label, value string) {
		if line := metric + "{" + label + `="` + value + `"} `; !strings.Contains(text, line) {
			t.Errorf("no %s", line)
		}
	}
	for reason := range s.Dropped {
		want("yodel_drops_total", "reason", reason)
	}
	for kind := range s.Received {
		want("yodel_datagrams_received_total", "kind", kind)
		want("yodel_sent_bytes_total", "kind", kind)
	}
	for code := range s.Refusals {
		want("yodel_refusals_total", "code", code)
	}
	for outcome := range s.Handshakes {
		want("yodel_handshakes_total", "outcome", outcome)
	}
	if len(s.Dropped) < 40 || len(s.Received) != 6 || len(s.Refusals) < 15 {
		t.Errorf("%d reasons, %d kinds, %d codes", len(s.Dropped), len(s.Received), len(s.Refusals))
	}
}

// gate is a log that holds up who writes a line with a word, as a loop that hangs is held up.
type gate struct {
	slog.Handler
	word          string
	once          sync.Once
	held, release chan struct{}
}

func (g *gate) Enabled(context.Context, slog.Level) bool { return true }

func (g *gate) Handle(_ context.Context, r slog.Record) error {
	if r.Message == g.word {
		g.once.Do(func() { close(g.held) })
		<-g.release
	}
	return nil
}

func TestHealthOfAWedgedAndAStoppedDaemon(t *testing.T) {
	g := &gate{Handler: slog.DiscardHandler, word: "dropped", held: make(chan struct{}), release: make(chan struct{})}
	d, stop := started(t, slog.New(g))
	if code, body := get(t, d, "/healthz"); code != http.StatusOK || body != "ok\n" {
		t.Errorf("at work: %d %q", code, body)
	}
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(d.Addr()))
	if err == nil {
		_, err = conn.Write([]byte("junk"))
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	<-g.held
	if code, body := get(t, d, "/healthz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "the hub's loop") {
		t.Errorf("wedged: %d %q", code, body)
	}
	code, text := get(t, d, "/metrics")
	if code != http.StatusOK || !strings.Contains(text, "yodel_up 0\n") || strings.Contains(text, "yodel_sessions") || !strings.Contains(text, "go_goroutines") {
		t.Errorf("wedged: %d\n%s", code, text)
	}
	close(g.release)
	stop()
	if code, body := get(t, d, "/healthz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "stopped") {
		t.Errorf("stopped: %d %q", code, body)
	}
}

func TestOnlyWhatIsThereIsServed(t *testing.T) {
	d, _ := started(t, nil)
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, "/", http.StatusNotFound},
		{http.MethodPost, "/metrics", http.StatusMethodNotAllowed},
		{http.MethodDelete, "/healthz", http.StatusMethodNotAllowed},
		{http.MethodHead, "/healthz", http.StatusOK},
		{http.MethodGet, "/metrics/../debug/pprof", http.StatusTemporaryRedirect},
	} {
		w := httptest.NewRecorder()
		Mux(d).ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
		if w.Code != c.want {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, w.Code, c.want)
		}
	}
}
