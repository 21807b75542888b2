package audio

// The depth of the jitter buffers, in samples.
const (
	minDepth = 50 * SampleRate / 1000  // that adapts: what copies in the next two packets need of 20 ms, and some
	maxDepth = 500 * SampleRate / 1000 // that adapts
	spare    = 5 * SampleRate / 1000   // beyond what nearly all packets kept to
	short    = 2 * SampleRate / 1000   // so much less than that is borne
	tooDeep  = 25 * SampleRate / 1000  // by this much: sound is left out where it is not heard, and the talk is played faster
	opening  = 2 * SampleRate          // of a talk: its first packets were slow ones, so it began too deep
	openDeep = 15 * SampleRate / 1000  // in which this much is enough
	settled  = 5 * SampleRate / 1000   // until so much is left
	stepped  = 15 * SampleRate / 1000  // the way has become so much longer or shorter: no drift
	offMost  = 40 * SampleRate / 1000  // borne where the buffer is deep: a busy machine that is slow for seconds is no longer way
	offShare = 8                       // of the depth

	awaited     = 40 * SampleRate / 1000 // what is missing for longer, when nothing else is there, is heard later
	leastTaught = SampleRate             // a shorter talk says too little of the way

	hurryRate = 0.002 // how much faster: at least,
	hurryMost = 0.02  // at most,
	hurryTime = 10    // and else so that it would take so many seconds
	quietPeak = 184   // of 32767, −45 dB: what is softer is shortened without being heard
)

// rule is how deep the buffer of a talk is to be.
type rule struct {
	depth  int64 // with which it begins, and which it keeps unless it adapts
	adapts bool
}

// wanted is the depth that a talk should have.
func (s *stream) wanted() int64 {
	if !s.rule.adapts {
		return s.rule.depth
	}
	least := int64(minDepth)
	if s.way.covered < waySound {
		least = s.rule.depth
	}
	return min(max(s.way.slow+spare-s.way.floor, least), maxDepth)
}

// depth is how long the quickest packet of the last seconds waited.
func (s *stream) depth() int64 {
	if s.state != playing {
		return s.rule.depth
	}
	return max(0, s.anchor-s.way.floor)
}

// follow takes a packet's way into account: how much sound is to be put in or left out, and how fast the talk is played.
func (s *stream) follow(a *arrival) {
	s.way.note(passage{at: a.at, rel: a.at - a.ts, dur: int64(a.dur), astray: a.astray})
	if s.state != playing {
		return
	}
	off := s.anchor - s.way.floor - s.wanted() // too deep by
	deep := min(s.rule.depth/offShare, offMost)
	most := max(tooDeep, deep)
	if a.at-s.began < opening {
		most = max(openDeep, deep)
	}
	switch {
	case off > most, s.tooShallow(off, max(stepped, deep)), s.owed > 0 && off < 0:
		s.owed = -off
	default:
		s.owed = 0
	}
	if s.hurry {
		s.hurry = off > settled
	} else {
		s.hurry = off > most
	}
	drift := s.drift.watch(a.at, s.anchor, s.way.recent)
	if s.hurry {
		s.drift.held = false
		drift += min(max(hurryRate, float64(off)/SampleRate/hurryTime), hurryMost)
	}
	s.speed.set(drift)
}

// tooShallow reports whether packets will be late if they come as they did, or whether the way is longer than it was.
func (s *stream) tooShallow(off, borne int64) bool {
	if off < -borne {
		return true
	}
	return s.rule.adapts && off < -short && s.way.slow+spare-short > s.anchor
}

// fit puts in or leaves out what is owed in the last n samples of the line, if it can be done there, and reports whether it did.
func (s *stream) fit(n int) bool {
	moved := 0
	switch {
	case n == 0:
	case s.owed > 0 && quiet(s.line.buf[len(s.line.buf)-n:]):
		moved = s.line.lengthenQuiet(n, int(min(s.owed, quietChunk)))
	case s.owed > 0:
		moved = s.line.lengthen(n)
	case s.owed < 0 && quiet(s.line.buf[len(s.line.buf)-n:]):
		moved = -s.line.shorten(n, int(-s.owed))
	}
	s.move(int64(moved))
	return moved != 0
}

// fitSilence is how much silence stands for n samples of it: half at least.
func (s *stream) fitSilence(n int64) int64 {
	moved := min(max(s.owed, -n/leastPart), quietChunk)
	s.move(moved)
	return n + moved
}

// move notes that what follows is played that much later.
func (s *stream) move(by int64) {
	if by == 0 {
		return
	}
	s.anchor += by
	if s.owed > 0 {
		s.owed = max(s.owed-by, 0)
	} else {
		s.owed = min(s.owed-by, 0)
	}
	s.drift.held = false
}

// await plays a packet that comes so late that concealment has faded, when nothing else is there, and all that follows, so much later: nothing of
// the voice is left out. It reports whether that keeps to the greatest depth.
func (s *stream) await(a *arrival) bool {
	by := s.playTS - a.ts
	if !s.rule.adapts || s.ring.count > 0 || a.seq < s.nextSeq || by <= awaited || s.anchor+by-s.way.floor > maxDepth {
		return false
	}
	s.playTS -= by
	s.owed = 0
	s.move(by)
	return true
}

// learn remembers the depth that a talk that ended has taught: all of it if it was deeper than what the next would begin with, else as much of
// it as was heard of the talk.
func (p *Playout) learn(s *stream) {
	if !s.rule.adapts || s.way.covered < leastTaught {
		return
	}
	w := min(max(s.way.slow+spare-s.way.floor, minDepth), maxDepth)
	if w < p.learned {
		w = p.learned - (p.learned-w)*min(s.way.covered, waySound)/waySound
	}
	p.learned = w
}
