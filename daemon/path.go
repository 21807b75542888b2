package daemon

import (
	"crypto/rand"
	"net/netip"
	"time"

	"yodel/wire/secure"
)

const (
	// askTimes is how often the old path is asked before a session moves.
	askTimes = 3
	// askLeast and askMost bound how long it has for its answer: twice its round-trip time between them.
	askLeast = 100 * time.Millisecond
	askMost  = 500 * time.Millisecond
	// recognisedFor is how long packets of a session are still taken from an address that it has left.
	recognisedFor = 10 * time.Second
)

// sessionPath is what a session knows of the way to its peer. The peer's request names an address; before the session moves there, the
// address that it has is asked, and an authentic answer from there keeps it.
type sessionPath struct {
	key   secure.PathKey
	count uint64    // the highest of the peer's authentic requests
	txid  [12]byte  // of that one
	asked uint64    // the daemon's own count of requests
	moved time.Time // when the session last did
	shown time.Time // when a request last showed that packets get through

	// While it is not decided:
	candidate netip.AddrPort // where the peer says to be; invalid when there is nothing to decide
	question  [12]byte       // transaction id of what the old path was asked
	asks      int            // still to be sent
	step      time.Duration  // between them
	timer     timer
}

// stun takes what the shards' doors have let through: Binding Requests with a good nonce, which validate the address, and answers to the daemon's own
// questions. The Validator answers requests about an address alone, pathRequest those about a session's path.
func (h *hub) stun(now time.Time, via *shard, from netip.AddrPort, b []byte) {
	reply, validated := h.validator.Answer(h.built[:0], b, from, now)
	if len(reply) > 0 {
		h.send(from, reply)
	}
	if !validated {
		if _, asked := secure.ParseKnock(b); asked {
			h.unvalidate(via, from)
		} else {
			h.pathReply(now, from, b)
		}
		return
	}
	h.validate(now, via, from)
	if len(reply) > 0 {
		return
	}
	if r, ok := secure.ParsePathRequest(b); ok {
		h.pathRequest(now, from, b, r)
	} else {
		h.drops.count(dropMalformed)
	}
}

// unvalidate has a shard know of an address what the hub does: the shard may have taken a nonce for good that has become too old on its way here.
func (h *hub) unvalidate(via *shard, from netip.AddrPort) {
	if p := h.table[from]; p != nil && p.via == via {
		h.routed(from, p)
		return
	}
	via.route(from, route{})
}

// pathRequest takes a request about a session's path with a good nonce for its address: who sent it can receive there. So
// it is no copy from elsewhere, and its count tells whether it is a late one.
func (h *hub) pathRequest(now time.Time, from netip.AddrPort, b []byte, r secure.PathRequest) {
	s := h.ids[r.Session]
	if s == nil || !secure.PathAuthentic(b, &s.path.key) {
		h.drops.count(dropUnknownSession)
		h.send(from, secure.AppendPathUnknown(h.built[:0], r.TxID))
		return
	}
	s.shown()
	switch {
	case r.Count < s.path.count, r.Count == s.path.count && r.TxID != s.path.txid:
		h.drops.count(dropLatePath)
	case r.Count == s.path.count: // a repetition, or a copy of one: it gets no more than the same answer
		if s.at(from) {
			s.answer()
		}
	default:
		s.path.count, s.path.txid = r.Count, r.TxID
		s.candidateFrom(now, from)
	}
}

// at tells whether an address is where the session's packets go.
func (s *session) at(addr netip.AddrPort) bool { return s.addr == addr && !s.displaced }

// candidateFrom takes a new authentic request of the peer from an address.
func (s *session) candidateFrom(now time.Time, from netip.AddrPort) {
	if s.at(from) {
		s.cancelMove()
		s.confirm(now)
		return
	}
	p := &s.path
	running := p.candidate.IsValid()
	if running {
		s.hub.drops.count(dropCandidate)
		s.hub.forget(p.candidate, s)
	}
	p.candidate = from
	here := s.hub.table[from] // made by stun
	here.admit(s, now.Add(recognisedFor))
	s.hub.routed(from, here)
	s.stream.Heard(now)
	if !running {
		s.question(now)
	}
}

