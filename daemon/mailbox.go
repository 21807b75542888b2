package daemon

import (
	"net/netip"
	"sync"
	"unsafe"
)

// mailbox is what the hub has to look at of what came to a shard. The reader fills it, the hub takes all that is there.
type mailbox struct {
	mu sync.Mutex
	in batch
}

// batch is datagrams in the order in which they came.
type batch struct {
	entries []entry
	data    []byte
	callers int // bytes of entries that nobody has opened, with the entries themselves
}

// entry is one datagram, or what was in it.
type entry struct {
	from netip.AddrPort
	link *link // nil: nobody has opened it
	rtcp bool
	n    int // bytes of data

	validates bool // it is STUN with a good nonce
}

// keptData and keptEntries are how much memory an empty batch keeps at most: it has grown in a burst.
const (
	keptData    = 16 << 10
	keptEntries = 256
)

// emptied gives a batch to be filled again.
func (b batch) emptied() batch {
	if cap(b.data) > keptData || cap(b.entries) > keptEntries {
		return batch{}
	}
	clear(b.entries)
	return batch{entries: b.entries[:0], data: b.data[:0]}
}

// put adds an entry; it is false when there is no room, of which those that nobody has opened have a part.
func (m *mailbox) put(e entry, data []byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	const each = int(unsafe.Sizeof(e))
	if (len(m.in.entries)+1)*each+len(m.in.data)+len(data) > maxControl {
		return false
	}
	if e.link == nil {
		if m.in.callers+each+len(data) > maxCallers {
			return false
		}
		m.in.callers += each + len(data)
	}
	e.n = len(data)
	m.in.entries, m.in.data = append(m.in.entries, e), append(m.in.data, data...)
	return true
}

// take gives what is there for an empty batch.
func (m *mailbox) take(empty batch) batch {
	m.mu.Lock()
	defer m.mu.Unlock()
	full := m.in
	m.in = empty
	return full
}
