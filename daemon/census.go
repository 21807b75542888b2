package daemon

import (
	"container/list"
	"maps"
	"net/netip"
	"time"

	"yodel/daemon/access"
	"yodel/wire"
	"yodel/wire/secure"
)

// census counts handshakes and sessions, in all and by where and whose they are.
type census struct {
	limit     int       // of sessions
	pending   int       // handshakes
	greetless list.List // sessions that have not said Hello, the oldest first
	sessions  int       // those that have, and that no other has taken over
	by        map[secure.Fingerprint]int
	prefixes  map[netip.Addr]*prefix // by their first address
	sites     map[netip.Addr]*prefix // wider ones; see siteOf
	rate      bucket                 // of handshakes
	here      bucket                 // of those of loopback addresses
}

// prefix is what counts together: an IPv4 address, or an IPv6 /64; and an IPv6 /48.
type prefix struct {
	pending, sessions int
	rate              bucket
}

// standing is how a session counts.
type standing uint8

const (
	greetless standing = iota
	counted
	uncounted // it has ended, or another has taken it over
)

func newCensus(limit int) census {
	return census{limit: limit, by: make(map[secure.Fingerprint]int), prefixes: make(map[netip.Addr]*prefix), sites: make(map[netip.Addr]*prefix)}
}

// prefixOf gives the first address of the prefix of an address; ok is false for a loopback address, which has none.
func prefixOf(addr netip.Addr) (first netip.Addr, ok bool) {
	if addr.Unmap().IsLoopback() {
		return netip.Addr{}, false
	}
	return access.PrefixOf(addr).Addr(), true
}

// siteOf gives the first address of the IPv6 /48 of a prefix, which many a provider gives to one customer. An IPv4 address is its own.
func siteOf(first netip.Addr) netip.Addr {
	if first.Is4() {
		return first
	}
	return netip.PrefixFrom(first, 48).Masked().Addr()
}

// mayShake tells whether a handshake may begin at an address, by its prefix and the rates, for which it counts; fresh: beside those that run, not in place
// of one.
func (c *census) mayShake(now time.Time, from netip.AddrPort, fresh bool) bool {
	first, ok := prefixOf(from.Addr())
	if !ok {
		return c.here.take(now, atRate(1, handshakeRateHere), atRate(handshakeBurstHere, handshakeRateHere))
	}
	if c.prefixes[first] == nil && len(c.prefixes) >= maxPrefixes {
		return false
	}
	p, site := c.prefix(first)
	if fresh && (p.pending >= maxPendingOf || site.pending >= ofSite*maxPendingOf) ||
		!site.rate.has(now, atRate(1, ofSite*handshakeRateOf), atRate(handshakeBurstOf, handshakeRateOf)) ||
		!p.rate.take(now, atRate(1, handshakeRateOf), atRate(handshakeBurstOf, handshakeRateOf)) {
		return false
	}
	site.rate.charge(now, atRate(1, ofSite*handshakeRateOf))
	return c.rate.take(now, atRate(1, handshakeRate), atRate(handshakeBurst, handshakeRate))
}

// shakes counts a handshake that begins (1) or is over (-1).
func (c *census) shakes(from netip.AddrPort, n int) {
	c.pending += n
	if first, ok := prefixOf(from.Addr()); ok {
		p, site := c.prefix(first)
		p.pending += n
		site.pending += n
	}
}

// prefix gives those that an address counts in, made if need be.
func (c *census) prefix(first netip.Addr) (p, site *prefix) {
	wide := siteOf(first)
	if p = c.prefixes[first]; p == nil {
		p = new(prefix)
		c.prefixes[first] = p
	}
	if site = c.sites[wide]; site == nil {
		site = new(prefix)
		c.sites[wide] = site
	}
	return p, site
}

// sweep forgets the prefixes of which there is nothing to know.
func (c *census) sweep(now time.Time) {
	nothing := func(_ netip.Addr, p *prefix) bool { return p.pending == 0 && p.sessions == 0 && p.rate.full(now) }
	maps.DeleteFunc(c.prefixes, nothing)
	maps.DeleteFunc(c.sites, nothing)
}

// expect notes a session that is to say Hello.
func (c *census) expect(s *session) { s.expected = c.greetless.PushBack(s) }

// greets takes a session from those that are to say Hello.
func (c *census) greets(s *session) {
	c.greetless.Remove(s.expected)
	s.expected = nil
}

// count notes a session that has said Hello.
func (c *census) count(s *session) {
	s.standing = counted
	c.greets(s)
	c.sessions++
	c.by[s.who]++
	if first, ok := prefixOf(s.addr.Addr()); ok {
		s.prefix = first
		p, site := c.prefix(first)
		p.sessions++
		site.sessions++
	}
}

// forget notes that a session is over, or another has taken it over.
func (c *census) forget(s *session) {
	switch s.standing {
	case greetless:
		c.greets(s)
	case counted:
		c.sessions--
		if c.by[s.who]--; c.by[s.who] == 0 {
			delete(c.by, s.who)
		}
		if s.prefix.IsValid() {
			p, site := c.prefix(s.prefix)
			p.sessions--
			site.sessions--
		}
	case uncounted:
	}
	s.standing = uncounted
}

// fits tells whether there is room for the session, which says Hello and takes nobody's place, or refuses it.
func (s *session) fits() bool {
	c, refused := &s.hub.census, new(wire.Refused)
	first, counts := prefixOf(s.addr.Addr())
	switch {
	case c.sessions >= c.limit:
		s.limit(refused, dropSessions, "the daemon has %d sessions, and no more may begin", c.limit)
	case c.by[s.who] >= maxSessionsBy:
		s.limit(refused, dropSessions, "this key has %d sessions, and no more may begin", maxSessionsBy)
	case counts && c.prefixes[first] != nil && c.prefixes[first].sessions >= maxSessionsOf:
		s.limit(refused, dropSessions, "there are %d sessions from this address, and no more may begin", maxSessionsOf)
	case counts && c.sites[siteOf(first)] != nil && c.sites[siteOf(first)].sessions >= ofSite*maxSessionsOf:
		s.limit(refused, dropSessions, "there are %d sessions from this network, and no more may begin", ofSite*maxSessionsOf)
	default:
		return true
	}
	s.parting = wire.ByeFull
	return false
}

// limit refuses a request because there is too much of something.
func (s *session) limit(r *wire.Refused, why drop, format string, args ...any) {
	s.hub.drops.count(why)
	r.Code = wire.Code_CODE_LIMIT
	s.refuse(r, format, args...)
}
