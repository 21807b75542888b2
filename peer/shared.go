package peer

import (
	"net/netip"
	"sync"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// shared is what the loop tells and any goroutine may read.
type shared struct {
	mu     sync.Mutex
	nick   string
	daemon secure.Fingerprint
	addr   netip.AddrPort
	rtt    time.Duration
	limit  int
	err    error
}

func (s *shared) set(change func(*shared)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func read[T any](s *shared, get func(*shared) T) T {
	s.mu.Lock()
	defer s.mu.Unlock()
	return get(s)
}

// maxBody is the longest body that the daemon takes.
func (s *shared) maxBody() int {
	limit := read(s, func(s *shared) int { return s.limit })
	if limit <= 0 {
		return wire.MaxBody
	}
	return min(limit, wire.MaxBody)
}
