package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"yodel/daemon"
	"yodel/wire"
)

// Limits of what clients may have the server do. Who may open the socket administers the daemon; this bounds faults of theirs.
const (
	// maxConns is how many connections are served at once. One more takes the place of the one that has asked for nothing for the longest time, at
	// least idleLeast; if there is none it waits until one ends.
	maxConns  = 128
	idleLeast = time.Second
	// maxRequests is how many requests are worked on at once: the largest answer, of 16,384 peers, has 8 MB. Others wait.
	maxRequests = 8
	// maxUnread is how many bytes of answers wait to be read, but for those that are no longer than freeAnswer; others fail.
	maxUnread, freeAnswer = 64 << 20, 64 << 10
	// maxBody bounds the body of a request, maxHeader the rest of it.
	maxBody, maxHeader = 64 << 10, 8 << 10
	// headFor and requestFor bound how long a request may take to come, answerFor how long it is worked on, and sentFor how long the answer may take to be
	// read, from the request's end on. A connection without a request ends after idleFor.
	headFor, requestFor, answerFor, sentFor, idleFor = 5 * time.Second, 10 * time.Second, 10 * time.Second, 20 * time.Second, 10 * time.Second
	// closeFor is how long the end waits for answers that are on their way.
	closeFor = time.Second
)

// mark is a header of every answer: by it a client tells the socket from others.
const mark, marked = "Yodel-Control", "1"

// Config is what a server is made of.
type Config struct {
	Daemon *daemon.Daemon
	// Stop has the daemon end; it must not wait for that.
	Stop func()
	// Metrics answers GET /metrics; nil: there is no such page.
	Metrics http.Handler
	// Logger is told of each change, with the uid of whom it came from.
	Logger *slog.Logger
}

// Server serves the control socket.
type Server struct {
	cfg    Config
	socket *Socket
	http   *http.Server
	turns  chan struct{} // of requests
	unread atomic.Int64  // bytes of long answers
	conns  *conns
	ending chan struct{}
	ended  chan struct{}
}

// Serve begins to serve a socket, until Close.
func Serve(socket *Socket, cfg Config) *Server {
	s := &Server{
		cfg: cfg, socket: socket, ended: make(chan struct{}), ending: make(chan struct{}),
		turns: make(chan struct{}, maxRequests),
	}
	s.conns = newConns(socket.listener, s.ending)
	s.http = &http.Server{
		Handler: s, ReadHeaderTimeout: headFor, ReadTimeout: requestFor, WriteTimeout: sentFor, IdleTimeout: idleFor, MaxHeaderBytes: maxHeader,
		ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), // what a client sends is not the log's business
		ConnState: s.conns.note,
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, uidKey{}, uidOf(conn))
		},
	}
	go func() {
		defer close(s.ended)
		err := s.http.Serve(s.conns)
		select {
		case <-s.ending:
		default:
			cfg.Logger.Error("control socket", "error", err)
		}
	}()
	return s
}

// Close ends the serving, once, after answers that are on their way, and removes the socket.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeFor)
	defer cancel()
	close(s.ending)
	s.socket.remove() // who finds it no more may begin anew
	_ = s.http.Shutdown(ctx)
	_ = s.http.Close() // who is not served by now is not
	_ = s.socket.Close()
	<-s.ended
}

type uidKey struct{}

// work is what is done for a request.
type work func(s *Server, r *http.Request) (any, error)

// routes are the works by path and method.
var routes = map[string]map[string]work{
	"/v1/status":     {http.MethodGet: get((*daemon.Daemon).Status)},
	"/v1/rooms":      {http.MethodGet: get((*daemon.Daemon).Rooms)},
	"/v1/rooms/set":  {http.MethodPost: post((*Server).setRoom)},
	"/v1/peers":      {http.MethodGet: get((*daemon.Daemon).Peers)},
	"/v1/kick":       {http.MethodPost: post((*Server).kick)},
	"/v1/bans":       {http.MethodGet: get((*daemon.Daemon).Bans), http.MethodPost: post((*Server).ban)},
	"/v1/unban":      {http.MethodPost: post((*Server).unban)},
	"/v1/keys":       {http.MethodGet: get((*daemon.Daemon).Keys)},
	"/v1/keys/allow": {http.MethodPost: post((*Server).allow)},
	"/v1/keys/deny":  {http.MethodPost: post((*Server).deny)},
	"/v1/invites":    {http.MethodGet: get((*daemon.Daemon).Invites), http.MethodPost: post((*Server).invite)},
	"/v1/stop":       {http.MethodPost: post((*Server).stop)},

	"/v1/invites/revoke": {http.MethodPost: post((*Server).revoke)},
}

// get makes the work of a request that asks the daemon for something.
func get[A any](ask func(*daemon.Daemon, context.Context) (A, error)) work {
	return func(s *Server, r *http.Request) (any, error) { return ask(s.cfg.Daemon, r.Context()) }
}

// post makes the work of a request that changes something.
func post[Q, A any](change func(*Server, context.Context, *Q) (A, error)) work {
	return func(s *Server, r *http.Request) (any, error) {
		q := new(Q)
		if err := decode(r, q); err != nil {
			return nil, err
		}
		return change(s, r.Context(), q)
	}
}

// ServeHTTP answers a request. Its body is there before it has a turn, and the answer is sent when it has none any more: who is slow keeps nobody waiting.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(mark, marked)
	a := &answer{header: w.Header(), status: http.StatusOK}
	s.answer(a, r)
	if n := int64(a.text.Len()); n > freeAnswer {
		defer s.unread.Add(-n)
		if s.unread.Add(n) > maxUnread {
			a.text.Reset()
			fail(a, http.StatusServiceUnavailable, "too many long answers wait to be read")
		}
	}
	if err := a.send(w); err != nil {
		s.cfg.Logger.Debug("control answer", "error", err)
	}
	if a.stops {
		_ = http.NewResponseController(w).Flush()
		s.cfg.Stop()
	}
}

// answer makes the answer to a request.
func (s *Server) answer(a *answer, r *http.Request) {
	do, metrics := routes[r.URL.Path][r.Method], r.URL.Path == "/metrics" && s.cfg.Metrics != nil
	if do == nil && !metrics {
		unknown(a, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if err != nil {
		fail(a, http.StatusBadRequest, err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerFor) // it ends, too, when the client hangs up: that is seen once the body is there
	defer cancel()
	select {
	case s.turns <- struct{}{}:
		defer func() { <-s.turns }()
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		fail(a, http.StatusServiceUnavailable, "too many requests at once: nothing was done")
		return
	}
	r = r.WithContext(ctx)
	r.Body = io.NopCloser(bytes.NewReader(body))
	if metrics {
		s.cfg.Metrics.ServeHTTP(a, r)
		return
	}
	a.take(do(s, r))
}

// unknown answers a request of which there is no work.
func unknown(w http.ResponseWriter, r *http.Request) {
	there := routes[r.URL.Path]
	if there == nil {
		fail(w, http.StatusNotFound, "there is no "+wire.Printable(r.URL.Path))
		return
	}
	methods := strings.Join(slices.Sorted(maps.Keys(there)), ", ")
	w.Header().Set("Allow", methods)
	fail(w, http.StatusMethodNotAllowed, methods+" is the method of "+r.URL.Path)
}

// decode reads the one JSON object of a request.
func decode(r *http.Request, into any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return fmt.Errorf("%w: the content is to be application/json", ErrRequest)
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: %w", ErrRequest, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: there is more than one JSON object", ErrRequest)
	}
	return nil
}
