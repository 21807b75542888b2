package roomlog

import (
	"errors"
	"fmt"
	"sync"
)

// errChecksum is an entry that is not as it was written.
var errChecksum = errors.New("its checksum is wrong")

// errNoRow is an entry that an index has and the table has not.
var errNoRow = fmt.Errorf("%w: its row is not there", ErrCorrupt)

// maxSkipped is how many damaged entries are told apart.
const maxSkipped = 1000

// skipped is the damaged entries that were met.
type skipped struct {
	mu   sync.Mutex
	seen map[uint64]bool
}

// skip notes a damaged entry, and logs it when it is met first.
func (l *Log) skip(room string, pos uint64, err error) {
	s := &l.skipped
	s.mu.Lock()
	known := s.seen[pos] || len(s.seen) >= maxSkipped
	if !known {
		s.seen[pos] = true
	}
	n := len(s.seen)
	s.mu.Unlock()
	if !known {
		l.log.Error("room log: a damaged message is left out", "room", room, "pos", pos, "damaged", n, "err", err)
	}
}

// Skipped gives how many damaged entries were left out by Read so far, each counted once; it stops at 1000.
func (l *Log) Skipped() int {
	l.skipped.mu.Lock()
	defer l.skipped.mu.Unlock()
	return len(l.skipped.seen)
}
