package daemon

import (
	"context"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"
)

// roomsShown is how many of a session's rooms are named at most: it may be in a thousand.
const roomsShown = 16

// PeerStatus is a session that has said Hello, as the operator sees it. What is null is not known.
type PeerStatus struct {
	Session     string    `json:"session"` // the first eight hexadecimal digits of its id
	Nick        string    `json:"nick"`    // empty: none yet
	Fingerprint string    `json:"fingerprint"`
	Address     string    `json:"address"`
	Software    string    `json:"software"`   // as the peer says, escaped; up to 64 bytes of it
	Rooms       []string  `json:"rooms"`      // up to 16, sorted
	RoomCount   int       `json:"room_count"` // of all
	Talking     bool      `json:"talking"`
	Since       time.Time `json:"since"` // when it came; a resumed session goes on with the time and the counters of the one before
	// RTT is the smoothed round-trip time of the message stream (RFC 9002, 5.3), null before the first acknowledgement.
	RTT *float64 `json:"rtt_ms"`
	// LossIn is the part (0 to 1) of the audio packets from the peer that did not come, in the latest 5 s in which it talked or in its latest talkspurt
	// when that is over; null: it has not talked. Packets that came when they were asked for again have come.
	LossIn *float64 `json:"loss_in"`
	// LossOut is the same of what it hears, as its latest receiver report says (RFC 3550, 6.4.1), if that is not older than 15 s; else that of the
	// latest 512 packets of its message stream; null: there were fewer than 8.
	LossOut *float64 `json:"loss_out"`
	// JitterIn and JitterOut are the interarrival jitter (RFC 3550, 6.4.1) of the same audio; null: there was none.
	JitterIn  *float64 `json:"jitter_in_ms"`
	JitterOut *float64 `json:"jitter_out_ms"`
	// Protected datagrams, authentic ones in and all that were sent out, and their bytes of UDP payload.
	PacketsIn  uint64 `json:"packets_in"`
	PacketsOut uint64 `json:"packets_out"`
	BytesIn    uint64 `json:"bytes_in"`
	BytesOut   uint64 `json:"bytes_out"`
}

// Peers gives the sessions that have said Hello, sorted by nick and then by address. The list is not of one instant.
func (d *Daemon) Peers(ctx context.Context) ([]PeerStatus, error) {
	all, err := d.sessions(ctx, func(s *session) bool { return s.greeted && s.next == nil })
	if err != nil {
		return nil, err
	}
	peers, err := inChunks(ctx, d, all, func(_ *hub, now time.Time, s *session) (PeerStatus, bool) {
		if s.gone {
			return PeerStatus{}, false
		}
		return s.status(now), true
	})
	slices.SortFunc(peers, func(a, b PeerStatus) int {
		if c := strings.Compare(a.Nick, b.Nick); c != 0 {
			return c
		}
		return strings.Compare(a.Address, b.Address)
	})
	return peers, err
}

// sessions gives the sessions of which something holds. To look at 16,384 of them takes 1 ms.
func (d *Daemon) sessions(ctx context.Context, which func(s *session) bool) ([]*session, error) {
	return ask(ctx, d, func(h *hub, _ time.Time) []*session {
		var some []*session
		for s := range h.sessions {
			if which(s) {
				some = append(some, s)
			}
		}
		return some
	})
}

func (s *session) status(now time.Time) PeerStatus {
	t := s.link.soFar()
	p := PeerStatus{
		Session: hex.EncodeToString(s.id[:4]), Nick: s.nick, Fingerprint: s.who.String(), Address: s.addr.String(), Software: s.software,
		Rooms: s.roomNames(), RoomCount: len(s.rooms), Since: s.since,
		PacketsIn: t.packetsIn, PacketsOut: t.packetsOut, BytesIn: t.bytesIn, BytesOut: t.bytesOut,
	}
	for _, v := range s.talks {
		p.Talking = p.Talking || v.talking()
	}
	if smoothed, _ := s.stream.RTT(); smoothed > 0 {
		p.RTT = milliseconds(smoothed)
	}
	if q := s.quality.in; !q.at.IsZero() {
		p.LossIn, p.JitterIn = &q.lost, milliseconds(q.jitter)
	}
	if q := s.quality.out; !q.at.IsZero() && now.Sub(q.at) <= outboundFor {
		p.LossOut, p.JitterOut = &q.lost, milliseconds(q.jitter)
	} else if lost, known := s.stream.Loss(); known {
		p.LossOut = &lost
	}
	return p
}

// roomNames gives some of the rooms that the session is in.
func (s *session) roomNames() []string {
	if len(s.rooms) <= roomsShown {
		return append([]string{}, slices.Sorted(maps.Keys(s.rooms))...)
	}
	names := make([]string, 0, roomsShown)
	for name := range s.rooms {
		if names = append(names, name); len(names) == roomsShown {
			break
		}
	}
	slices.Sort(names)
	return names
}

func milliseconds(d time.Duration) *float64 {
	ms := float64(d.Microseconds()) / 1000
	return &ms
}
