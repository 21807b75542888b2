package peer

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
)

func TestSplitServer(t *testing.T) {
	for _, tt := range []struct {
		server, host string
		port         uint16
	}{
		{"localhost", "localhost", 9635},
		{"localhost:7", "localhost", 7},
		{"192.0.2.1", "192.0.2.1", 9635},
		{"192.0.2.1:65535", "192.0.2.1", 65535},
		{"::1", "::1", 9635},
		{"[::1]", "::1", 9635},
		{"[::1]:80", "::1", 80},
		{"2001:db8::2", "2001:db8::2", 9635},
		{"yodel.example.org:9635", "yodel.example.org", 9635},
	} {
		host, port, err := splitServer(tt.server)
		if err != nil || host != tt.host || port != tt.port {
			t.Errorf("%q: %q %d %v, want %q %d", tt.server, host, port, err, tt.host, tt.port)
		}
	}
	for _, bad := range []string{"", ":", ":9635", "host:", "host:0", "host:65536", "host:http", "a b", "a:1:2", "[::1", "http://host", "x\x1b[2J"} {
		if _, _, err := splitServer(bad); !errors.Is(err, ErrServer) {
			t.Errorf("%q: %v, want ErrServer", bad, err)
		}
	}
}

func TestResolveGivesIPv6First(t *testing.T) {
	addrs, err := target{}.addresses(t.Context(), system, "127.0.0.1", 5)
	if err != nil || !slices.Equal(addrs, []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:5")}) {
		t.Errorf("%v %v", addrs, err)
	}
	six, four := netip.MustParseAddrPort("[::1]:5"), netip.MustParseAddrPort("127.0.0.1:5")
	if family(six) >= family(four) {
		t.Error("IPv4 comes first")
	}
}
