//go:build linux

package load

import (
	"math/rand/v2"
	"strings"
	"time"

	"yodel/wire"
)

// chat is the messages of the measuring phase.
type chat struct {
	turns     turns     // one for each room; period 0: nothing is published
	first     []*member // of each room; nil: it is not there
	present   []int     // members of each room
	base      uint64    // of the ids: 40 random bits, and 24 that count
	published []int64   // when each was, by its count

	held, receipts, entries, expected, doubled int
	receipt, entry                             histogram
}

const (
	countBits = 24 // of a publish id
	// textSize is that of a message, in bytes.
	textSize = 200
)

// beginChat starts the messages at l.at.
func (l *loop) beginChat() {
	c := &l.chat
	c.base = rand.Uint64() << countBits
	c.first, c.present = make([]*member, l.cfg.Rooms), make([]int, l.cfg.Rooms)
	for _, m := range l.members {
		if m == nil || m.fd < 0 {
			continue
		}
		if c.first[m.room] == nil {
			c.first[m.room] = m
		}
		c.present[m.room]++
	}
	c.turns = turns{n: l.cfg.Rooms, begin: l.at, period: int64(float64(time.Second) / l.cfg.ChatRate)}
}

// publish has those publish whose turn it is, and gives the next turn.
func (l *loop) publish() int64 {
	for range maxTurns {
		l.now = time.Now()
		l.at = l.sinceStart(l.now)
		if due := l.chat.turns.due(); due > l.at {
			return due
		}
		if m := l.chat.first[l.chat.turns.take()]; m != nil && m.fd >= 0 {
			l.publishAs(m)
		}
	}
	return 0
}

var text = []byte(strings.Repeat("All work and no play. ", textSize)[:textSize])

func (l *loop) publishAs(m *member) {
	c := &l.chat
	if len(c.published) == 1<<countBits {
		return
	}
	encoded := wire.Encode(&wire.Message_Publish{Publish: &wire.Publish{
		Room: l.cfg.roomName(m.room), Id: c.base | uint64(len(c.published)), Body: text,
	}})
	if !m.session.publishes.Spend(len(encoded)) {
		c.held++
		return
	}
	c.published = append(c.published, l.at)
	c.expected += c.present[m.room]
	m.session.say(l.now, encoded)
	l.attend(m, nil)
}

// age is how long ago a message of this run was published.
func (c *chat) age(at int64, id uint64) (age time.Duration, own bool) {
	i := id & (1<<countBits - 1)
	if id&^(1<<countBits-1) != c.base || i >= uint64(len(c.published)) {
		return 0, false
	}
	return time.Duration(at - c.published[i]), true
}

func (l *loop) receipted(r *wire.Receipt) {
	if age, own := l.chat.age(l.at, r.GetId()); own {
		l.chat.receipts++
		l.chat.receipt.add(age)
	}
}

func (l *loop) entered(m *member, e *wire.Entry) {
	age, own := l.chat.age(l.at, e.GetId())
	switch {
	case !own:
	case e.GetPos() <= m.lastPos:
		l.chat.doubled++
	default:
		m.lastPos = e.GetPos()
		l.chat.entries++
		l.chat.entry.add(age)
	}
}

// result sums up; nil when there was nothing to publish.
func (c *chat) result() *Chat {
	if c.first == nil {
		return nil
	}
	return &Chat{
		Published: len(c.published), Held: c.held, Receipts: c.receipts, Receipt: c.receipt.quantiles(),
		Expected: c.expected, Entries: c.entries, Entry: c.entry.quantiles(),
		Lost: c.expected - c.entries, Doubled: c.doubled,
	}
}
