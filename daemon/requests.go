package daemon

import (
	"errors"
	"slices"
	"time"

	"yodel/daemon/access"
	"yodel/daemon/roomlog"
	"yodel/wire"
)

// message takes one message of the peer's stream.
func (s *session) message(now time.Time, b []byte) {
	defer s.hub.containSession(choreMessage, s)
	m, err := wire.Decode(b)
	if m.GetPublish() == nil {
		s.charge(1)
	}
	if err != nil {
		s.hub.drops.count(dropMalformed)
		return
	}
	if s.parting != "" {
		return
	}
	if hello := m.GetHello(); hello != nil {
		s.hello(now, hello)
		return
	}
	if !s.greeted {
		s.refuse(&wire.Refused{Code: wire.Code_CODE_PROTOCOL}, "the first message must be Hello")
		return
	}
	if s.next != nil {
		s.fadingMessage(now, m, len(b))
		return
	}
	switch k := m.GetKind().(type) {
	case *wire.Message_SetNick:
		s.setNick(now, k.SetNick)
	case *wire.Message_Join:
		s.join(now, k.Join)
	case *wire.Message_Leave:
		s.leave(now, k.Leave)
	case *wire.Message_Publish:
		s.published(now, k.Publish, len(b))
	case *wire.Message_Talk:
		s.talk(now, k.Talk)
	case *wire.Message_TalkStart:
		s.talkStart(now, k.TalkStart)
	case *wire.Message_TalkEnd:
		s.talkEnd(now, k.TalkEnd)
	case *wire.Message_Who:
		s.listMembers(k.Who)
	case *wire.Message_Rooms:
		s.listRooms(k.Rooms)
	case *wire.Message_Succeed:
		s.succeed(now, k.Succeed)
	case *wire.Message_Credit:
		s.granted(k.Credit)
	case *wire.Message_Ping:
		s.stream.Acknowledge()
		s.say(wire.Encode(&wire.Message_Pong{Pong: &wire.Pong{Request: k.Ping.GetRequest()}}))
	}
}

// hello begins the session's conversation. A refused nick leaves the session usable without one.
func (s *session) hello(now time.Time, m *wire.Hello) {
	if s.greeted {
		s.refuse(&wire.Refused{Code: wire.Code_CODE_PROTOCOL}, "a second Hello")
		return
	}
	if !slices.ContainsFunc(m.GetVersions(), func(v uint32) bool { return v >= wire.MinVersion && v <= wire.MaxVersion }) {
		s.refuse(&wire.Refused{
			Code: wire.Code_CODE_VERSION, MinVersion: wire.MinVersion, MaxVersion: wire.MaxVersion,
		}, "this daemon speaks protocol versions %d to %d", wire.MinVersion, wire.MaxVersion)
		return
	}
	s.admit(now, m)
}

// welcome goes on with the Hello of a session that may come in.
func (s *session) welcome(now time.Time, m *wire.Hello) {
	resumed := s.resume(now, m)
	s.supersede(now)
	if !resumed && !s.fits() {
		return
	}
	s.greeted, s.software = true, softwareOf(m)
	s.hub.census.count(s)
	err := s.wish(now, m.GetNick())
	s.say(wire.Encode(&wire.Message_Welcome{Welcome: &wire.Welcome{
		Version: wire.MaxVersion, Software: s.hub.cfg.Software, SessionId: s.id[:], Nick: s.nick, MaxMessage: wire.MaxBody,
	}}))
	if err != nil {
		s.refuseNick(0, err)
	}
}

func (s *session) refuseNick(request uint64, err error) {
	s.hub.drops.count(dropNick)
	code := wire.Code_CODE_NICK_ILLEGAL
	switch {
	case errors.Is(err, access.ErrNickTaken):
		code = wire.Code_CODE_NICK_TAKEN
	case errors.Is(err, access.ErrNicks):
		code = wire.Code_CODE_LIMIT
	}
	s.refuse(&wire.Refused{Request: request, Code: code}, "%v", err)
}

