//go:build linux

package load

import "container/heap"

// timers are the members with something to do, the earliest first. A member is in it once, at a time that may be too early: then it is
// looked at in vain.
type timers []*member

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].wakeAt < t[j].wakeAt }

func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].slot, t[j].slot = i, j
}

// Push is heap's.
func (t *timers) Push(x any) {
	m, _ := x.(*member)
	m.slot = len(*t)
	*t = append(*t, m)
}

// Pop is heap's.
func (t *timers) Pop() any {
	last := len(*t) - 1
	m := (*t)[last]
	(*t)[last] = nil
	*t, m.slot = (*t)[:last], -1
	return m
}

// next is when the first member is to be looked at.
func (t timers) next() int64 {
	if len(t) == 0 {
		return forever
	}
	return t[0].wakeAt
}

// by has a member be looked at by a time.
func (t *timers) by(m *member, at int64) {
	switch {
	case m.slot < 0:
		m.wakeAt = at
		heap.Push(t, m)
	case at < m.wakeAt:
		m.wakeAt = at
		heap.Fix(t, m.slot)
	}
}

// set has it be looked at at a time, whatever it was before.
func (t *timers) set(m *member, at int64) {
	if m.slot < 0 {
		t.by(m, at)
		return
	}
	m.wakeAt = at
	heap.Fix(t, m.slot)
}

func (t *timers) drop(m *member) {
	if m.slot >= 0 {
		heap.Remove(t, m.slot)
	}
}