// question begins to ask the present path. A newer candidate finds the question already asked: it changes neither the time
// nor the number of the datagrams.
func (s *session) question(now time.Time) {
	p := &s.path
	until := now
	if !s.displaced {
		until = now.Add(s.pathTimeout())
	}
	if soonest := p.moved.Add(moveEvery); soonest.After(until) {
		until = soonest
	}
	p.asked++
	_, _ = rand.Read(p.question[:]) // never fails
	p.asks, p.step = askTimes, until.Sub(now)/askTimes
	s.ask(now)
}

// pathTimeout is how long the present path has for its answer.
func (s *session) pathTimeout() time.Duration {
	smoothed, _ := s.stream.RTT()
	if smoothed == 0 {
		return askMost
	}
	return min(max(2*smoothed, askLeast), askMost)
}

// ask sends the question, or moves the session when it was asked often enough.
func (s *session) ask(now time.Time) {
	defer s.hub.containSession(choreSession, s)
	p := &s.path
	if p.asks == 0 || p.step <= 0 {
		s.move(now)
		return
	}
	p.asks--
	if !s.displaced {
		s.hub.send(s.addr, secure.AppendPathQuestion(s.hub.built[:0], secure.PathRequest{
			TxID: p.question, Session: s.id, Count: p.asked,
		}, &p.key))
	}
	s.hub.timers.set(&p.timer, now.Add(p.step))
}

// pathReply takes what may be the present path's answer to the question: the session stays.
func (h *hub) pathReply(now time.Time, from netip.AddrPort, b []byte) {
	p := h.table[from]
	if p == nil || p.session == nil || !p.session.path.candidate.IsValid() {
		h.drops.count(dropSTUN)
		return
	}
	s := p.session
	reply, err := secure.ParsePathReply(b, s.path.question, &s.path.key)
	if err != nil || !reply.Mapped.IsValid() {
		h.drops.count(dropSTUN)
		return
	}
	h.drops.count(dropPathAlive)
	s.stream.Heard(now)
	s.cancelMove()
}

// cancelMove ends the question, if there is one, without a move.
func (s *session) cancelMove() {
	p := &s.path
	if !p.candidate.IsValid() {
		return
	}
	s.hub.forget(p.candidate, s)
	p.candidate = netip.AddrPort{}
	s.hub.timers.set(&p.timer, time.Time{})
}

// answer tells the peer that the session is where its last request came from.
func (s *session) answer() {
	s.hub.send(s.addr, secure.AppendPathAnswer(s.hub.built[:0], s.path.txid, s.addr, &s.path.key))
}

// confirm answers a new request of the peer, which gets through: what waits for the path to come back goes on.
func (s *session) confirm(now time.Time) {
	s.answer()
	if now.Sub(s.path.shown) < askLeast { // probes are not for the asking
		s.stream.Heard(now)
		return
	}
	s.path.shown = now
	s.stream.Revive(now)
	s.mark()
}

// move brings the session to the candidate's address. What still comes from the old one is taken for a while, and nothing
// is sent there any more.
func (s *session) move(now time.Time) {
	h, from, to := s.hub, s.addr, s.path.candidate
	s.cancelMove()
	if old := h.table[from]; old != nil && old.session == s {
		old.session = nil
		old.admit(s, now.Add(recognisedFor))
		h.routed(from, old)
	}
	h.settle(now, to, h.table[to], s)
	s.addr, s.displaced = to, false
	s.link.direct(to)
	s.path.moved = now
	h.log.Info("moved", "nick", s.nick, "fingerprint", s.who, "from", from, "to", to)
	if s.judge(now) { // it may be banned there
		return
	}
	s.answer()
	s.stream.Revive(now)
	s.mark()
}
