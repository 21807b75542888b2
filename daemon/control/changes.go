package control

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"yodel/daemon"
	"yodel/daemon/access"
	"yodel/wire"
	"yodel/wire/secure"
)

// maxFor is how long a ban or an invite may hold.
const maxFor = 100 * 365 * 24 * time.Hour

// log tells the log of a change that is done.
func (s *Server) log(ctx context.Context, did string, attrs ...any) {
	uid, _ := ctx.Value(uidKey{}).(int)
	s.cfg.Logger.Info("operator", append([]any{"did", did, "uid", uid}, attrs...)...)
}

func (s *Server) kick(ctx context.Context, q *KickRequest) (a KickAnswer, err error) {
	k := daemon.Kick{Nick: q.Nick, Room: q.Room}
	if k.Reason, err = reason(q.Reason); err != nil {
		return a, err
	}
	if q.Fingerprint != "" {
		key, err := fingerprint(q.Fingerprint)
		if err != nil {
			return a, err
		}
		k.Fingerprint = &key
	}
	if a.Ended, err = s.cfg.Daemon.Kick(ctx, k); err != nil {
		return a, err
	}
	if a.Ended == 0 {
		return a, fmt.Errorf("%w: nobody there is %s", ErrNotFound, wire.Printable(q.Nick+q.Fingerprint))
	}
	s.log(ctx, "kick", "nick", k.Nick, "fingerprint", q.Fingerprint, "room", q.Room, "reason", k.Reason, "ended", a.Ended)
	return a, nil
}

func (s *Server) ban(ctx context.Context, q *BanRequest) (a BanAnswer, err error) {
	bans, err := s.bansOf(ctx, q)
	if err != nil {
		return a, err
	}
	for _, b := range bans {
		out, err := s.cfg.Daemon.Ban(ctx, b)
		if err != nil {
			return a, err
		}
		whom := texts(out.Keys)
		if b.Prefix.IsValid() {
			whom = []string{b.Prefix.String()}
		}
		a.Ended += out.Ended
		a.Banned, a.Until = append(a.Banned, whom...), b.Until
		s.log(ctx, "ban", append([]any{"whom", strings.Join(whom, " "), "nick", q.Nick, "reason", b.Reason, "ended", out.Ended}, at("until", b.Until)...)...)
	}
	return a, nil
}

// bansOf gives the bans that a request means.
func (s *Server) bansOf(ctx context.Context, q *BanRequest) (bans []access.Ban, err error) {
	var b access.Ban
	if b.Reason, err = reason(q.Reason); err != nil {
		return nil, err
	}
	if b.Until, err = after(q.For); err != nil {
		return nil, err
	}
	switch {
	case one(q.Fingerprint, q.Prefix, q.Nick) != nil:
		return nil, one(q.Fingerprint, q.Prefix, q.Nick)
	case q.Fingerprint != "":
		b.Key, err = fingerprint(q.Fingerprint)
		return []access.Ban{b}, err
	case q.Prefix != "":
		b.Prefix, err = prefix(q.Prefix)
		return []access.Ban{b}, err
	}
	keys, err := s.cfg.Daemon.KeysUnder(ctx, q.Nick)
	if err == nil && len(keys) == 0 {
		err = fmt.Errorf("%w: nobody there is %s", ErrNotFound, wire.Printable(q.Nick))
	}
	for _, key := range keys {
		b.Key = key
		bans = append(bans, b)
	}
	return bans, err
}

func (s *Server) unban(ctx context.Context, q *UnbanRequest) (Done, error) {
	if err := one(q.Fingerprint, q.Prefix); err != nil {
		return Done{}, err
	}
	var b access.Ban
	var err error
	if q.Fingerprint != "" {
		b.Key, err = fingerprint(q.Fingerprint)
	} else {
		b.Prefix, err = prefix(q.Prefix)
	}
	if err != nil {
		return Done{}, err
	}
	lifted, err := s.cfg.Daemon.Unban(ctx, b)
	if err != nil {
		return Done{}, err
	}
	if !lifted {
		return Done{}, fmt.Errorf("%w: no ban of %s", ErrNotFound, wire.Printable(q.Fingerprint+q.Prefix))
	}
	s.log(ctx, "unban", "whom", q.Fingerprint+q.Prefix)
	return Done{}, nil
}

func (s *Server) allow(ctx context.Context, q *AllowRequest) (Done, error) {
	key, err := fingerprint(q.Fingerprint)
	if err != nil {
		return Done{}, err
	}
	if err = s.cfg.Daemon.AllowKey(ctx, access.Key{Fingerprint: key, Nick: q.Nick, Roles: q.Roles}); err == nil {
		s.log(ctx, "key allow", "fingerprint", q.Fingerprint, "nick", q.Nick, "roles", q.Roles)
	}
	return Done{}, err
}

