package peer

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"yodel/wire"
)

// silent listens and never answers, or answers each datagram with what reply gives.
func silent(t *testing.T, reply func([]byte) []byte) string {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 2048)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			if reply != nil {
				_, _ = conn.WriteToUDPAddrPort(reply(b[:n]), from)
			}
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return conn.LocalAddr().String()
}

func dial(ctx context.Context, t *testing.T, cfg Config) (time.Duration, error) {
	t.Helper()
	cfg.Identity = mustIdentity(t)
	start := time.Now()
	c, err := Dial(ctx, cfg)
	if err == nil {
		_ = c.Close()
		t.Fatal("there is a session with nobody")
	}
	return time.Since(start), err
}

func TestDialWhereNothingListens(t *testing.T) {
	const nobodys = "127.0.0.1:1" // the system gives it to no other test
	took, err := dial(t.Context(), t, Config{Server: nobodys, Timeout: 2 * patience})
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "nothing listens there") || took > patience {
		t.Errorf("%v after %v", err, took)
	}
}

func TestDialTimesOut(t *testing.T) {
	const timeout = 3 * time.Second // in which a busy machine reads what has come
	for name, tt := range map[string]struct {
		reply func([]byte) []byte
		want  string
	}{
		"silence": {nil, "no answer"},
		"garbage": {func([]byte) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") }, "not a Yodel daemon"},
		"mirror":  {func(b []byte) []byte { return b }, "not a Yodel daemon"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			took, err := dial(t.Context(), t, Config{Server: silent(t, tt.reply), Timeout: timeout})
			if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), tt.want) {
				t.Error(err)
			}
			if took < timeout || took > timeout+patience {
				t.Errorf("after %v, want %v", took, timeout)
			}
		})
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := silent(t, func(b []byte) []byte {
		cancel()
		return b
	})
	if took, err := dial(ctx, t, Config{Server: server}); !errors.Is(err, context.Canceled) || took > patience {
		t.Errorf("%v after %v", err, took)
	}
}

func TestDialRefusesBadConfig(t *testing.T) {
	id := mustIdentity(t)
	for _, tt := range []struct {
		cfg  Config
		want error
	}{
		{Config{Server: "localhost"}, ErrConfig},
		{Config{Server: "a b", Identity: id}, ErrServer},
		{Config{Server: "localhost", Identity: id, Nick: "\u202eecila"}, ErrRefused},
		{Config{Server: "localhost", Identity: id, Nick: strings.Repeat("x", wire.MaxNick+1)}, ErrRefused},
	} {
		if _, err := Dial(t.Context(), tt.cfg); !errors.Is(err, tt.want) {
			t.Errorf("%+v: %v, want %v", tt.cfg, err, tt.want)
		}
	}
}
