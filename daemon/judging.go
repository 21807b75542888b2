package daemon

import (
	"time"

	"yodel/wire/secure"
)

// judgeChunk is how many sessions are judged in one turn of the loop, some µs each, of which kickChunk may end.
const judgeChunk = 256

// judging looks whether sessions may still be where they are, after who may do what has changed: in passes over them, some in a turn. Whatever is asked for
// while a pass is under way is in the next one, of which there is one however much was asked for.
type judging struct {
	hub  *hub
	due  bool // there is to be a pass …
	all  bool // … over all sessions
	keys map[secure.Fingerprint]struct{}
	then []func(now time.Time, ended int) // are told how many it has ended

	left  []*session // of the pass that is under way
	told  []func(now time.Time, ended int)
	ended int
}

// everyone has all sessions judged; then is told how many have ended, with whatever else the pass was for, and may be nil.
func (j *judging) everyone(then func(now time.Time, ended int)) {
	j.due, j.all = true, true
	if then != nil {
		j.then = append(j.then, then)
	}
}

// key has the sessions of a key judged.
func (j *judging) key(who secure.Fingerprint) {
	if j.keys == nil {
		j.keys = make(map[secure.Fingerprint]struct{})
	}
	j.due, j.keys[who] = true, struct{}{}
}

// step judges some sessions, if there are any to be judged. It is called once a turn.
func (j *judging) step(now time.Time) {
	switch {
	case len(j.left) > 0:
	case j.due:
		j.begin()
	default:
		return
	}
	ended := 0
	for looked := 0; len(j.left) > 0 && looked < judgeChunk && ended < kickChunk; looked++ {
		s := j.left[len(j.left)-1]
		j.left = j.left[:len(j.left)-1]
		if s.judge(now) {
			ended++
		}
	}
	j.ended += ended
	if len(j.left) == 0 {
		j.finish(now)
	}
	if len(j.left) > 0 || j.due {
		j.hub.plane.bell.ring() // another turn, after what has come meanwhile
	}
}

// begin makes the pass that is due.
func (j *judging) begin() {
	for s := range j.hub.sessions {
		if _, of := j.keys[s.who]; of || j.all {
			j.left = append(j.left, s)
		}
	}
	j.told, j.ended = j.then, 0
	j.due, j.all, j.keys, j.then = false, false, nil, nil
}

// finish ends a pass.
func (j *judging) finish(now time.Time) {
	told := j.told
	j.told, j.left = nil, nil
	for _, then := range told {
		then(now, j.ended)
	}
}

// close tells those who wait what there is to tell, when the loop has ended and all sessions are about to.
func (j *judging) close(now time.Time) {
	j.told = append(j.told, j.then...)
	j.then = nil
	j.finish(now)
}
