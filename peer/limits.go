package peer

import (
	"strings"
	"time"
	"unicode/utf8"

	"yodel/wire"
)

// What a peer takes from a daemon, which may be anybody's. Limits that stand elsewhere, beside what they bound: events in queue.go, held
// packets in receive.go, streams in streamin.go, ignored SSRCs in streams.go, what waits for receipts in outbox.go, the times of setting up in
// config.go, connect.go and binding.go, those between sessions in redial.go and rekey.go.
const (
	// maxUnacknowledged is how many bytes of own messages may wait for the daemon to acknowledge them; then the session is lost, as it is at
	// the daemon at this number. A peer has 256 KiB of messages without receipt, and requests; the rest are answers to the daemon's questions.
	maxUnacknowledged = 4 << 20
	// maxEventBytes is how many bytes of messages may wait for the user before no more are taken from the stream: the credit of four
	// sessions, because what one has brought may wait when the next one comes.
	maxEventBytes = 4 * wire.FirstCredit
	// maxRoster is how many members of a room are remembered: those that a room may have, and those that come before others are told to have
	// left in the same message.
	maxRoster = 2 * wire.MaxListed
	// maxHeardSSRCs is how many SSRCs of others a session takes, because each one costs memory for as long as its keys: a quarter more than those
	// after which it makes new keys.
	maxHeardSSRCs = wire.RekeySSRCs + wire.RekeySSRCs/4
	// maxWaits is how many packets behind holes are remembered of a stream: 3/4 more than are held of it.
	maxWaits = 896
	// nacksPerSecond and nacksPerStream bound the requests for packets: so many in all, and so many for each stream that has brought a packet,
	// which is as often as one asks. A daemon that announces a thousand talks and sends none would otherwise be asked 50,000 times.
	nacksPerSecond = 1000
	nacksPerStream = 50
	// reportsApart keeps reports about pauses apart: one tells of all streams.
	reportsApart = 100 * time.Millisecond
	// steadyAfter is how long a session must have been there for the next one to be made as quickly as after the first loss. A daemon that takes
	// sessions and ends them at once is asked every 3 s at most.
	steadyAfter = 10 * time.Second
)

// idLength is the length of a log id and of a session id.
const idLength = 16

// Longest texts of others, in bytes. What is longer breaks the protocol, and is cut.
const (
	maxNickText    = wire.MaxNick * utf8.UTFMax
	maxAddressText = 64 // [v6%zone]:port
	maxReasonText  = 300
	maxMediaText   = 127
)

// ellipsis ends a text that was cut.
const ellipsis = "…"

// short gives a text of at most n bytes and the mark that it was cut. What is cut is a copy, so that the rest is not kept in memory.
func short(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.Clone(s[:n]) + ellipsis
}

// bucket allows so many of something a second, and as many at once.
type bucket struct {
	used time.Duration // of a second, at the time last
	last time.Time
}

// take takes one of rate a second; false when there is none.
func (b *bucket) take(now time.Time, rate int) bool {
	b.used = max(b.used-now.Sub(b.last), 0)
	b.last = now
	each := time.Second / time.Duration(rate)
	if b.used+each > time.Second {
		return false
	}
	b.used += each
	return true
}
