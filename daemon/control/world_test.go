package control

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yodel/daemon"
	"yodel/daemon/access"
	"yodel/wire/secure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test.
const patience = 20 * time.Second

// running is a daemon with its control socket.
type running struct {
	path   string
	state  string
	client *Client
	server *Server
	end    func() error // stops the daemon and waits for its end
	log    *logged
}

// logged is a log that is read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// start starts a daemon; the test's end stops it.
func start(t *testing.T, metrics http.Handler) *running {
	t.Helper()
	return startAs(t, access.Invite, metrics)
}

func startAs(t *testing.T, mode access.Mode, metrics http.Handler) *running {
	t.Helper()
	id, err := secure.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	r := &running{path: filepath.Join(t.TempDir(), "control.sock"), state: t.TempDir(), log: new(logged)}
	logger := slog.New(slog.NewTextHandler(r.log, nil))
	socket, err := Listen(r.path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	cfg := daemon.Config{Identity: id, Listen: netip.MustParseAddrPort("127.0.0.1:0"), State: r.state, Access: mode, Logger: logger}
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		err := daemon.Run(ctx, cfg, func(d *daemon.Daemon) {
			r.server = Serve(socket, Config{Daemon: d, Stop: stop, Metrics: metrics, Logger: logger})
			close(ready)
		})
		if r.server != nil {
			r.server.Close()
		}
		ended <- err
	}()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	r.client = NewClient(r.path)
	r.end = sync.OnceValue(func() error {
		stop()
		return <-ended
	})
	t.Cleanup(func() {
		if err := r.end(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// bounded is a context for one call.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
