package daemon

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"yodel/wire/secure"
)

// patience bounds the waits for what comes at once on an idle machine.
const patience = time.Minute

// Run answers on real sockets, and ends soon after its context however much comes in.
func TestRunEndsUnderTraffic(t *testing.T) {
	cfg := Config{Listen: netip.MustParseAddrPort("127.0.0.1:0"), Identity: newID(t), State: t.TempDir()}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan netip.AddrPort, 1), make(chan error, 1)
	go func() { ended <- Run(ctx, cfg, func(d *Daemon) { ready <- d.Addr() }) }()
	at := <-ready

	var senders sync.WaitGroup
	over := make(chan struct{})
	defer senders.Wait()
	defer close(over)
	answered := make(chan struct{}, 8)
	for i := range 4 { // so that several shards have work
		conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(at))
		if err != nil {
			t.Fatal(err)
		}
		senders.Go(func() {
			defer func() { _ = conn.Close() }()
			request := secure.BindingRequest(nil, [12]byte{byte(i)}, nil)
			for {
				select {
				case <-over:
					return
				default:
				}
				for _, b := range [][]byte{request, {0x80, 120, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, {22, 254, 253}, {}} {
					_, _ = conn.Write(b) // refused when the daemon has ended
				}
				_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
				if n, err := conn.Read(make([]byte, 1500)); err == nil && n > 0 {
					select {
					case answered <- struct{}{}:
					default:
					}
				}
			}
		})
	}
	for range cap(answered) {
		<-answered
	}
	cancel()
	select { // the senders go on until it has ended
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
}
