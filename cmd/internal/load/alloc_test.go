//go:build linux

package load

import (
	"net"
	"testing"
	"time"
)

func TestNothingIsAllocatedForAPacket(t *testing.T) {
	relay, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(loopback))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = relay.Close() }()
	cfg := small(t, relay.LocalAddr().(*net.UDPAddr).AddrPort())
	cfg.Plain, cfg.Talkers, cfg.Listeners, cfg.Hear = true, 1, 0, true
	if err := cfg.check(); err != nil {
		t.Fatal(err)
	}
	l, err := newLoop(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	conn, fd, err := open(cfg.Server)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	m := cfg.member(0)
	m.fd = fd
	m.voice = cfg.newVoice(m, 0, 0)
	l.adopt(m)
	l.beginTalking()
	l.beginMeasuring()
	b := make([]byte, 2048)
	const packets = 100
	allocs := testing.AllocsPerRun(packets, func() {
		l.say(m.voice)
		n, from, err := relay.ReadFromUDPAddrPort(b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := relay.WriteToUDPAddrPort(b[:n], from); err != nil {
			t.Fatal(err)
		}
		events, err := l.poll.wait()
		if err != nil {
			t.Fatal(err)
		}
		for i := range events {
			l.event(&events[i])
		}
		l.poll.arm(forever, l.sinceStart(time.Now()))
	})
	if allocs != 0 || l.counts.delivered != packets+1 { // AllocsPerRun has one run more
		t.Errorf("%v allocations a packet, %d delivered", allocs, l.counts.delivered)
	}
	go l.run()
	l.close()
}
