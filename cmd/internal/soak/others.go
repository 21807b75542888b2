package main

import (
	"context"
	"math/rand/v2"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"yodel/cmd/internal/programs"
	"yodel/wire/secure"
)

const (
	killEvery = 7 * time.Second
	junkEvery = 2 * time.Millisecond
)

// cat runs yodel read -f with a state file, kills it and starts it again, until the end. What it prints counts once more as it may be printed again.
func (s *soak) cat(ctx context.Context, r *reading) {
	for n := 0; ctx.Err() == nil; n++ {
		cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "yodel"), "read", "-f", "--json", "--room", echo, "--nick", "cat", "--server", s.proxy(0),
			"--identity", filepath.Join(s.dir, "cat", "identity.pem"), "--state", filepath.Join(s.dir, "cat.state"), "-n", "1000000")
		p, err := programs.Start(programs.Command{Name: "yodel read", Cmd: cmd, Stderr: filepath.Join(s.dir, "cat-"+strconv.Itoa(n)+".err")})
		if err != nil {
			s.fail(err.Error())
			return
		}
		taken, killed := s.follow(ctx, p, r)
		p.Kill()
		s.takes(p, r, taken) // what it has noted as printed is not printed again
		if !killed && ctx.Err() == nil {
			s.fail("yodel read has ended: " + p.LastWords())
			return
		}
	}
}

// follow takes what a process prints until it is to be killed, and tells how many events that were; killed is false when it has ended by itself.
func (s *soak) follow(ctx context.Context, p *programs.Process, r *reading) (taken int, killed bool) {
	timer := time.NewTimer(min(killEvery, max(s.last/4, time.Second)))
	defer timer.Stop()
	for {
		var news <-chan struct{}
		taken, news = s.takes(p, r, taken)
		select {
		case <-news:
		case <-timer.C:
			return taken, true
		case <-ctx.Done():
			return taken, true
		case <-p.Done():
			return taken, false
		}
	}
}

// takes takes the events that a process has printed since so many were taken. It gives how many there are now, and a channel that is closed when there are more.
func (s *soak) takes(p *programs.Process, r *reading, taken int) (int, <-chan struct{}) {
	events, news := p.All()
	for _, e := range events[taken:] {
		if e.Type == "message" {
			s.read(r, e.Text)
		}
	}
	return len(events), news
}

// hostile sends what is of no use to anybody.
func (s *soak) hostile(ctx context.Context) {
	dice := rand.New(rand.NewPCG(s.seed, 3))
	var conn net.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close()
		}
	}()
	for n := 0; wait(ctx, junkEvery); n++ {
		if n%100 == 0 { // another address
			if conn != nil {
				_ = conn.Close()
			}
			var err error
			if conn, err = (&net.Dialer{}).DialContext(ctx, "udp", s.server.addr); err != nil {
				return
			}
		}
		_, _ = conn.Write(junk(dice)) // an ICMP error is nothing to us
	}
}

// junk makes a datagram of some kind.
func junk(dice *rand.Rand) []byte {
	b := make([]byte, 12+dice.IntN(1100))
	for i := range b {
		b[i] = byte(dice.UintN(256))
	}
	switch dice.IntN(5) {
	case 0:
		return secure.BindingRequest(nil, [12]byte(b[:12]), nil)
	case 1:
		return secure.BindingRequest(nil, [12]byte(b[:12]), b[:12])
	case 2:
		copy(b, []byte{22, 254, 253, 0, 0})
	case 3:
		copy(b, []byte{0x80, 100})
	}
	return b
}