func (s *session) setNick(now time.Time, m *wire.SetNick) {
	s.chargeNick(m.GetNick())
	nick, key, err := s.hub.gate.book.Claim(now, m.GetNick(), s.who)
	if err != nil {
		s.refuseNick(m.GetRequest(), err)
		return
	}
	s.say(wire.Encode(&wire.Message_NickSet{NickSet: &wire.NickSet{Request: m.GetRequest(), Nick: nick}}))
	s.adopt(now, nick, key)
}

// rename shows a change of nick as the old one leaving and the new one joining.
func (r *room) rename(now time.Time, m *member) {
	s := m.session
	heard := m.hear
	s.chargeChange(r)
	r.leave(now, m, "is now "+s.nick)
	m.nick, m.key, m.quiet = s.nick, s.key, false
	s.rooms[r.name] = m
	r.hub.keep(r)
	r.enter(now, m)
	s.chargeChange(r)
	m.hears(heard)
}

// named refuses a request of a session without a nick.
func (s *session) named(r *wire.Refused) bool {
	if s.nick == "" {
		r.Code = wire.Code_CODE_NICK_ILLEGAL
		s.refuse(r, "a nick is needed first")
	}
	return s.nick != ""
}

// join makes the session a member, or moves the point from which it reads, once it is known where that is in the room log. Until then nothing more
// of the peer's is taken.
func (s *session) join(now time.Time, m *wire.Join) {
	name, refused := m.GetRoom(), &wire.Refused{Request: m.GetRequest(), Room: m.GetRoom()}
	if !m.GetObserve() && !s.named(refused) || s.roomFor(name, refused) == nil {
		return
	}
	var from roomlog.From
	switch k := m.GetFrom().(type) {
	case *wire.Join_Last:
		from = roomlog.Last(uint64(k.Last))
	case *wire.Join_SinceUnixNs:
		from = roomlog.Since(k.SinceUnixNs)
	case *wire.Join_After:
		from = roomlog.After(k.After.GetLogId(), k.After.GetPos())
	default:
		newest := s.hub.messages.Newest(name)
		s.enter(now, m, roomlog.Cursor{After: newest, Newest: newest})
		return
	}
	s.seeking = true
	if in := s.rooms[name]; in != nil {
		in.paused = true
	}
	s.hub.messages.Seek(name, from, func(c roomlog.Cursor, err error) { s.sought(m, c, err) })
}

// sought goes on with a Join.
func (s *session) sought(m *wire.Join, c roomlog.Cursor, err error) {
	h := s.hub
	defer h.containSession(choreMessage, s)
	s.seeking = false
	s.chargeSought(c.Count)
	switch {
	case s.gone, s.next != nil: // it is joined again there
	case err != nil:
		h.log.Error("room log not read", "room", m.GetRoom(), "error", err)
		if in := s.rooms[m.GetRoom()]; in != nil {
			in.paused = false
		}
		s.refuse(&wire.Refused{Request: m.GetRequest(), Room: m.GetRoom(), Code: wire.Code_CODE_LIMIT}, "the room log cannot be read now: %v", err)
	default:
		s.enter(h.now, m, c)
	}
	if r := h.rooms[m.GetRoom()]; r != nil {
		r.tidy()
	}
	s.requests(h.now)
	s.mark()
}

// enter makes the session a member that reads from somewhere on, and answers the Join.
func (s *session) enter(now time.Time, m *wire.Join, c roomlog.Cursor) {
	r := s.roomFor(m.GetRoom(), &wire.Refused{Request: m.GetRequest(), Room: m.GetRoom()})
	if r == nil {
		return
	}
	in := s.rooms[r.name]
	if in == nil && !s.mayEnter(r, &wire.Refused{Request: m.GetRequest(), Room: r.name}) {
		r.tidy()
		return
	}
	if in == nil || in.observe != m.GetObserve() {
		if in != nil {
			s.abandonTalks(now, r)
			r.leave(now, in, wire.ByeLeft)
		}
		in = &member{session: s, room: r, nick: s.nick, key: s.key, observe: m.GetObserve(), since: now, quiet: now.Before(s.quiet)}
		if s.rooms == nil {
			s.rooms = make(map[string]*member)
		}
		s.rooms[r.name] = in
		r.hub.keep(r)
		r.enter(now, in)
		s.chargeChange(r)
	}
	in.hears(m.GetHear() && !in.observe)
	s.joined(now, in, m, c)
}

