package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"yodel/daemon/access"
)

// raw sends bytes, and gives what comes until the end.
func (r *running) raw(t *testing.T, request string) string {
	t.Helper()
	conn, err := connect(r.path, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(conn, request) }() // the server need not read all of it
	answer, _ := io.ReadAll(conn)
	return string(answer)
}

func TestRequestsThatAreNone(t *testing.T) {
	r := start(t, nil)
	post := func(path, kind, body string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", path, kind, len(body), body)
	}
	const object = "application/json"
	for name, c := range map[string]struct {
		request string
		status  int
		says    string
	}{
		"garbage":          {"\x00\x01\x02garbage\r\n\r\n", 400, ""},
		"TLS":              {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, ""},
		"no such path":     {"GET /v2/\x01status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400, ""},
		"unknown path":     {"GET /v1/everything HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404, "there is no /v1/everything"},
		"escaped path":     {"GET /v1/%1b[2J HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404, `there is no /v1/\\x1b[2J`},
		"no metrics":       {"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404, "there is no /metrics"},
		"method":           {post("/v1/status", object, "{}"), 405, "GET is the method of /v1/status"},
		"other method":     {"DELETE /v1/bans HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405, "GET, POST is the method"},
		"content":          {post("/v1/kick", "text/plain", `{"nick":"alice"}`), 400, "application/json"},
		"no content":       {post("/v1/kick", object, ""), 400, "EOF"},
		"no JSON":          {post("/v1/kick", object, "nick=alice"), 400, "invalid character"},
		"no object":        {post("/v1/kick", object, "[]"), 400, "array"},
		"half an object":   {post("/v1/kick", object, `{"nick":"ali`), 400, "unexpected EOF"},
		"unknown field":    {post("/v1/kick", object, `{"nik":"alice"}`), 400, `unknown field`},
		"wrong type":       {post("/v1/kick", object, `{"nick":7}`), 400, "number"},
		"two objects":      {post("/v1/kick", object, `{"nick":"alice"} {}`), 400, "more than one"},
		"a long body":      {post("/v1/kick", object, `{"nick":"`+strings.Repeat("a", maxBody)+`"}`), 400, "too large"},
		"long headers":     {"GET /v1/status HTTP/1.1\r\nX: " + strings.Repeat("a", 4*maxHeader) + "\r\n\r\n", 431, ""},
		"nobody":           {post("/v1/kick", object, `{}`), 400, "nobody is named"},
		"nobody there":     {post("/v1/kick", object, `{"nick":"alice"}`), 404, "nobody there is alice"},
		"illegal nick":     {post("/v1/kick", object, `{"nick":"\u0007"}`), 400, "illegal nick"},
		"fingerprint":      {post("/v1/keys/deny", object, `{"fingerprint":"SHA256:x"}`), 400, "SHA256:x"},
		"a long reason":    {post("/v1/kick", object, `{"nick":"alice","reason":"`+strings.Repeat("x", access.MaxReason+1)+`"}`), 400, "a reason of"},
		"a ban of two":     {post("/v1/bans", object, `{"nick":"alice","prefix":"10.0.0.0/8"}`), 400, "it names 2"},
		"a ban of no one":  {post("/v1/bans", object, `{}`), 400, "it names 0"},
		"a prefix":         {post("/v1/bans", object, `{"prefix":"10.0.0.0/99"}`), 400, "neither an address nor a prefix"},
		"a ban for ever":   {post("/v1/bans", object, `{"prefix":"10.0.0.1","for_s":-1}`), 400, "no time from now"},
		"no such ban":      {post("/v1/unban", object, `{"prefix":"192.0.2.1"}`), 404, "no ban of 192.0.2.1"},
		"uses":             {post("/v1/invites", object, `{"uses":-1}`), 400, "-1 uses"},
		"role":             {post("/v1/invites", object, `{"uses":1,"roles":["a b"]}`), 400, "a b"},
		"a room's name":    {post("/v1/rooms/set", object, `{"room":"a b","delay_s":1}`), 400, "illegal room name"},
		"a delay":          {post("/v1/rooms/set", object, `{"room":"a","delay_s":61}`), 400, "a delay of 61 s"},
		"no change":        {post("/v1/rooms/set", object, `{"room":"a"}`), 400, "nothing is to change"},
		"a negative limit": {post("/v1/rooms/set", object, `{"room":"a","keep":-1}`), 400, "below 0"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := r.raw(t, c.request)
			status, body, _ := strings.Cut(answer, "\r\n")
			if !strings.HasPrefix(status, fmt.Sprintf("HTTP/1.1 %d ", c.status)) || !strings.Contains(body, c.says) {
				t.Fatalf("answer %q", answer)
			}
			if c.says == "" { // it was no request, and the answer is not ours
				return
			}
			_, object, _ := strings.Cut(body, "\r\n\r\n")
			var f failure
			if err := json.Unmarshal([]byte(object), &f); err != nil || f.Error == "" {
				t.Errorf("body %q: %v", object, err)
			}
		})
	}
	if _, err := r.client.Status(bounded(t)); err != nil {
		t.Errorf("after all this: %v", err)
	}
}

func TestHundredClientsAtOnce(t *testing.T) {
	r := start(t, nil)
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			c := NewClient(r.path)
			if s, err := c.Status(bounded(t)); err != nil || s.Access != "invite" {
				t.Errorf("client %d: %+v, %v", i, s, err)
			}
			if _, err := c.Invite(bounded(t), InviteRequest{Uses: 1}); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	all.Wait()
}

// Clients that send half a request, or do not read, keep nobody from being served, and are hung up on.
func TestSlowClients(t *testing.T) {
	r := start(t, nil)
	var slow []net.Conn
	for i := range maxConns / 2 {
		conn, err := connect(r.path, patience)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		half := []string{"GET /v1/st", "", "POST /v1/kick HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"}[i%3]
		if i%3 == 2 && i > 3*maxRequests/2 {
			half = "" // fewer bodies are waited for than requests are worked on
		}
		if _, err := io.WriteString(conn, half); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, conn)
	}
	if _, err := r.client.Status(bounded(t)); err != nil {
		t.Fatal(err)
	}
	for _, conn := range slow {
		if err := conn.SetReadDeadline(time.Now().Add(3 * requestFor)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("a slow client is still there")
		}
	}
}

func TestChangesAreInTheLog(t *testing.T) {
	r := start(t, nil)
	a, err := r.client.Invite(bounded(t), InviteRequest{Uses: 3, Expires: 60, Roles: []string{"crew"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.client.Ban(bounded(t), BanRequest{Prefix: "192.0.2.77", Reason: "noise\n\x1b[2Jlevel=ERROR"}); err != nil {
		t.Fatal(err)
	}
	if bans, err := r.client.Bans(bounded(t)); err != nil || len(bans) != 1 || bans[0].Prefix != "192.0.2.77/32" {
		t.Errorf("bans %+v, %v", bans, err)
	}
	if err := r.client.Unban(bounded(t), UnbanRequest{Prefix: "192.0.2.77"}); err != nil {
		t.Error(err)
	}
	who := fmt.Sprintf("uid=%d", os.Getuid())
	for _, want := range []string{"did=invite " + who, "did=ban " + who, "whom=192.0.2.77/32", "did=unban " + who} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("the log has no %q:\n%s", want, r.log)
		}
	}
	if strings.Contains(r.log.String(), a.Token) || strings.Contains(r.log.String(), "\x1b") || strings.Contains(r.log.String(), "\nlevel") {
		t.Errorf("the log:\n%s", r.log)
	}
}

func TestKeysAndRoomsAreChanged(t *testing.T) {
	r := start(t, nil)
	const key = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	if err := r.client.Allow(bounded(t), AllowRequest{Fingerprint: key, Nick: "carol", Roles: []string{"crew"}}); err != nil {
		t.Fatal(err)
	}
	keys, err := r.client.Keys(bounded(t))
	if err != nil || len(keys) != 1 || keys[0].Fingerprint != key || keys[0].Nick != "carol" || keys[0].Source != "allowed" {
		t.Errorf("%+v, %v", keys, err)
	}
	if _, err := r.client.Deny(bounded(t), DenyRequest{Fingerprint: key, Reason: "lost"}); err != nil {
		t.Fatal(err)
	}
	if keys, err = r.client.Keys(bounded(t)); err != nil || len(keys) != 1 || keys[0].Source != "denied" || keys[0].Reason != "lost" {
		t.Errorf("%+v, %v", keys, err)
	}
	delay, keep := 2.5, 77
	if err := r.client.SetRoom(bounded(t), RoomRequest{Room: "studio", Delay: &delay}); err != nil {
		t.Fatal(err)
	}
	if err := r.client.SetRoom(bounded(t), RoomRequest{Room: "studio", Messages: &keep}); err != nil {
		t.Fatal(err)
	}
	rooms, err := r.client.Rooms(bounded(t))
	if err != nil || len(rooms) != 1 || rooms[0].Delay != delay || rooms[0].Keep.Messages != keep || !rooms[0].Configured {
		t.Errorf("%+v, %v", rooms, err)
	}
}

func TestMetricsPage(t *testing.T) {
	r := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "yodel_sessions 7\n") }))
	if got := r.raw(t, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); !strings.Contains(got, "yodel_sessions 7") {
		t.Errorf("%q", got)
	}
}

