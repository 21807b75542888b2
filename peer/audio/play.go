package audio

// play is the part of a stream that turns packets into sound.
type play struct {
	anchor   int64 // position − timestamp of what is played
	nextSeq  int64 // the packet that follows what was played
	playTS   int64 // timestamp after what is in the line
	knownEnd int64 // timestamp after the packet before nextSeq
	line     line
	speed    varispeed

	heard      bool  // whether a packet was played
	heardStart int64 // its timestamp

	late      bool // only late packets came since lateSince, a position
	lateSince int64
	drift     drift
	owed      int64   // samples to put in or, negative, to leave out
	began     int64   // position at which the talk began to play
	hurry     bool    // whether it is played faster, because it is too deep
	energy    float64 // sum of the squares of what was pulled last
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
		if !s.speed.ready(len(s.line.next())) {
			s.advance(p, p.next+int64(i))
			continue
		}
		pcm := s.take(&p.scratch, len(mix)-i)
		if p.tap != nil && s.heard {
			p.tap(Part{SSRC: s.ssrc, At: p.next + int64(i), PCM: pcm})
		}
		sum := int64(0)
		for k, v := range pcm {
			mix[i+k] += int32(v)
			sum += int64(v) * int64(v)
		}
		s.energy += float64(sum)
		i += len(pcm)
	}
}

// take returns up to n samples of the line, faster or slower if need be.
func (s *stream) take(x *varispeedScratch, n int) []int16 {
	if !s.speed.on {
		pcm := s.line.next()
		pcm = pcm[:min(n, len(pcm))]
		s.line.at += len(pcm)
		return pcm
	}
	pcm, used := s.speed.run(x, s.line.buf, s.line.at, n)
	s.line.at += used
	s.anchor -= int64(used - len(pcm))
	return pcm
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
	return s.minRel + s.rule.depth + ts, true
}

// origin returns sequence number and timestamp of the talk's first packet: the first that came, or one before it that was announced and
// may still come.
func (s *stream) origin() (seq, ts int64) {
	p := s.ring.first(s.lowSeq, s.maxSeq)
	missing := int64(0)
	if s.talk.first.known {
		missing = int64(int16(uint16(p.seq) - s.talk.first.seq))
	}
	if missing < 0 || missing*int64(p.dur) > s.rule.depth {
		missing = 0
	}
	return p.seq - missing, p.ts - missing*int64(p.dur)
}

// begin starts to play at a position.
func (s *stream) begin(at int64) {
	s.state = playing
	s.nextSeq, s.playTS = s.origin()
	s.knownEnd = s.playTS
	s.anchor, s.began = at-s.playTS, at
	s.way.floor = s.minRel
}

// advance adds what follows to the line, or ends the talk.
func (s *stream) advance(p *Playout, at int64) {
	head := s.ring.first(s.nextSeq, s.lastSeq())
	for head != nil && head.end()-s.playTS < max(int64(head.dur)/leastNew, 1) { // it lies within the one before
		s.stats.Late++
		s.stats.Lost++
		s.pass(&p.pool, head)
		head = s.ring.first(s.nextSeq, s.lastSeq())
	}
	switch {
	case head == nil && s.talk.last.known && s.playTS >= s.endTS() && s.speed.on:
		s.speed = varispeed{} // the last samples, which it waits behind, go as they are
	case head == nil && s.talk.last.known && s.playTS >= s.endTS():
		s.finish(p, s.endTS(), at)
	case head == nil && s.talk.last.known:
		s.conceal(min(s.dur, s.endTS()-s.playTS))
	case head == nil:
		s.conceal(s.dur)
	case head.ts > s.playTS && head.seq == s.nextSeq:
		s.pause(min(head.ts-s.playTS, quietChunk))
	case head.ts > s.playTS:
		if !s.recover(head) {
			s.conceal(min(head.ts-s.playTS, s.dur))
		}
	default:
		s.decode(p, head, at)
	}
}

// endTS returns the timestamp after the last packet of a talk whose end is announced.
func (s *stream) endTS() int64 { return s.knownEnd + s.missing()*s.dur }

// missing returns how many packets up to the announced end have not been played.
func (s *stream) missing() int64 { return max(0, s.lastSeq()-s.nextSeq+1) }

// conceal makes n samples in place of a packet that is not there.
func (s *stream) conceal(n int64) {
	if s.dec.Silent() {
		s.pause(n)
		return
	}
	s.dec.Conceal(s.line.room()[:n])
	s.line.add(int(n))
	s.playTS += n
}

// pause stands for n samples of silence.
func (s *stream) pause(n int64) {
	s.line.addSilence(int(s.fitSilence(n)))
	s.playTS += n
}

// recover plays the packet before head, if that is all that is missing up to it and head repeats it.
func (s *stream) recover(head *packet) bool {
	n := head.ts - s.playTS
	if n != int64(head.dur) || !s.dec.Recover(s.line.room()[:n], head.data) {
		return false
	}
	s.line.add(int(n))
	s.playTS += n
	s.stats.Recovered++
	s.stats.Received++
	s.stats.Lost += int(head.seq - 1 - s.nextSeq)
	s.nextSeq = head.seq
	s.fit(int(n))
	return true
}

// decode plays a packet; of one that overlaps with what was played, the rest.
func (s *stream) decode(p *Playout, head *packet, at int64) {
	room := s.line.room()
	n, err := s.dec.Decode(room, head.data)
	if err != nil {
		n = head.dur
		s.dec.Conceal(room[:n])
		s.stats.Malformed++
		s.stats.Lost++
	} else {
		s.stats.Played++
		s.hear(p, at)
	}
	rest := copy(room, room[s.playTS-head.ts:n])
	s.line.add(rest)
	changed := s.fit(rest)
	if p.tap != nil && err == nil && rest == n && !changed && !s.speed.on && s.payloadType == PayloadOpus {
		p.tap(Part{SSRC: s.ssrc, At: at, Payload: head.data, Samples: n})
	}
	s.playTS = head.end()
	s.dur = int64(head.dur)
	s.pass(&p.pool, head)
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
	p.events = append(p.events, Event{Kind: TalkStarted, SSRC: s.ssrc, At: at, Depth: samplesTime(s.depth())})
}

// finish ends the talk at a position. If packets of the SSRC's next talk are there, or it is announced, the stream waits for its time.
func (s *stream) finish(p *Playout, endTS, at int64) {
	if s.talk.last.known {
		s.stats.Lost += int(s.missing())
	}
	s.stats.Received -= s.ring.count // of the next talk
	if s.heard {
		p.events = append(p.events, Event{
			Kind: TalkEnded, SSRC: s.ssrc, At: at, Samples: endTS - s.heardStart, Depth: samplesTime(s.depth()), Stats: s.stats,
		})
		if p.tap != nil {
			p.tap(Part{SSRC: s.ssrc, At: at - max(s.playTS-endTS, 0), End: true})
		}
	} else {
		p.missed(s, at)
	}
	p.learn(s)
	s.state, s.touched = done, max(s.touched, at)
	if s.ring.count > 0 || s.nextTalk.first.known {
		err := s.renew(s.payloadType, p.rule())
		if err == nil && s.ring.count > 0 {
			err = s.ready()
		}
		if err == nil {
			return
		}
		s.state = done
		s.drop(&p.pool)
	}
	s.dec, s.line, s.way = nil, line{}, way{}
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
