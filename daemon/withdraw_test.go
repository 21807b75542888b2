package daemon

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"yodel/daemon/access"
	"yodel/wire"
)

// What takes a session's access away ends it at once, and its peer does not come back to it.
func TestLostAccessEndsASession(t *testing.T) {
	me := newID(t)
	path := authorizedKeys(t, me.Fingerprint().String()+" - crew")
	set := func(f func(cfg *Config)) func(t *testing.T, w *world) {
		return func(t *testing.T, w *world) {
			_, err := ask(t.Context(), w.operator(), func(h *hub, _ time.Time) (none struct{}) {
				f(&h.cfg)
				h.accessNow(t)
				return none
			})
			must(t, err)
		}
	}
	ban := func(b access.Ban) func(t *testing.T, w *world) {
		return func(t *testing.T, w *world) {
			if a, err := w.operator().Ban(t.Context(), b); err != nil || a.Ended != 1 {
				t.Errorf("%d sessions ended: %v", a.Ended, err)
			}
		}
	}
	give := func(t *testing.T, w *world) {
		must(t, w.operator().AllowKey(t.Context(), access.Key{Fingerprint: newID(t).Fingerprint(), Nick: "ME"}))
	}
	tests := map[string]struct {
		do   func(t *testing.T, w *world)
		want string // what it is told when it comes again; empty: it is let in
	}{
		"denied":           {func(_ *testing.T, w *world) { w.deny(me, "") }, "denied"},
		"key banned":       {ban(access.Ban{Key: me.Fingerprint()}), "this key is banned"},
		"prefix banned":    {ban(access.Ban{Prefix: netip.MustParsePrefix("10.0.0.0/30")}), "this address is banned"},
		"taken out":        {func(t *testing.T, w *world) { rewrite(t, path, "# nobody"); w.pass(3 * time.Second) }, "only keys that it knows"},
		"without the role": {func(t *testing.T, w *world) { rewrite(t, path, me.Fingerprint().String()); w.pass(3 * time.Second) }, ""},
		"another file": {func(t *testing.T, w *world) {
			set(func(c *Config) { c.AuthorizedKeys = path + "2" })(t, w)
			w.pass(time.Second)
		}, "knows"},
		"no file":           {set(func(c *Config) { c.AuthorizedKeys = "" }), "only keys that it knows"},
		"another room list": {set(func(c *Config) { c.Rooms = map[string]RoomConfig{"bridge": {Join: []access.Who{}}} }), ""},
		"another talk list": {set(func(c *Config) { c.Rooms = map[string]RoomConfig{"bridge": {Talk: []access.Who{}}} }), ""},
		"the nick given":    {give, ""},
	}
	crew, err := access.ParseWho("crew")
	must(t, err)
	for name, x := range tests {
		t.Run(name, func(t *testing.T) {
			rewrite(t, path, me.Fingerprint().String()+" - crew")
			cfg := Config{Access: access.Known, AuthorizedKeys: path, Rooms: map[string]RoomConfig{"bridge": {Join: []access.Who{crew}}}}
			inWorld(t, cfg, func(t *testing.T, w *world) {
				c := w.connect("10.0.0.1:1", me)
				c.enter("me", "bridge", nil)
				c.talk("bridge", 0, 0)
				id := last(c, (*wire.Message).GetWelcome).GetSessionId()
				x.do(t, w)
				c.wantEnded(name)
				again := w.connect("10.0.0.1:2", me)
				again.say(wire.Encode(&wire.Message_Hello{Hello: &wire.Hello{Versions: []uint32{1}, SessionId: id}}))
				if x.want != "" {
					again.wantOut(name, x.want)
				} else if got := last(again, (*wire.Message).GetWelcome); got == nil || string(got.GetSessionId()) == string(id) {
					t.Errorf("welcomed with %v", got)
				}
			})
		})
	}
}

