package wire

// Budget is how many bytes of Publish or Entry messages, whole as they are in the stream, a side may send in a session: FirstCredit, and more when
// the other side says so. The zero value is that of a new session. It is for one goroutine at a time.
type Budget struct {
	used   uint64
	raised uint64 // what the latest Credit message gave beyond FirstCredit
}

// Spend uses n bytes of it. When there are not so many it is false, and nothing is used.
func (c *Budget) Spend(n int) bool {
	if c.used+uint64(n) > FirstCredit+c.raised {
		return false
	}
	c.used += uint64(n)
	return true
}

// Raise takes the limit, in bytes since the session began, of a Credit message. One that is no higher is ignored, and gives false.
func (c *Budget) Raise(limit uint64) bool {
	if limit <= FirstCredit+c.raised {
		return false
	}
	c.raised = limit - FirstCredit
	return true
}

// Allowance is the same seen by the side that receives the messages: FirstCredit bytes more than it has consumed. The zero value
// is that of a new session. It is for one goroutine at a time.
type Allowance struct {
	granted  Budget
	consumed uint64
}

// Take notes that a message of n bytes came; false when the sender had no credit for it.
func (a *Allowance) Take(n int) bool { return a.granted.Spend(n) }

// Consume notes that n bytes do not wait any more.
func (a *Allowance) Consume(n int) { a.consumed += uint64(n) }

// Grant gives the limit for a Credit message, in bytes since the session began, when one is due: when CreditStep bytes were consumed since the
// last.
func (a *Allowance) Grant() (limit uint64, due bool) {
	if a.consumed < a.granted.raised+CreditStep {
		return 0, false
	}
	limit = FirstCredit + a.consumed
	return limit, a.granted.Raise(limit)
}