func TestStopWaitsForTheEnd(t *testing.T) {
	r := start(t, nil)
	if err := r.client.Stop(bounded(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(r.path); err == nil {
		t.Error("the socket is still there")
	}
	if err := r.end(); err != nil {
		t.Error(err)
	}
	if _, err := r.client.Status(bounded(t)); !errors.Is(err, ErrNotRunning) {
		t.Error(err)
	}
}

// The end of a daemon does not wait for clients that do nothing.
func TestEndWithClientsThatDoNothing(t *testing.T) {
	r := start(t, nil)
	for range 3 {
		conn, err := connect(r.path, patience)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
	}
	ended := make(chan error, 1)
	go func() { ended <- r.end() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("not ended")
	}
}

func TestWhatIsNoYodel(t *testing.T) {
	dir := t.TempDir()
	serve := func(name string, answer func(net.Conn)) string {
		path := filepath.Join(dir, name)
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		var conns sync.WaitGroup
		conns.Go(func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				conns.Go(func() {
					defer func() { _ = conn.Close() }()
					_, _ = bufio.NewReader(conn).ReadString('\n')
					answer(conn)
				})
			}
		})
		t.Cleanup(func() {
			_ = l.Close()
			conns.Wait()
		})
		return path
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	defer close(over)
	for name, c := range map[string]struct {
		path string
		want error
	}{
		"a file":         {file, ErrForeign},
		"no folder":      {filepath.Join(file, "s"), ErrNotRunning},
		"nothing":        {filepath.Join(dir, "none"), ErrNotRunning},
		"another server": {serve("http", func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") }), ErrForeign},
		"no HTTP":        {serve("ftp", func(c net.Conn) { _, _ = io.WriteString(c, "220 ready\r\n") }), ErrForeign},
		"hangs up":       {serve("mute", func(net.Conn) {}), ErrForeign},
		"half an answer": {serve("half", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nYodel-Control: 1\r\nContent-Length: 20\r\n\r\n{\"sof")
		}), ErrForeign},
	} {
		if _, err := NewClient(c.path).Status(bounded(t)); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := NewClient(serve("slow", func(net.Conn) { <-over })).Status(ctx); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("no answer: %v", err)
	}
}
