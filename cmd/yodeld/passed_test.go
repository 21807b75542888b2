package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// filer is a socket that has a file.
type filer interface{ File() (*os.File, error) }

func TestPassedSockets(t *testing.T) {
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = udp.Close() }()
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tcp.Close() }()
	unix, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close() }()
	for name, c := range map[string]struct {
		sockets []filer
		hasUDP  bool
		tcp     int
		refused bool
	}{
		"UDP":         {[]filer{udp}, true, 0, false},
		"UDP and TCP": {[]filer{udp, tcp}, true, 1, false},
		"TCP before":  {[]filer{tcp, udp}, true, 1, false},
		"UDP twice":   {[]filer{udp, udp}, true, 0, true},
		"TCP twice":   {[]filer{tcp, udp, tcp}, true, 2, false},
		"another":     {[]filer{unix}, false, 0, true},
	} {
		var got sockets
		var refused error
		for _, s := range c.sockets {
			file, err := s.File()
			if err != nil {
				t.Fatal(err)
			}
			if err := got.take(file); err != nil {
				refused = err
			}
		}
		if (got.udp != nil) != c.hasUDP || len(got.tcp) != c.tcp || (refused != nil) != c.refused {
			t.Errorf("%s: UDP %v, TCP %v, error %v", name, got.udp != nil, got.tcp, refused)
		}
		if refused != nil && !strings.Contains(refused.Error(), "no other") {
			t.Errorf("%s: %v", name, refused)
		}
		if err := got.close(); err != nil {
			t.Error(err)
		}
	}
}