// roomFor gives a room by its name, or refuses.
func (s *session) roomFor(name string, refused *wire.Refused) *room {
	if err := wire.CheckRoom(name); err != nil {
		refused.Code = wire.Code_CODE_ROOM_ILLEGAL
		refused.Room = ""
		s.refuse(refused, "%v", err)
		return nil
	}
	if !s.joinable(name, refused) {
		return nil
	}
	r := s.hub.rooms[name]
	if r == nil && s.mayMake(name, refused) {
		r = newRoom(s.hub, name, s.hub.cfg.Delay, false)
		r.maker = s.who
		s.hub.keep(r)
	}
	return r
}

// joined answers a Join and has the replay begin.
func (s *session) joined(now time.Time, in *member, m *wire.Join, c roomlog.Cursor) {
	r := in.room
	id := s.hub.messages.ID()
	answer := &wire.Joined{
		Request: m.GetRequest(), Room: r.name, LogId: id[:], Newest: c.Newest, Replay: c.Count, Truncated: c.Truncated,
		DelayMs: uint32(r.relay.delay.Milliseconds()), LeadMs: uint32(r.relay.lead.Milliseconds()),
		AtUnixNs: now.UnixNano(), TickMs: uint32((r.relay.tick() + time.Millisecond - 1).Milliseconds()),
	}
	r.introduce(in, answer)
	in.dropPages()
	in.cursor, in.barren, in.paused = c.After, barren{}, false
	s.chargeListed(len(answer.GetMembers()))
	rest := r.talkingFor(in, answer)
	s.say(wire.Encode(&wire.Message_Joined{Joined: answer}))
	for _, m := range rest {
		s.say(m)
	}
	s.behind = true
	s.mark()
}

// introduce tells a member who is there: in a large room only those who talk.
func (r *room) introduce(in *member, answer *wire.Joined) {
	answer.Count = uint32(len(r.roster))
	if len(r.roster) <= presentNamed {
		answer.Members = r.list()
	} else {
		answer.Members = r.listTalkers()
	}
	in.told, in.count = r.news.end(), answer.Count
}

func (s *session) leave(now time.Time, m *wire.Leave) {
	in := s.rooms[m.GetRoom()]
	if in == nil {
		s.refuse(&wire.Refused{Request: m.GetRequest(), Code: wire.Code_CODE_NOT_MEMBER, Room: m.GetRoom()}, "not in that room")
		return
	}
	s.abandonTalks(now, in.room)
	s.chargeChange(in.room)
	in.room.leave(now, in, wire.ByeLeft)
	s.say(wire.Encode(&wire.Message_Left{Left: &wire.Left{Request: m.GetRequest(), Room: m.GetRoom()}}))
}

// abandonTalks ends what the session says in a room that it leaves.
func (s *session) abandonTalks(now time.Time, r *room) {
	for _, v := range s.talks {
		if v.room == r {
			v.abandon(now)
		}
	}
	if s.old != nil {
		s.old.abandonTalks(now, r)
	}
}

func (s *session) listMembers(m *wire.Who) {
	answer := &wire.Members{Request: m.GetRequest(), Room: m.GetRoom()}
	if err := wire.CheckRoom(m.GetRoom()); err != nil {
		s.refuse(&wire.Refused{Request: m.GetRequest(), Code: wire.Code_CODE_ROOM_ILLEGAL}, "%v", err)
		return
	}
	if !s.joinable(m.GetRoom(), &wire.Refused{Request: m.GetRequest(), Room: m.GetRoom()}) {
		return
	}
	if r := s.hub.rooms[m.GetRoom()]; r != nil {
		answer.Members, answer.Count = r.list(), uint32(len(r.roster))
	}
	s.chargeListed(len(answer.GetMembers()))
	s.say(wire.Encode(&wire.Message_Members{Members: answer}))
}
