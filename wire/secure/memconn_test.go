package secure

import (
	"bytes"
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// handshakeRecord is a well-formed record of a handshake with that many bytes in all.
func handshakeRecord(n int) []byte {
	record := make([]byte, n)
	copy(record, []byte{recordHandshake, 0xfe, 0xfd})
	record[11], record[12] = byte((n-recordHeader)>>8), byte(n-recordHeader)
	return record
}

// read starts a ReadFrom and gives its error when it has one.
func read(conn *MemConn) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, _, err := conn.ReadFrom(make([]byte, 2000))
		done <- err
	}()
	return done
}

func TestMemConnDeadlines(t *testing.T) {
	past := time.Unix(0, 0)
	for name, test := range map[string]struct {
		do   func(conn *MemConn)
		want error
		took time.Duration
	}{
		"ahead":           {func(c *MemConn) { _ = c.SetReadDeadline(time.Now().Add(time.Second)) }, os.ErrDeadlineExceeded, time.Second},
		"past":            {func(c *MemConn) { _ = c.SetDeadline(past) }, os.ErrDeadlineExceeded, 0},
		"past twice":      {func(c *MemConn) { _ = c.SetReadDeadline(past); _ = c.SetReadDeadline(past) }, os.ErrDeadlineExceeded, 0},
		"earlier":         {func(c *MemConn) { setBoth(c, 5*time.Second, time.Second) }, os.ErrDeadlineExceeded, time.Second},
		"later":           {func(c *MemConn) { setBoth(c, time.Second, 5*time.Second) }, os.ErrDeadlineExceeded, 5 * time.Second},
		"taken away":      {func(c *MemConn) { setBoth(c, time.Second, -1); feedAfter(c, 3*time.Second) }, nil, 3 * time.Second},
		"past, then none": {func(c *MemConn) { _ = c.SetReadDeadline(past); setBoth(c, -1, -1); feedAfter(c, time.Second) }, nil, time.Second},
		"fed before":      {func(c *MemConn) { setBoth(c, time.Second, 2*time.Second); feedAfter(c, 0) }, nil, 0},
		"closed":          {func(c *MemConn) { time.AfterFunc(time.Second, func() { _ = c.Close() }) }, net.ErrClosed, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := NewMemConn(func([]byte) {})
				begin := time.Now()
				test.do(conn)
				if err := <-read(conn); !errors.Is(err, test.want) || time.Since(begin) != test.took {
					t.Errorf("%v after %s, want %v after %s", err, time.Since(begin), test.want, test.took)
				}
				setBoth(conn, -1, -1) // no timer may outlive the test
			})
		})
	}
}

// setBoth sets one deadline, then another; negative is none.
func setBoth(conn *MemConn, first, second time.Duration) {
	for _, d := range []time.Duration{first, second} {
		var t time.Time
		if d >= 0 {
			t = time.Now().Add(d)
		}
		_ = conn.SetReadDeadline(t)
	}
}

func feedAfter(conn *MemConn, d time.Duration) {
	time.AfterFunc(d, func() { _ = conn.Feed(handshakeRecord(20)) })
}

func TestMemConnDeadlineWakesABlockedRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := NewMemConn(func([]byte) {})
		for range 3 { // and again, after it was taken away
			done := read(conn)
			synctest.Wait()
			_ = conn.SetReadDeadline(time.Unix(1, 0))
			if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
			}
			_ = conn.SetReadDeadline(time.Time{})
		}
		_ = conn.SetReadDeadline(time.Now().Add(time.Second)) // fires, and is replaced after that
		<-time.After(2 * time.Second)
		_ = conn.SetReadDeadline(time.Now().Add(time.Second))
		begin := time.Now()
		if err := <-read(conn); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
	})
}

func TestMemConnBoundsWhatItTakes(t *testing.T) {
	for name, test := range map[string]struct {
		size, takes int // with all read at once
	}{
		"datagrams": {20, maxFedDatagrams},
		"bytes":     {1000, maxFedBytes / 1000},
	} {
		conn := NewMemConn(func([]byte) {})
		datagram := handshakeRecord(test.size)
		for i := range test.takes {
			if err := conn.Feed(datagram); err != nil {
				t.Fatalf("%s: datagram %d: %v", name, i, err)
			}
			if n, _, err := conn.ReadFrom(make([]byte, 2000)); n != test.size || err != nil {
				t.Fatalf("%s: read %d bytes, %v", name, n, err)
			}
		}
		if err := conn.Feed(datagram); !errors.Is(err, ErrBudget) {
			t.Errorf("%s: after %d datagrams: %v, want ErrBudget", name, test.takes, err)
		}
	}
}

func TestMemConnQueue(t *testing.T) {
	conn := NewMemConn(func([]byte) {})
	datagram := handshakeRecord(20)
	for i := range maxQueued {
		datagram[13] = byte(i)
		if err := conn.Feed(datagram); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Feed(datagram); !errors.Is(err, ErrQueueFull) {
		t.Errorf("%v, want ErrQueueFull", err)
	}
	got := make([]byte, 2000)
	for i := range maxQueued { // copies, in order
		if _, _, err := conn.ReadFrom(got); err != nil || got[13] != byte(i) {
			t.Errorf("datagram %d is %d, %v", i, got[13], err)
		}
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if err := conn.Feed(datagram); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestMemConnWrites(t *testing.T) {
	var sent [][]byte
	conn := NewMemConn(func(datagram []byte) { sent = append(sent, bytes.Clone(datagram)) })
	for i, step := range []func(){func() {}, conn.Mute, func() { _ = conn.Close() }} {
		step()
		n, err := conn.WriteTo([]byte("abc"), conn.LocalAddr())
		if i < 2 && (n != 3 || err != nil) || i == 2 && !errors.Is(err, net.ErrClosed) {
			t.Errorf("write %d: %d, %v", i, n, err)
		}
	}
	if len(sent) != 1 || string(sent[0]) != "abc" {
		t.Errorf("sent %q, want one abc", sent)
	}
	if err := errors.Join(conn.SetWriteDeadline(time.Time{}), conn.Close()); err != nil {
		t.Error(err)
	}
	if addr := conn.LocalAddr(); addr.Network() != "memory" || addr.String() != "memory" {
		t.Errorf("address %s %s", addr.Network(), addr)
	}
}
