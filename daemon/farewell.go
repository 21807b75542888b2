package daemon

import (
	"net/netip"
	"time"

	"yodel/wire"
)

// farewell repeats the BYE of a session that is no more: it holds distinct SRTCP packets, made when the keys were still there.
type farewell struct {
	hub   *hub
	to    netip.AddrPort
	byes  [][]byte
	timer timer
}

// part tells the peer why the session ends, three times within 100 ms.
func (s *session) part(now time.Time, reason string) {
	if s.displaced {
		return
	}
	defer s.hub.containSession(choreFarewell, nil)
	f := &farewell{hub: s.hub, to: s.addr}
	for range wire.ByeTimes {
		plain, err := wire.AppendBye(s.hub.built[:0], wire.SSRCDaemon, reason)
		if err != nil {
			return
		}
		sealed, err := s.link.sealBye(plain)
		if err != nil {
			s.hub.drops.count(dropSeal)
			return
		}
		f.byes = append(f.byes, sealed)
	}
	f.timer.run = f.say
	s.hub.farewells[f] = struct{}{}
	f.say(now)
}

// say sends the next one.
func (f *farewell) say(now time.Time) {
	f.hub.send(f.to, f.byes[0])
	f.byes = f.byes[1:]
	if len(f.byes) > 0 {
		f.hub.timers.set(&f.timer, now.Add(wire.ByeSpacing))
		return
	}
	f.hub.timers.set(&f.timer, time.Time{})
	delete(f.hub.farewells, f)
}
