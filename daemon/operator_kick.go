package daemon

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// kickChunk is how many sessions end in one turn of the loop for its operator: 50 µs each, and what their rooms are told.
const kickChunk = 32

// maxBye is the longest reason of a BYE, in bytes (RFC 3550, 6.6).
const maxBye = 255

// Kick says whose sessions are to end: all that have the nick, those of the key, or, with both, those of the key under that nick; with a room, only those
// that are in it.
type Kick struct {
	Nick        string // compared as RFC 8266, 2.4, has it
	Fingerprint *secure.Fingerprint
	Room        string
	Reason      string // for the peer and the log; may be empty
}

// Kick ends sessions, and gives how many. Their peers are told why (BYE wire.ByeKicked, or that, a colon and the reason, of which 200 bytes or so are
// told), and may come back when they are started again: Ban keeps them out. Errors: ErrNobody when the Kick names neither nick nor key, wire.ErrNick, and as of Status.
func (d *Daemon) Kick(ctx context.Context, k Kick) (ended int, err error) {
	which, err := k.selects()
	if err != nil {
		return 0, err
	}
	all, err := d.sessions(ctx, which)
	if err != nil {
		return 0, err
	}
	for some := range slices.Chunk(all, kickChunk) {
		n, err := ask(ctx, d, func(_ *hub, now time.Time) (n int) {
			for _, s := range some {
				if !s.gone && s.next == nil {
					s.kick(now, k.Reason)
					n++
				}
			}
			return n
		})
		if ended += n; err != nil {
			return ended, err
		}
	}
	return ended, nil
}

// selects tells which sessions are meant.
func (k *Kick) selects() (func(s *session) bool, error) {
	key := ""
	if k.Nick != "" {
		shown, err := wire.Nick(k.Nick)
		if err == nil {
			key, err = wire.NickKey(shown)
		}
		if err != nil {
			return nil, err
		}
	}
	if key == "" && k.Fingerprint == nil {
		return nil, fmt.Errorf("%w: a nick or a key is needed", ErrNobody)
	}
	return func(s *session) bool {
		return s.next == nil && (key == "" || s.key == key) && (k.Fingerprint == nil || s.who == *k.Fingerprint) &&
			(k.Room == "" || s.rooms[k.Room] != nil)
	}, nil
}

// kick ends the session, and tells its peer, its rooms and the log why.
func (s *session) kick(now time.Time, reason string) {
	s.hub.log.Info("kicked", "nick", s.nick, "fingerprint", s.who, "address", s.addr, "reason", reason)
	s.end(now, byeWhy(wire.ByeKicked, reason))
}

// byeWhy is the reason of a BYE, with why behind a colon, as much of it as there is room for.
func byeWhy(what, why string) string {
	if why = wire.Printable(why); why != "" {
		what += ": " + why
	}
	if len(what) > maxBye {
		what = strings.ToValidUTF8(what[:maxBye], "")
	}
	return what
}

// KeysUnder gives the keys that have a session under a nick, sorted. Errors as of Kick.
func (d *Daemon) KeysUnder(ctx context.Context, nick string) ([]secure.Fingerprint, error) {
	k := Kick{Nick: nick}
	which, err := k.selects()
	if err != nil {
		return nil, err
	}
	all, err := d.sessions(ctx, which)
	if err != nil {
		return nil, err
	}
	keys := make([]secure.Fingerprint, 0, len(all))
	for _, s := range all {
		keys = append(keys, s.who) // never changes
	}
	slices.SortFunc(keys, func(a, b secure.Fingerprint) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(keys), nil
}
