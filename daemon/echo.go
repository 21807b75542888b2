package daemon

import (
	"sync/atomic"

	"yodel/wire/secure"
)

// account is what one identity has in all delay lines. Its voices share it.
type account struct {
	bytes  atomic.Int64
	who    secure.Fingerprint
	voices int // the hub's
}

// account gives that of an identity that is about to have a voice.
func (h *hub) account(who secure.Fingerprint) *account {
	a := h.accounts[who]
	if a == nil {
		a = &account{who: who}
		h.accounts[who] = a
	}
	return a
}

// close takes a voice off its account.
func (h *hub) close(a *account) {
	if a.voices--; a.voices == 0 {
		delete(h.accounts, a.who)
	}
}

// echoFull tells whether n more bytes of a voice find no room in the delay lines. Relays look at the same time, so that a packet each may be too much.
// It is called with relay.mu held.
func (r *relay) echoFull(v *voice, n int) bool {
	return r.bytes+n > maxRoomBytes || v.account.bytes.Load()+int64(n) > maxEchoBy || r.plane.echo.Load()+int64(n) > r.plane.echoLimit.Load()
}

// hold counts what a voice has more, or less, in its delay line. It is called with relay.mu held.
func (r *relay) hold(v *voice, n int) {
	r.bytes += n
	v.held += n
	v.account.bytes.Add(int64(n))
	r.plane.echo.Add(int64(n))
}