func (s *Server) deny(ctx context.Context, q *DenyRequest) (a DenyAnswer, err error) {
	key, err := fingerprint(q.Fingerprint)
	if err != nil {
		return a, err
	}
	why, err := reason(q.Reason)
	if err != nil {
		return a, err
	}
	out, err := s.cfg.Daemon.DenyKey(ctx, key, why)
	if err != nil {
		return a, err
	}
	a = DenyAnswer{Denied: texts(out.Keys), Ended: out.Ended}
	s.log(ctx, "key deny", "fingerprint", strings.Join(a.Denied, " "), "reason", why, "ended", out.Ended)
	return a, nil
}

func texts(keys []secure.Fingerprint) []string {
	all := make([]string, 0, len(keys))
	for _, k := range keys {
		all = append(all, k.String())
	}
	return all
}

// invite makes an invite. The token is in the answer only, never in the log.
func (s *Server) invite(ctx context.Context, q *InviteRequest) (a InviteAnswer, err error) {
	if q.Uses < 0 {
		return a, fmt.Errorf("%w: an invite for %d uses", ErrRequest, q.Uses)
	}
	if a.Expires, err = after(q.Expires); err != nil {
		return a, err
	}
	is, err := s.cfg.Daemon.Status(ctx)
	if err != nil {
		return a, err
	}
	if is.Access == access.Known {
		return a, fmt.Errorf("%w: access is known, and nobody comes in with an invite", ErrRefused)
	}
	token, err := s.cfg.Daemon.CreateInvite(ctx, access.NewInvite{Uses: q.Uses, Expires: a.Expires, Roles: q.Roles})
	if err != nil {
		return a, err
	}
	a.ID, a.Token = access.InviteID(token[:]), base64.RawURLEncoding.EncodeToString(token[:])
	s.log(ctx, "invite", append([]any{"invite", a.ID, "uses", q.Uses, "roles", q.Roles}, at("expires", a.Expires)...)...)
	return a, nil
}

// at is an attribute of the log about an instant; the zero time, which is never, has none.
func at(name string, t time.Time) []any {
	if t.IsZero() {
		return nil
	}
	return []any{name, t}
}

func (s *Server) revoke(ctx context.Context, q *RevokeRequest) (a RevokeAnswer, err error) {
	if a.ID, err = s.cfg.Daemon.RevokeInvite(ctx, q.ID); err != nil {
		return a, err
	}
	if a.ID == "" {
		return a, fmt.Errorf("%w: no invite begins with %s", ErrNotFound, wire.Printable(q.ID))
	}
	s.log(ctx, "invite revoke", "invite", a.ID)
	return a, nil
}

func (s *Server) setRoom(ctx context.Context, q *RoomRequest) (Done, error) {
	if err := wire.CheckRoom(q.Room); err != nil {
		return Done{}, err
	}
	change, err := s.changeOf(ctx, q)
	if err != nil {
		return Done{}, err
	}
	if err = s.cfg.Daemon.SetRoom(ctx, q.Room, change); err == nil {
		s.log(ctx, "room set", "room", q.Room, "delay", q.Delay != nil, "keep", change.Keep != nil)
	}
	return Done{}, err
}

func (s *Server) stop(ctx context.Context, _ *Done) (StopAnswer, error) {
	s.log(ctx, "stop")
	return StopAnswer{PID: os.Getpid()}, nil
}

func reason(text string) (string, error) {
	if text = wire.Printable(text); len(text) > access.MaxReason {
		return "", fmt.Errorf("%w: a reason of %d bytes, printable, and it may have %d", ErrRequest, len(text), access.MaxReason)
	}
	return text, nil
}

func fingerprint(text string) (secure.Fingerprint, error) {
	f, err := secure.ParseFingerprint(text)
	if err != nil {
		return f, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	return f, nil
}

// prefix reads a prefix, or an address as the prefix of its own.
func prefix(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		var a netip.Addr
		if a, err = netip.ParseAddr(text); err == nil {
			p, err = a.Unmap().WithZone("").Prefix(a.Unmap().BitLen())
		}
	}
	if err != nil {
		return p, fmt.Errorf("%w: %q is neither an address nor a prefix", ErrRequest, text)
	}
	return p.Masked(), nil
}

// one tells what is wrong when not exactly one of the values is there.
func one(values ...string) error {
	n := 0
	for _, v := range values {
		if v != "" {
			n++
		}
	}
	if n != 1 {
		return fmt.Errorf("%w: it names %d whom it is about, and must name one", ErrRequest, n)
	}
	return nil
}

// after gives the time that is so many seconds from now; 0 is never, the zero time.
func after(seconds float64) (time.Time, error) {
	switch {
	case seconds == 0:
		return time.Time{}, nil
	case seconds < 0 || seconds > maxFor.Seconds():
		return time.Time{}, fmt.Errorf("%w: %v s is no time from now", ErrRequest, seconds)
	}
	return time.Now().Add(time.Duration(seconds * float64(time.Second))).UTC().Truncate(time.Second), nil
}
