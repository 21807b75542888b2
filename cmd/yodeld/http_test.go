package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestHTTPAddresses(t *testing.T) {
	for _, c := range []struct {
		address string
		on      string // "": an error
		warns   bool
	}{
		{":0", "127.0.0.1:", false},
		{"localhost:0", "127.0.0.1:", false},
		{"127.0.0.2:0", "127.0.0.2:", false},
		{"0.0.0.0:0", "0.0.0.0:", true},
		{"nonsense", "", false},
		{"127.0.0.1:http2go", "", false},
		{"127.0.0.1:http", "", false},
		{"yodel.invalid:0", "", false},
		{"192.0.2.1:0", "", false},
		{"127.0.0.1:99999", "", false},
	} {
		var text bytes.Buffer
		opened, err := listenHTTP(c.address, nil, true, slog.New(slog.NewTextHandler(&text, nil)))
		if (err != nil) != (c.on == "") {
			t.Errorf("%s: %v", c.address, err)
		}
		if err != nil {
			if !strings.Contains(err.Error(), "--http") {
				t.Errorf("%s: %v", c.address, err)
			}
			continue
		}
		l := opened[0]
		on := l.Addr().String()
		if _, port, _ := net.SplitHostPort(on); c.on == "0.0.0.0:" && on == "[::]:"+port { // the same
			on = "0.0.0.0:" + port
		}
		if !strings.HasPrefix(on, c.on) || strings.Contains(text.String(), "level=WARN") != c.warns {
			t.Errorf("%s: on %s; %s", c.address, on, &text)
		}
		_ = l.Close()
	}
	if l, err := listenHTTP("", nil, false, slog.New(slog.DiscardHandler)); l != nil || err != nil {
		t.Errorf("without an address: %v, %v", l, err)
	}
}

// What the service manager has opened is used, whatever the address says, which is told: all of it.
func TestPassedSocketsServeHTTP(t *testing.T) {
	var given []net.Listener
	for range 2 {
		l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		given = append(given, l)
	}
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, nil))
	on, err := listenHTTP("", given, true, log)
	if err != nil || len(on) != 2 || text.Len() > 0 {
		t.Fatalf("%v, %v, %s", on, err, &text)
	}
	if _, err = listenHTTP("127.0.0.1:1", given, true, log); err != nil || !strings.Contains(text.String(), `msg="http.listen is not used`) {
		t.Errorf("with an address too: %v, %s", err, &text)
	}
	d, stop := runDaemon(t, slog.New(slog.DiscardHandler))
	defer stop()
	stopWeb := serveHTTP(on, d, slog.New(slog.DiscardHandler))
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	for _, l := range on {
		r, err := client.Get("http://" + l.Addr().String() + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
		if r.StatusCode != http.StatusOK {
			t.Error(r.Status)
		}
	}
	stopWeb()
}

// Who has the service manager open a socket to others is warned as who names its address.
func TestAPassedSocketThatOthersReach(t *testing.T) {
	for address, warns := range map[string]bool{"127.0.0.1:0": false, "0.0.0.0:0": true} {
		given, err := net.Listen("tcp4", address)
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		if _, err := listenHTTP("", []net.Listener{given}, true, slog.New(slog.NewTextHandler(&text, nil))); err != nil {
			t.Error(err)
		}
		if strings.Contains(text.String(), "level=WARN") != warns {
			t.Errorf("%s: %s", address, &text)
		}
		_ = given.Close()
	}
}

// Where the service may open no sockets of its own it does without HTTP, and says loudly what helps; a daemon that opens its port itself does not start.
func TestNoHTTPWhereNoSocketMayBeOpened(t *testing.T) {
	at := netip.MustParseAddrPort("127.0.0.1:9636")
	forbidden := &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("socket", syscall.EAFNOSUPPORT)}
	inUse := &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
	for name, c := range map[string]struct {
		err      error
		confined bool
		starts   bool
	}{
		"forbidden to the service": {forbidden, true, true},
		"forbidden to a daemon":    {forbidden, false, false},
		"in use":                   {inUse, true, false},
	} {
		var text bytes.Buffer
		err := notListening(at, c.err, c.confined, slog.New(slog.NewTextHandler(&text, nil)))
		if (err == nil) != c.starts || strings.Contains(text.String(), "ListenStream=127.0.0.1:9636") != c.starts || c.starts != strings.Contains(text.String(), "level=ERROR") {
			t.Errorf("%s: %v; %s", name, err, &text)
		}
	}
	if text := defaultFile(); !strings.Contains(text, "systemctl edit yodeld.socket") {
		t.Error("the configuration file that is printed does not say so")
	}
}

// The daemon shows itself while it runs, and the server ends with it, also with somebody who says nothing.
func TestServeShowsMetricsAndHealth(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, stdout := io.Pipe()
	lines, stderr := io.Pipe()
	code := make(chan int, 1)
	args := []string{"yodeld", "serve", "--listen", "127.0.0.1:0", "--state", t.TempDir(), "--http", ":0"}
	go func() {
		code <- run(ctx, args, stdout, stderr)
		_ = stderr.Close()
		_ = stdout.Close()
	}()
	at := make(chan string, 1)
	go func() { // until the end
		for s := bufio.NewScanner(lines); s.Scan(); {
			if _, address, found := strings.Cut(s.Text(), `msg="metrics and health" address=`); found {
				at <- address
			}
		}
	}()
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	address := <-at
	silent, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	for path, want := range map[string]string{"/healthz": "ok\n", "/metrics": "yodel_up 1\n"} {
		r, err := client.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil || r.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s: %s, %v: %s", path, r.Status, err, body)
		}
	}
	stop()
	if c := <-code; c != exitDone {
		t.Errorf("exit code %d", c)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	limit := limitConns(2)
	a, far := net.Pipe()
	defer func() { _ = far.Close() }()
	limit(a, http.StateNew)
	limit(a, http.StateNew)
	b, other := net.Pipe()
	limit(b, http.StateNew)
	if _, err := other.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("beyond the limit: %v", err)
	}
	limit(b, http.StateClosed)
	limit(a, http.StateClosed)
	c, last := net.Pipe()
	defer func() { _ = last.Close() }()
	limit(c, http.StateNew)
	go func() { _, _ = c.Write([]byte("x")) }()
	if _, err := last.Read(make([]byte, 1)); err != nil {
		t.Errorf("when one has gone: %v", err)
	}
	_ = a.Close()
}
