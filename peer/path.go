package peer

import (
	"crypto/rand"
	"errors"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

const (
	// hintsApart keeps checks apart that begin with a hint, because anyone can send one.
	hintsApart = time.Second
	// maxProbeWait bounds the wait before a path request is repeated; it doubles from firstRetry. A network may be away for long.
	maxProbeWait = time.Second
	// leaveAfter is how long packets are taken on a link that the session has moved away from.
	leaveAfter = 2 * time.Second
	// besideFor is how long a new link is asked while the present one is alive.
	besideFor = 10 * time.Second
	// showAfter is how long nothing must have come that should have for a report to show the daemon where the peer is: a line may be too short for a
	// hint. Reports follow when twice that time has passed, and so on until the path is in doubt.
	showAfter = 500 * time.Millisecond
	// minUnknown and maxUnknown bound the wait for something authentic after error 401: two round trips.
	minUnknown = 100 * time.Millisecond
	maxUnknown = 500 * time.Millisecond
	// freeRenewals is how many fresh nonces of one probe are answered at once; later ones wait for the probe's turn.
	freeRenewals = 2
	// requestFor is how long one request is repeated: the daemon has long decided about it then, perhaps that the session stays where
	// it was, and does not decide again.
	requestFor = 3 * time.Second
	// keptTxIDs is how many earlier requests of a probe may be answered still: anyone who sees one can have it replaced by an error 438.
	keptTxIDs = 8
)

// paths is where a session is reached: the link in use, and what is asked about it and about others.
type paths struct {
	link    *link
	key     secure.PathKey
	id      secure.SessionID // of Welcome
	count   uint64           // of the own requests
	heard   time.Time        // when something authentic came
	waits   time.Time        // since when an answer is outstanding; zero: none is
	shown   time.Time        // when a report was sent because of that
	hinted  time.Time        // when a hint began a check
	unknown time.Time        // when error 401 came, since which nothing authentic has; zero: none
	failed  error            // what the network said of the present link, to be looked into
	leaving *link            // nil: none
	leaveAt time.Time        // when leaving is closed
	check   check

	askedCount uint64 // of the daemon's latest question
	askedTxID  [12]byte
}

// check is a path check: a probe of the present link, of a new one beside it, or of both. Its zero value asks nothing.
type check struct {
	began  time.Time
	here   *pathProbe
	beside *pathProbe
}

func (c *check) open() bool { return c.here != nil || c.beside != nil }

// pathProbe is a path request on one link, repeated until it is answered.
type pathProbe struct {
	link     *link
	write    func([]byte) error
	txid     [12]byte
	before   [keptTxIDs][12]byte // the latest of those that renew has replaced
	nonce    []byte
	request  []byte
	made     time.Time // the request
	wait     time.Duration
	next     time.Time // when it goes again
	renewals int
}

// send sends the request, for the first time or again. What the network says to it tells nothing new.
func (q *pathProbe) send(now time.Time) {
	_ = q.write(q.request)
	q.next = now.Add(q.wait)
	q.wait = min(2*q.wait, maxProbeWait)
}

// renew makes another request of a probe, which must be sent.
func (p *paths) renew(now time.Time, q *pathProbe, nonce []byte) {
	q.made = now
	p.count++
	copy(q.before[1:], q.before[:])
	q.before[0] = q.txid
	_, _ = rand.Read(q.txid[:]) // never fails: crypto/rand
	q.nonce = nonce
	q.request = secure.AppendPathRequest(nil, secure.PathRequest{TxID: q.txid, Session: p.id, Count: p.count, Nonce: nonce}, &p.key)
}

// doubtPath begins a path check because what should have come has not: on the present link, and on a new one if the local address
// towards the daemon has changed. It does nothing while a check is under way, or before Welcome.
func (e *engine) doubtPath(now time.Time) {
	if e.s == nil || !e.s.welcomed || e.s.check.open() {
		return
	}
	e.askHere(now, nil)
	e.askBeside(now)
}

// networkChanged looks whether the local address towards the daemon has, and then moves.
func (e *engine) networkChanged(now time.Time) {
	if e.s != nil && e.s.welcomed {
		e.askBeside(now)
	}
}

// askHere asks for the path on the present link. nonce may be empty.
func (e *engine) askHere(now time.Time, nonce []byte) {
	s := e.s
	if s.check.here != nil {
		return
	}
	q := &pathProbe{link: s.link, write: s.write, wait: firstRetry}
	e.begin(now, q, nonce)
	s.check.here = q
}

// askBeside asks for a path from another local address, over a new link, if there is one.
func (e *engine) askBeside(now time.Time) {
	s := e.s
	if e.open == nil {
		return
	}
	others := []netip.Addr{s.link.local}
	if b := s.check.beside; b != nil {
		others = append(others, b.link.local)
	}
	l := e.open(s.link.addr, others)
	if l == nil {
		return
	}
	s.dropBeside()
	q := &pathProbe{link: l, write: l.write, wait: firstRetry}
	e.begin(now, q, nil)
	s.check.beside = q
	e.log.Debug("the local address has changed", "from", s.link.local, "to", l.local)
}

// begin sends a probe for the first time.
func (e *engine) begin(now time.Time, q *pathProbe, nonce []byte) {
	s := e.s
	if !s.check.open() {
		s.check.began = now
	}
	s.renew(now, q, nonce)
	q.send(now)
}

// dropBeside gives up the new link.
func (p *paths) dropBeside() {
	if p.check.beside != nil {
		p.check.beside.link.close()
		p.check.beside = nil
	}
}

// advancePath begins a check where an answer is overdue, and repeats probes.
func (e *engine) advancePath(now time.Time) {
	s := e.s
	switch {
	case s.stream.Idle():
		s.waits = time.Time{}
	case s.waits.IsZero():
		s.waits = now
	}
	if s.leaving != nil && !now.Before(s.leaveAt) {
		s.leaving.close()
		s.leaving = nil
	}
	if err := s.failed; err != nil {
		s.failed = nil
		e.log.Debug("the network does not take datagrams", "error", err)
		e.doubtPath(now)
	}
	if at := s.showAt(); !at.IsZero() && !now.Before(at) {
		s.shown = now
		e.report(now)
	}
	if at := s.doubtAt(); !at.IsZero() && !now.Before(at) {
		e.doubtPath(now)
	}
	s.advanceUnknown(now)
	c := &s.check
	if c.beside != nil && s.heard.After(c.began) && now.Sub(c.began) >= besideFor {
		s.dropBeside()
	}
	for _, q := range [...]*pathProbe{c.here, c.beside} {
		if q != nil && !now.Before(q.next) {
			e.askAgain(now, q)
		}
	}
}

// askAgain repeats a probe, after a while by another request.
func (e *engine) askAgain(now time.Time, q *pathProbe) {
	if q.nonce != nil && now.Sub(q.made) >= requestFor {
		e.s.renew(now, q, q.nonce)
		e.outrank(now, q)
	}
	q.send(now)
}

// outrank keeps the highest count with the probe of a new link: the daemon drops those below.
func (e *engine) outrank(now time.Time, by *pathProbe) {
	if b := e.s.check.beside; b != nil && b != by && b.nonce != nil {
		e.s.renew(now, b, b.nonce)
		b.send(now)
	}
}

// doubtAt is when the path is in doubt because no answer came; zero: never.
func (s *session) doubtAt() time.Time {
	if !s.welcomed || s.waits.IsZero() || s.check.open() {
		return time.Time{}
	}
	return s.silentSince().Add(wire.DoubtAfter)
}

// silentSince is since when something should have come and nothing did, while an answer is outstanding.
func (s *session) silentSince() time.Time {
	if s.heard.After(s.waits) {
		return s.heard
	}
	return s.waits
}

// showAt is when a report shows the daemon where the peer is; zero: never.
func (s *session) showAt() time.Time {
	if s.doubtAt().IsZero() {
		return time.Time{}
	}
	since, wait := s.silentSince(), showAfter
	if s.shown.After(since) {
		wait = 2 * s.shown.Sub(since)
	}
	return since.Add(wait)
}

// pathDeadlines tells when advancePath has something to do.
func (s *session) pathDeadlines(sooner func(time.Time)) {
	sooner(s.doubtAt())
	sooner(s.showAt())
	sooner(s.unknownAt())
	for _, q := range [...]*pathProbe{s.check.here, s.check.beside} {
		if q != nil {
			sooner(q.next)
		}
	}
	if s.leaving != nil {
		sooner(s.leaveAt)
	}
}

// advanceUnknown ends a session that the daemon does not know. Who sees the request can say so in the daemon's place, and sooner; then
// something authentic comes, the daemon's answer at least.
func (s *session) advanceUnknown(now time.Time) {
	switch at := s.unknownAt(); {
	case at.IsZero():
	case !s.heard.Before(s.unknown):
		s.unknown = time.Time{}
	case !now.Before(at):
		s.lose(errUnknown)
	}
}

// unknownAt is when the session is over because of error 401; zero: never.
func (s *session) unknownAt() time.Time {
	if s.unknown.IsZero() {
		return time.Time{}
	}
	rtt, _ := s.stream.RTT()
	return s.unknown.Add(min(max(2*rtt, minUnknown), maxUnknown))
}

// has tells that a link is one of the session's.
func (p *paths) has(l *link) bool {
	return l == p.link || l != nil && l == p.leaving || p.check.beside != nil && l == p.check.beside.link
}

// receivePath takes a STUN message that came on a link of the session.
func (e *engine) receivePath(now time.Time, from *link, datagram []byte) {
	s := e.s
	if !s.welcomed {
		s.hintedEarly(now, datagram)
		return
	}
	if from == s.leaving {
		return
	}
	q := s.check.here
	if from != s.link {
		q = s.check.beside
	}
	if q != nil && e.pathReply(now, q, datagram) || from != s.link {
		return
	}
	if r, ok := secure.ParsePathQuestion(datagram); ok {
		s.answerPath(r, datagram)
		return
	}
	nonce, ok := secure.ParseHint(datagram)
	if ok && q == nil && (s.hinted.IsZero() || now.Sub(s.hinted) >= hintsApart) {
		s.hinted = now
		e.log.Debug("the daemon does not know the address that it is sent from")
		e.askHere(now, nonce)
	}
}

// hintedEarly takes a hint before Welcome, when there is no session id to ask with: the daemon was started again after the handshake. It counts
// like error 401, once Hello has had the time to be answered, because anyone can send it.
func (s *session) hintedEarly(now time.Time, datagram []byte) {
	if _, ok := secure.ParseHint(datagram); ok && s.unknown.IsZero() && now.Sub(s.silentSince()) >= hintsApart {
		s.unknown = now
	}
}

// pathReply takes the answer to a probe; false if the datagram is none.
func (e *engine) pathReply(now time.Time, q *pathProbe, datagram []byte) bool {
	reply, err := secure.ParsePathReply(datagram, q.txid, &e.s.key)
	switch {
	case errors.Is(err, secure.ErrUnknownSession):
		if e.s.unknown.IsZero() {
			e.s.unknown = now
		}
	case err != nil && !q.answeredBefore(datagram, &e.s.key):
		return false
	case err == nil && reply.Nonce != nil:
		e.nonce(now, q, reply.Nonce)
	default:
		e.pathFound(now, q)
	}
	return true
}

// answeredBefore tells that a datagram is the success to an earlier request of the probe.
func (q *pathProbe) answeredBefore(datagram []byte, key *secure.PathKey) bool {
	return slices.ContainsFunc(q.before[:], func(txid [12]byte) bool {
		reply, err := secure.ParsePathReply(datagram, txid, key)
		return err == nil && reply.Nonce == nil
	})
}

// nonce asks again with a nonce. The probe of a new link must have the highest count: the daemon drops those below.
func (e *engine) nonce(now time.Time, q *pathProbe, nonce []byte) {
	s := e.s
	s.renew(now, q, nonce)
	if q.renewals < freeRenewals {
		q.renewals++
		q.wait = firstRetry
		q.send(now)
	}
	e.outrank(now, q)
}

// pathFound goes on where the answer came: on the present link, or on the new one.
func (e *engine) pathFound(now time.Time, q *pathProbe) {
	s := e.s
	s.heard = now
	if q == s.check.here {
		s.check.here = nil
	} else {
		if s.leaving != nil {
			s.leaving.close()
		}
		s.leaving, s.leaveAt = s.link, now.Add(leaveAfter)
		s.link, s.write = q.link, q.write
		s.check = check{}
		e.log.Debug("the session has moved", "from", s.leaving.local, "to", s.link.local)
	}
	s.stream.Revive(now)
}

// answerPath answers the daemon's question whether the session is still to be found here: only while it is, and no late copy.
func (s *session) answerPath(r secure.PathRequest, datagram []byte) {
	again := r.Count == s.askedCount && r.TxID == s.askedTxID
	if s.check.beside != nil || r.Session != s.id || !again && r.Count <= s.askedCount || !secure.PathAuthentic(datagram, &s.key) {
		return
	}
	s.askedCount, s.askedTxID = r.Count, r.TxID
	s.put(secure.AppendPathAnswer(s.sealed[:0], r.TxID, s.link.addr, &s.key))
}

// pathErrors are what the system says when it has no way to the daemon, or none from the link's local address.
var pathErrors = [...]error{
	syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EHOSTDOWN, syscall.EADDRNOTAVAIL, syscall.EINVAL, syscall.EPERM, syscall.EACCES,
}

// isPathError tells that a datagram did not get out, which another path or time may mend.
func isPathError(err error) bool {
	for _, e := range pathErrors {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