// What could not be stored takes nothing from anybody.
func TestAChangeThatIsNotStoredEndsNothing(t *testing.T) {
	state := t.TempDir()
	inWorld(t, Config{State: state}, func(t *testing.T, w *world) {
		c := w.connect("10.0.0.1:1", newID(t))
		c.comes("me", nil)
		beside := filepath.Join(state, "access.json.new")
		must(t, os.MkdirAll(filepath.Join(beside, "in the way"), 0o700))
		err := w.operator().AllowKey(t.Context(), access.Key{Fingerprint: newID(t).Fingerprint(), Nick: "ME"})
		if !errors.Is(err, ErrNotStored) {
			t.Error(err)
		}
		w.pass(time.Second)
		c.wantIn("with the nick as before")
		must(t, os.RemoveAll(beside))
	})
}

// From open to invite: strangers go, who was enrolled stays. A bad file changes nothing.
func TestAnotherModeAndABadFile(t *testing.T) {
	granted := newID(t)
	path := authorizedKeys(t, granted.Fingerprint().String())
	inWorld(t, Config{Access: access.Open, AuthorizedKeys: path}, func(t *testing.T, w *world) {
		token, err := w.operator().CreateInvite(t.Context(), access.NewInvite{Uses: 1})
		must(t, err)
		var cs []*client
		for i, invite := range [][]byte{nil, token[:], nil} {
			id := newID(t)
			if i == 2 {
				id = granted
			}
			c := w.connect(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(1 + i)}), 1).String(), id)
			c.comes("", invite)
			c.wantIn("open")
			cs = append(cs, c)
		}
		cfg := w.server.hub.cfg
		cfg.Access = access.Invite
		rewrite(t, path, "rubbish")
		w.pass(3 * time.Second)
		if _, err := w.operator().Reload(t.Context(), cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("a bad file: %v", err)
		}
		for _, c := range cs {
			c.wantIn("a bad file")
		}
		rewrite(t, path, granted.Fingerprint().String())
		_, err = w.operator().Reload(t.Context(), cfg)
		must(t, err)
		w.pass(time.Second)
		cs[0].wantEnded("a stranger")
		cs[1].wantIn("the one that was invited")
		cs[2].wantIn("the one in the file")
	})
}

// A session that moves to where nobody may be ends there.
func TestAMoveToABannedAddress(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		if _, err := a.w.operator().Ban(t.Context(), access.Ban{Prefix: netip.MustParsePrefix("10.9.0.0/16")}); err != nil {
			t.Fatal(err)
		}
		o := a.w.outpost("10.9.9.9:9")
		request := a.pathRequest(1, o.nonce())
		a.mute = true
		o.send(request)
		a.w.pass(time.Second)
		if n := len(a.w.server.hub.sessions); n != 1 || o.moved(txid(1), &a.key) {
			t.Errorf("%d sessions", n)
		}
		if last := last(b, (*wire.Message).GetPresence).GetEvents()[0]; last.GetJoined() || last.GetReason() != wire.ByeAccess {
			t.Errorf("bob saw %v", last)
		}
	})
}

// A ban is over when its time is, and when the operator says so.
func TestBansEnd(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		op, me := w.operator(), newID(t)
		for i, b := range []access.Ban{{Key: me.Fingerprint(), Until: time.Now().Add(time.Minute)}, {Prefix: prefixOfAll}} {
			_, err := op.Ban(t.Context(), b)
			must(t, err)
			c := w.connect("10.0.0.1:1", me)
			c.comes("me", nil)
			c.wantOut("banned", "banned")
			if i == 0 {
				w.pass(time.Minute)
			} else if was, err := op.Unban(t.Context(), b); err != nil || !was {
				t.Errorf("unbanned %v, %v", was, err)
			}
			if list, err := op.Bans(t.Context()); err != nil || len(list) != 0 {
				t.Errorf("%+v, %v", list, err)
			}
			c = w.connect("10.0.0.1:2", me)
			c.comes("me", nil)
			c.wantIn("no longer banned")
		}
		if n := w.dropped(dropBanned); n != 2 {
			t.Errorf("%d are counted", n)
		}
	})
}

// The operator's methods end with the daemon.
func TestAccessOfADaemonThatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		op := w.operator()
		w.stop()
		if _, err := op.DenyKey(t.Context(), newID(t).Fingerprint(), ""); !errors.Is(err, ErrStopped) {
			t.Error(err)
		}
	})
}
