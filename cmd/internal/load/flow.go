package load

// flow is what one member has received of one voice.
type flow struct {
	begun   bool
	allowed bool   // the keys know its SSRC
	highest int64  // sequence number
	seen    uint64 // bit i: highest − i came
}

// take notes a packet by its extended sequence number; false when it was there before, or is too old to tell.
func (f *flow) take(number int64) (news bool) {
	if !f.begun {
		f.begun, f.highest, f.seen = true, number, 1
		return true
	}
	if ahead := number - f.highest; ahead > 0 {
		f.highest, f.seen = number, f.seen<<ahead|1
		return true
	}
	bit := uint64(1) << (f.highest - number) // 0 beyond 63
	if bit == 0 || f.seen&bit != 0 {
		return false
	}
	f.seen |= bit
	return true
}

// turns are events that repeat: n of them in each period, spread evenly over it or all at its beginning. Times are since the
// loop's start.
type turns struct {
	n      int
	begin  int64 // ns
	period int64 // ns
	burst  bool
	done   int64
}

// due is when the next event is.
func (t *turns) due() int64 {
	if t.burst {
		return t.begin + t.done/int64(t.n)*t.period
	}
	return t.begin + t.done/int64(t.n)*t.period + t.done%int64(t.n)*t.period/int64(t.n)
}

// take gives the number of the next event, from 0 to n − 1.
func (t *turns) take() int {
	i := int(t.done % int64(t.n))
	t.done++
	return i
}
