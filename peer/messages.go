package peer

import (
	"fmt"
	"time"

	"yodel/wire"
)

// takeMessages takes what came from the daemon, as long as there is room for events, and lets it send more. Welcome is taken in any case: what
// comes before it brings no events, and a session that waited for room would be too late.
func (e *engine) takeMessages(now time.Time) {
	e.catchUp()
	for (e.hasRoom() || !e.s.welcomed) && (e.s.err == nil || e.s.gone) {
		b, ok := e.s.stream.Receive()
		if !ok {
			break
		}
		e.takeMessage(now, b)
	}
	e.giveCredit(now)
}

// takeMessage takes one; a panic ends the work of that one alone.
func (e *engine) takeMessage(now time.Time, b []byte) {
	defer e.faults.contain("message")
	m, err := wire.Decode(b)
	switch entry := m.GetEntry(); {
	case err != nil:
		e.log.Debug("message dropped", "error", err)
	case !e.s.welcomed && m.GetWelcome() == nil && m.GetRefused() == nil:
		e.log.Debug("message dropped: it came before Welcome")
	case entry != nil:
		e.entry(e.s, entry, len(b))
	default:
		e.message(now, m)
	}
}

// message takes one message of the daemon. Kinds that are not known, or not for a peer, are ignored.
func (e *engine) message(now time.Time, m *wire.Message) {
	switch k := m.GetKind().(type) {
	case *wire.Message_Welcome:
		e.welcomeBy(k.Welcome)
	case *wire.Message_Refused:
		e.refusedBy(now, k.Refused)
	case *wire.Message_Receipt:
		e.receipted(now, k.Receipt)
	case *wire.Message_Credit:
		e.creditFrom(now, k.Credit)
	case *wire.Message_Presence:
		e.presence(k.Presence)
	case *wire.Message_RoomInfo:
		e.roomChanged(k.RoomInfo)
	case *wire.Message_TalkStart:
		e.talkStart(now, k.TalkStart, justBegun)
	case *wire.Message_TalkEnd:
		e.talkEnd(now, k.TalkEnd)
	case *wire.Message_TalkReport:
		e.talkReport(e.s, k.TalkReport)
	case *wire.Message_TalkLoss:
		if l := e.pathOf(e.s, k.TalkLoss.GetSsrc()); l != nil {
			l.reportedDown(now, uint8(min(k.TalkLoss.GetFractionLost(), 255)))
		}
	case *wire.Message_Ping:
		e.send(now, wire.Encode(&wire.Message_Pong{Pong: &wire.Pong{Request: k.Ping.GetRequest()}}))
	default:
		e.answer(now, m)
	}
}

// answer takes the answer to a request.
func (e *engine) answer(now time.Time, m *wire.Message) {
	var id uint64
	switch k := m.GetKind().(type) {
	case *wire.Message_Joined:
		id = k.Joined.GetRequest()
	case *wire.Message_Left:
		id = k.Left.GetRequest()
	case *wire.Message_NickSet:
		id = k.NickSet.GetRequest()
	case *wire.Message_TalkGranted:
		id = k.TalkGranted.GetRequest()
	case *wire.Message_Pong:
		id = k.Pong.GetRequest()
	case *wire.Message_Members:
		id = k.Members.GetRequest()
	case *wire.Message_RoomList:
		id = k.RoomList.GetRequest()
	case *wire.Message_Succeeded:
		id = k.Succeeded.GetRequest()
	}
	if r := e.requests.answered(id, m); r != nil {
		r.done(now, m, nil)
		return
	}
	e.unwanted(now, m)
}

// unwanted leaves a room again whose Join was given up by its caller.
func (e *engine) unwanted(now time.Time, m *wire.Message) {
	room := m.GetJoined().GetRoom()
	if room == "" || e.rooms[room] != nil {
		return
	}
	e.send(now, wire.Encode(&wire.Message_Leave{Leave: &wire.Leave{Room: room}}))
}

