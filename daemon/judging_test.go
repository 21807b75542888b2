package daemon

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"yodel/daemon/access"
	"yodel/wire"
	"yodel/wire/secure"
)

// crowdOf adds sessions that are known to the hub only, each of a key of its own.
func crowdOf(h *hub, n int) {
	for i := range n {
		s := &session{hub: h, who: secure.Fingerprint{byte(i >> 8), byte(i), 1}, greeted: true}
		h.sessions[s] = struct{}{}
	}
}

// However much has changed, one pass looks at each session once, some in a turn, and what is asked for meanwhile is in the next.
func TestSessionsAreJudgedInPasses(t *testing.T) {
	h := newHub(Config{Access: access.Open, Logger: slog.New(slog.DiscardHandler)}, []*socket{memorySocket(nil)})
	const crowd = 4 * judgeChunk
	crowdOf(h, crowd)
	now := time.Now()
	told := 0
	then := func(_ time.Time, ended int) {
		if told++; ended != 0 {
			t.Errorf("%d have ended", ended)
		}
	}
	for range 300 {
		h.judging.everyone(then)
		h.judging.key(secure.Fingerprint{0, 7, 1})
	}
	for left := crowd - judgeChunk; left > 0; left -= judgeChunk {
		h.judging.step(now)
		if len(h.judging.left) != left || told != 0 {
			t.Fatalf("%d sessions are left, %d told, want %d", len(h.judging.left), told, left)
		}
		if left == judgeChunk {
			h.judging.key(secure.Fingerprint{0, 8, 1})
			h.judging.everyone(then)
		}
	}
	h.judging.step(now)
	if told != 300 || !h.judging.due {
		t.Errorf("%d are told, and another pass is due: %v", told, h.judging.due)
	}
	for range crowd / judgeChunk {
		h.judging.step(now)
	}
	if told != 301 || h.judging.due || len(h.judging.left) > 0 {
		t.Errorf("%d are told; due %v, left %d", told, h.judging.due, len(h.judging.left))
	}
	for i := range 256 {
		h.judging.key(secure.Fingerprint{byte(i), 3, 1})
	}
	h.judging.begin()
	if n := len(h.judging.left); n != crowd/256 {
		t.Errorf("%d sessions of some keys, want %d", n, crowd/256)
	}
}

// A ban of many ends some of them in a turn, counts all, and tells each why.
func TestManyAreBanned(t *testing.T) {
	const crowd = 2*kickChunk + 5
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		var cs []*client
		for i := range crowd {
			c := w.connect(fmt.Sprintf("10.0.%d.1:1", i), newID(t))
			c.comes("", nil)
			cs = append(cs, c)
		}
		_, err := ask(t.Context(), w.operator(), func(h *hub, now time.Time) (none struct{}) {
			_, err := h.gate.book.Ban(now, access.Ban{Prefix: prefixOfAll, Reason: "noise"})
			must(t, err)
			told := 0
			h.judging.everyone(func(_ time.Time, ended int) { told = ended })
			for left := crowd; left > 0; {
				h.judging.step(now)
				left = max(0, left-kickChunk)
				if n := len(h.sessions); n != left {
					t.Errorf("%d sessions are there, want %d", n, left)
				}
			}
			if told != crowd {
				t.Errorf("%d have ended", told)
			}
			return none
		})
		must(t, err)
		w.pass(time.Second)
		for _, c := range cs {
			if !strings.HasPrefix(c.bye, wire.ByeAccess+": this address is banned for good: noise") {
				t.Fatalf("BYE %q", c.bye)
			}
		}
	})
}
