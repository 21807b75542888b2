package audio

// play is the part of a stream that turns packets into sound.
type play struct {
	anchor   int64 // position − timestamp of what is played
	nextSeq  int64 // the packet that follows what was played
	playTS   int64 // timestamp after what is in pcm
	knownEnd int64 // timestamp after the packet before nextSeq
	buf      []int16
	pcm      []int16 // decoded, not yet mixed

	heard      bool  // whether a packet was played
	heardStart int64 // its timestamp

	late      bool // only late packets came since lateSince, a position
	lateSince int64
	drift     drift
}

// leastNew is the part of a packet, one of so many, that must not have been played when it is its turn: else it is left out, because timestamps
// that crawl would have packets of 120 ms decoded for a sample each. So a talk costs at most four times what it should.
const leastNew = 4

// quietChunk is how much silence is made at a time.
const quietChunk = 20 * SampleRate / 1000

// render adds the samples of the stream from position p.next on to mix.
func (s *stream) render(p *Playout, mix []int32) {
	for i := 0; i < len(mix) && s.state != done; {
		if s.state == waiting {
			start, ok := s.start()
			if !ok || start >= p.next+int64(len(mix)) {
				return
			}
			i = max(i, int(start-p.next))
			s.begin(p.next + int64(i))
		}
		if len(s.pcm) == 0 && !s.advance(p, p.next+int64(i)) {
			continue
		}
		n := min(len(s.pcm), len(mix)-i)
		for k, v := range s.pcm[:n] {
			mix[i+k] += int32(v)
		}
		s.pcm = s.pcm[n:]
		i += n
	}
}

// start returns the position at which the talk begins, which may have passed, and whether it can be known.
func (s *stream) start() (int64, bool) {
	if s.ring.count == 0 {
		return 0, false
	}
	if s.talk.last.known && s.lowSeq > s.lastSeq() { // nothing of this talk came, and the next has begun
		s.talk, s.nextTalk = s.nextTalk, announced{}
	}
	_, ts := s.origin()
	return s.minRel + s.lead + ts, true
}

// origin returns sequence number and timestamp of the talk's first packet: the first that came, or one before it that was announced and
// may still come.
func (s *stream) origin() (seq, ts int64) {
	p := s.ring.first(s.lowSeq, s.maxSeq)
	missing := int64(0)
	if s.talk.first.known {
		missing = int64(int16(uint16(p.seq) - s.talk.first.seq))
	}
	if missing < 0 || missing*int64(p.dur) > s.lead {
		missing = 0
	}
	return p.seq - missing, p.ts - missing*int64(p.dur)
}

// begin starts to play at a position.
func (s *stream) begin(at int64) {
	s.state = playing
	s.nextSeq, s.playTS = s.origin()
	s.knownEnd = s.playTS
	s.anchor = at - s.playTS
}

// advance fills pcm with what follows, or ends the talk and returns false.
func (s *stream) advance(p *Playout, at int64) bool {
	head := s.ring.first(s.nextSeq, s.lastSeq())
	for head != nil && head.end()-s.playTS < max(int64(head.dur)/leastNew, 1) { // it lies within the one before
		s.stats.Late++
		s.stats.Lost++
		s.pass(&p.pool, head)
		head = s.ring.first(s.nextSeq, s.lastSeq())
	}
	switch {
	case head == nil && s.talk.last.known && s.playTS >= s.endTS():
		s.finish(p, s.endTS(), at)
		return false
	case head == nil && s.talk.last.known:
		s.conceal(min(s.dur, s.endTS()-s.playTS))
	case head == nil:
		s.conceal(s.dur)
	case head.ts > s.playTS && head.seq == s.nextSeq:
		s.pause(min(head.ts-s.playTS, quietChunk))
	case head.ts > s.playTS:
		s.conceal(min(head.ts-s.playTS, s.dur))
	default:
		s.decode(p, head, at)
	}
	return true
}

// endTS returns the timestamp after the last packet of a talk whose end is announced.
func (s *stream) endTS() int64 { return s.knownEnd + s.missing()*s.dur }

// missing returns how many packets up to the announced end have not been played.
func (s *stream) missing() int64 { return max(0, s.lastSeq()-s.nextSeq+1) }

// conceal makes n samples in place of a packet that is not there.
func (s *stream) conceal(n int64) {
	s.pcm = s.buf[:n]
	s.dec.Conceal(s.pcm)
	s.playTS += n
}

// pause makes n samples of silence that the talker meant.
func (s *stream) pause(n int64) {
	s.pcm = s.buf[:n]
	clear(s.pcm)
	s.playTS += n
}

// decode plays a packet; of one that overlaps with what was played, the rest.
func (s *stream) decode(p *Playout, head *packet, at int64) {
	n, err := s.dec.Decode(s.buf, head.data)
	if err != nil {
		n = head.dur
		s.dec.Conceal(s.buf[:n])
		s.stats.Malformed++
		s.stats.Lost++
	} else {
		s.stats.Played++
		s.hear(p, at)
	}
	s.pcm = s.buf[s.playTS-head.ts : n]
	s.playTS = head.end()
	s.dur = int64(head.dur)
	s.pass(&p.pool, head)
	s.followDrift()
}

// pass counts what is missing before a packet and lets go of it.
func (s *stream) pass(l *pool, head *packet) {
	s.stats.Lost += int(head.seq - s.nextSeq)
	s.nextSeq = head.seq + 1
	s.knownEnd = max(s.knownEnd, head.end()) // a timestamp may go back
	s.ring.remove(head)
	l.put(head)
}

// hear tells of the first packet that is played.
func (s *stream) hear(p *Playout, at int64) {
	if s.heard {
		return
	}
	s.heard, s.heardStart = true, s.playTS
	p.events = append(p.events, Event{Kind: TalkStarted, SSRC: s.ssrc, At: at})
}

// finish ends the talk at a position. If packets of the SSRC's next talk are there, or it is announced, the stream waits for its time.
func (s *stream) finish(p *Playout, endTS, at int64) {
	if s.talk.last.known {
		s.stats.Lost += int(s.missing())
	}
	s.stats.Received -= s.ring.count // of the next talk
	if s.heard {
		p.events = append(p.events, Event{
			Kind: TalkEnded, SSRC: s.ssrc, At: at, Samples: endTS - s.heardStart, Stats: s.stats,
		})
	} else {
		p.missed(s, at)
	}
	s.state, s.touched = done, max(s.touched, at)
	if s.ring.count > 0 || s.nextTalk.first.known {
		err := s.renew(s.payloadType, p.lead)
		if err == nil && s.ring.count > 0 {
			err = s.ready()
		}
		if err == nil {
			return
		}
		s.state = done
		s.drop(&p.pool)
	}
	s.dec, s.buf, s.pcm = nil, nil, nil
}

// missed tells of a talk that ends unheard.
func (p *Playout) missed(s *stream, at int64) {
	p.events = append(p.events, Event{Kind: TalkMissed, SSRC: s.ssrc, At: at, Stats: s.stats})
}

// drop lets go of all packets.
func (s *stream) drop(l *pool) {
	for i := range s.ring.slots {
		if p := s.ring.slots[i].pkt; p != nil {
			s.ring.remove(p)
			l.put(p)
		}
	}
}
