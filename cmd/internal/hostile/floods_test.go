//go:build linux

package hostile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"testing"
)

// leastFlood is what a flood must have in datagrams a second: a tenth of what a core can send.
const leastFlood = 10_000

// Floods from 40,000 addresses that have not shown to be anybody's, as fast as a core can send.
func TestFloods(t *testing.T) {
	var all []attack
	for _, f := range []struct {
		name  string
		short bool
		shot  func(*shots) shot
	}{
		{"STUN without a nonce", true, func(s *shots) shot { return s.bareSTUN }},
		{"STUN with a wrong nonce", false, func(s *shots) shot { return s.staleSTUN }},
		{"STUN with USERNAME", false, func(s *shots) shot { return s.pathSTUN }},
		{"ClientHello", false, func(s *shots) shot { return s.clientHello }},
		{"fragments of ClientHello", false, func(s *shots) shot { return s.fragment }},
		{"SRTP", false, func(s *shots) shot { return s.srtp }},
		{"SRTCP", false, func(s *shots) shot { return s.srtcp }},
		{"junk", false, func(s *shots) shot { return s.junk }},
		{"mixed", true, func(s *shots) shot { return s.mixed }},
	} {
		all = append(all, attack{name: f.name, short: f.short, least: leastFlood, run: func(w *world, _ *victim, out *outcome, stop <-chan struct{}) error {
			s, err := newShots(w.seed)
			if err != nil {
				return err
			}
			c, err := newCrowd(w, nil)
			if err != nil {
				return err
			}
			defer c.close(out)
			return c.flood(stop, f.shot(s))
		}})
	}
	try(t, all)
}

// What is forged in the name of the victim, from its own address and with its own SSRC, takes nothing from its voice.
func TestForgedPackets(t *testing.T) {
	try(t, []attack{{name: "forged in the victim's name", short: true, least: leastFlood, run: forge}})
}

var (
	aliceAt   = regexp.MustCompile(`msg=joined room=live nick=alice \S+ address=(\S+)`)
	aliceSSRC = regexp.MustCompile(`"ssrc":(\d+)`)
)

func forge(w *world, v *victim, out *outcome, stop <-chan struct{}) error {
	s, err := newShots(w.seed)
	if err != nil {
		return err
	}
	at := aliceAt.FindStringSubmatch(w.daemon.Stderr())
	if at == nil {
		return errors.New("the daemon does not say where alice is")
	}
	from, err := netip.ParseAddrPort(at[1])
	if err != nil {
		return err
	}
	said := v.talk.Of("talk")
	if len(said) == 0 {
		return errors.New("alice does not say that she talks")
	}
	number := aliceSSRC.FindStringSubmatch(said[0].Line)
	if number == nil {
		return fmt.Errorf("no SSRC in %s", said[0].Line)
	}
	var ssrc uint32
	if _, err := fmt.Sscan(number[1], &ssrc); err != nil {
		return err
	}
	f, err := newForger(w)
	if err != nil {
		return err
	}
	defer f.close()
	err = f.flood(stop, func(n int, scratch []byte) ([]byte, netip.AddrPort) {
		switch n % 4 {
		case 0:
			return s.protected(scratch, 200+byte(n/4%8), ssrc), from
		case 1:
			b, _ := s.mixed(n, scratch)
			return b, from
		}
		b := s.protected(scratch, 111, ssrc)
		binary.BigEndian.PutUint16(b[2:], uint16(n)) // all sequence numbers
		return b, from
	})
	out.sent = f.sent
	return err
}
