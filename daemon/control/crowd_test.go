package control

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const pageRequest = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"

// dialed is a connection on which something was sent.
func (r *running) dialed(t *testing.T, request string) net.Conn {
	t.Helper()
	conn, err := connect(r.path, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn
}

// Who asks for much and does not read it keeps nobody from being answered; there is a bound to what waits for them.
func TestClientsThatDoNotRead(t *testing.T) {
	const long = 8 << 20
	made, text := make(chan struct{}, 100), bytes.Repeat([]byte{'x'}, long)
	r := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(text)
		made <- struct{}{}
	}))
	for range maxUnread / long {
		r.dialed(t, pageRequest)
	}
	for range maxUnread / long {
		select {
		case <-made:
		case <-time.After(patience):
			t.Fatal("a page was not made")
		}
	}
	eventually(t, func() bool { return r.server.unread.Load() == maxUnread })
	if _, err := r.client.Status(bounded(t)); err != nil {
		t.Fatal(err)
	}
	got := r.raw(t, strings.Replace(pageRequest, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1))
	if !strings.HasPrefix(got, "HTTP/1.1 503 ") && r.server.unread.Load() == maxUnread { // where it is less, some have been given up meanwhile
		t.Errorf("one more: %.100q", got)
	}
}

// eventually waits until something is so.
func eventually(t *testing.T, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !is() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("it does not come to that")
		}
	}
}

// What somebody has asked for who has hung up since is not done.
func TestARequestOfWhoHasHungUp(t *testing.T) {
	begun, on := make(chan struct{}, maxRequests), make(chan struct{})
	r := start(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		begun <- struct{}{}
		<-on
	}))
	for range maxRequests {
		r.dialed(t, pageRequest)
	}
	for range maxRequests {
		<-begun
	}
	const ban = `{"prefix":"192.0.2.1"}`
	waiting := r.dialed(t, "POST /v1/bans HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 22\r\n\r\n"+ban)
	eventually(t, func() bool { return len(r.server.conns.places) == maxRequests+1 })
	begin := time.Now()
	_ = waiting.Close()
	eventually(t, func() bool { return len(r.server.conns.places) == maxRequests })
	if time.Since(begin) >= answerFor {
		t.Error("it was not seen that somebody has hung up: the request was only given up in the end")
	}
	close(on)
	if bans, err := r.client.Bans(bounded(t)); err != nil || len(bans) != 0 {
		t.Errorf("%+v, %v", bans, err)
	}
}

// When all places are taken by connections without a request, the oldest gives way to a new one.
func TestIdleConnectionsGiveWay(t *testing.T) {
	r := start(t, nil)
	const request = "GET /v1/bans HTTP/1.1\r\nHost: x\r\n\r\n"
	ask := func(conn net.Conn) error {
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		if _, err := io.WriteString(conn, request); err != nil {
			return err
		}
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return err
		}
		defer func() { _ = answer.Body.Close() }()
		_, err = io.Copy(io.Discard, answer.Body)
		return err
	}
	begin := time.Now()
	all := make([]net.Conn, maxConns)
	for i := range all {
		all[i] = r.dialed(t, "")
		if err := ask(all[i]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.client.Status(bounded(t)); err != nil {
		t.Fatal(err)
	}
	if time.Since(begin) >= idleFor {
		t.Error("the new one has waited until an old one was given up")
	}
	if err := ask(all[maxConns-1]); err != nil {
		t.Errorf("the latest of them: %v", err)
	}
	gone := 0
	for _, conn := range all[:maxConns/2] {
		if ask(conn) != nil {
			gone++
		}
	}
	if gone == 0 {
		t.Error("the oldest of them are still there")
	}
}

// The end with all places taken, and one more at the door, is no fault.
func TestTheEndWithAllPlacesTaken(t *testing.T) {
	r := start(t, nil)
	for range maxConns + 1 {
		r.dialed(t, "")
	}
	eventually(t, func() bool { return len(r.server.conns.places) == maxConns })
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	if text := r.log.String(); strings.Contains(text, "level=ERROR") {
		t.Error(text)
	}
}

// fake serves a socket as a daemon that answers everything alike.
func fake(t *testing.T, answer string, then func(l net.Listener)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(mark, marked)
		_, _ = io.Copy(io.Discard, r.Body) // from then on it is seen that the client hangs up
		if answer == "" {
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, answer)
		then(l)
	})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Serve(l)
	}()
	t.Cleanup(func() {
		_ = s.Close()
		<-ended
	})
	return path
}

// What a daemon says of its process is not believed: in another namespace it is another number.
func TestStopOfADaemonInAnotherNamespace(t *testing.T) {
	path := fake(t, `{"pid":1}`, func(l net.Listener) { _ = l.Close() })
	if err := NewClient(path).Stop(bounded(t)); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNotAnsweredMayBeDone(t *testing.T) {
	c := NewClient(fake(t, "", nil))
	late, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := c.Ban(late, BanRequest{Prefix: "192.0.2.1"})
	if !errors.Is(err, ErrNoAnswer) || !strings.Contains(err.Error(), "may do what it was asked for") {
		t.Errorf("late: %v", err)
	}
	if _, err := c.Bans(late); !errors.Is(err, ErrNoAnswer) || strings.Contains(err.Error(), "may do") {
		t.Errorf("only asked: %v", err)
	}
	ended, end := context.WithCancelCause(t.Context())
	end(errors.New("a signal came"))
	err = c.Stop(ended)
	if err == nil || !strings.HasPrefix(err.Error(), "not waited for the answer: a signal came") || strings.Contains(err.Error(), "http") || errors.Is(err, ErrForeign) {
		t.Errorf("ended: %v", err)
	}
}