// welcomeBy begins the session on the daemon's side, once. Without the wished nick a refusal follows.
func (e *engine) welcomeBy(w *wire.Welcome) {
	s := e.s
	if s.welcomed {
		return
	}
	if v := w.GetVersion(); v < wire.MinVersion || v > wire.MaxVersion {
		s.err = &RefusedError{Code: wire.Code_CODE_VERSION, Reason: fmt.Sprintf("the daemon chose protocol version %d", v)}
		return
	}
	e.identify(s, w.GetSessionId())
	e.shared.set(func(sh *shared) { sh.limit = int(min(w.GetMaxMessage(), wire.MaxBody)) })
	if e.nick != "" && w.GetNick() == "" {
		return
	}
	e.setNick(w.GetNick())
	s.welcomed, e.welcomed = true, true
	e.tellWelcome(nil)
	e.back()
}

// refusedBy finds who asked for what is refused. Before the session is welcome, a refusal without a request ends it.
func (e *engine) refusedBy(now time.Time, r *wire.Refused) {
	err := refused(r)
	switch {
	case r.GetRequest() != 0:
		if q := e.requests.take(r.GetRequest()); q != nil {
			q.done(now, nil, err)
		}
	case r.GetId() != 0:
		e.unpublished(now, r.GetId(), err)
	case !e.s.welcomed:
		e.s.err = err
	default:
		e.log.Debug("refused", "error", err)
	}
}

// setNick takes the nick that the daemon gave, which is safe to print from then on. A legal one stays as it is.
func (e *engine) setNick(nick string) string {
	nick = wire.Printable(short(nick, maxNickText))
	e.nick = nick
	e.shared.set(func(sh *shared) { sh.nick = nick })
	return nick
}

// entry takes a message of a room that came in a session. size is what it costs of the credit; a daemon that had none ends the session.
func (e *engine) entry(s *session, x *wire.Entry, size int) {
	switch {
	case !s.entries.Take(size):
		s.err = errOverCredit
	case s == e.s && x.GetPos() != 0 && e.awaited(x.GetRoom()):
		s.entries.Consume(size)
	default:
		e.deliver(s, x, size)
	}
}

// deliver delivers a message of a room that came in a session, once.
func (e *engine) deliver(s *session, x *wire.Entry, size int) {
	r := e.rooms[x.GetRoom()]
	if r != nil && r.cursor.deliver(x.GetPos()) {
		e.events = append(e.events, queued{messageOf(x, r.logID), size, s.entries})
		e.eventBytes += size
		return
	}
	s.entries.Consume(size)
}

// joined puts a room among those that the client is in, with the talks that are going on in it.
func (e *engine) joined(now time.Time, r *room, j *wire.Joined) *Joined {
	joined := joinedOf(j, now)
	e.rooms[r.opts.Room] = r
	r.roster = rosterOf(joined)
	if r.hearing != nil {
		r.hearing.setRoom(joined)
	}
	for _, t := range j.GetTalking() {
		e.talkStart(now, t, underWay)
	}
	if e.resumed != nil && e.resumed.left[r.opts.Room] {
		e.resumed.joined = append(e.resumed.joined, joined)
	}
	e.settled(r.opts.Room)
	return joined
}

// left forgets a room and what is heard of it.
func (e *engine) left(name string) {
	delete(e.rooms, name)
	if e.s == nil {
		return
	}
	e.settled(name)
	for _, in := range e.s.streams {
		if in.room == name {
			in.stop()
			e.dropStream(in)
		}
	}
}

func (e *engine) roomChanged(i *wire.RoomInfo) {
	r := e.rooms[i.GetRoom()]
	if r == nil {
		return
	}
	ev := &RoomChanged{Room: i.GetRoom(), Delay: millis(i.GetDelayMs())}
	ev.Lead = leadOf(ev.Delay, i.GetLeadMs())
	r.delay = ev.Delay
	if r.hearing != nil {
		r.hearing.setLead(ev.Lead)
	}
	e.emit(ev)
}
