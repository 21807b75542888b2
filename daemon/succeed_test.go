package daemon

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"yodel/daemon/access"
	"yodel/wire"
	"yodel/wire/secure"
)

// succeed asks for another key in the place of the own one.
func (c *client) succeed(next *secure.Identity) {
	c.w.t.Helper()
	c.say(wire.Encode(&wire.Message_Succeed{Succeed: c.succession(next)}))
}

func (c *client) succession(next *secure.Identity) *wire.Succeed {
	c.w.t.Helper()
	key, signature, err := next.ProveSuccession(c.w.server.hub.cfg.Identity.Fingerprint(), c.id.Fingerprint())
	must(c.w.t, err)
	return &wire.Succeed{Request: 5, Key: key, Signature: signature}
}

// wantStays wants a Succeed to have been refused.
func (c *client) wantStays(what string, code wire.Code) {
	c.w.t.Helper()
	c.w.pass(time.Second)
	if r := last(c, (*wire.Message).GetRefused); r.GetCode() != code || r.GetRequest() != 5 || c.bye != "" {
		c.w.t.Errorf("%s: %v, BYE %q, want %v", what, r, c.bye, code)
	}
	c.got = nil
}

// A new key has all that the old one had, also after a restart; the old one is told which took its place.
func TestAKeyIsReplaced(t *testing.T) {
	for _, mode := range []access.Mode{access.Open, access.Known, access.Invite} {
		t.Run(string(mode), func(t *testing.T) { testReplaced(t, mode) })
	}
}

func testReplaced(t *testing.T, mode access.Mode) {
	crew, err := access.ParseWho("crew")
	must(t, err)
	synctest.Test(t, func(t *testing.T) {
		me, next := newID(t), newID(t)
		cfg := Config{
			Access: mode, State: t.TempDir(), AuthorizedKeys: authorizedKeys(t, me.Fingerprint().String()+" captain crew"),
			Rooms: map[string]RoomConfig{"bridge": {Join: []access.Who{crew}}},
		}
		w := newWorld(t, cfg)
		c, other := w.connect("10.0.0.1:1", me), w.connect("10.0.0.2:1", me)
		c.comes("captain", nil)
		other.comes("cook", nil)
		c.succeed(next)
		if got := last(c, (*wire.Message).GetSucceeded); got.GetRequest() != 5 {
			t.Errorf("answered with %v", c.got)
		}
		c.wantEnded("the session that asked")
		other.wantEnded("another of the old key")
		for range 2 { // the second time after a restart
			old := w.connect("10.0.0.3:1", me)
			old.comes("", nil)
			old.wantOut("the old key", "this key was replaced by "+next.Fingerprint().String())
			old.stop()
			for i, nick := range []string{"captain", "cook"} {
				c = w.connect([]string{"10.0.0.4:1", "10.0.0.5:1"}[i], next)
				c.enter(nick, "bridge", nil)
				w.pass(time.Second)
				c.wantIn(nick)
				if last(c, (*wire.Message).GetJoined) == nil {
					t.Errorf("%s: %v", nick, c.got)
				}
			}
			w.stop()
			w = newWorld(t, cfg)
		}
		w.stop()
	})
}

// Whoever shows no fresh key of their own gets nobody's place, and takes nothing from anybody.
func TestKeysThatCannotFollow(t *testing.T) {
	state := t.TempDir()
	inWorld(t, Config{State: state}, func(t *testing.T, w *world) {
		me, denied, ann, guest := newID(t), newID(t), newID(t), newID(t)
		w.deny(denied, "")
		must(t, w.operator().AllowKey(t.Context(), access.Key{Fingerprint: me.Fingerprint(), Nick: "me"}))
		must(t, w.operator().AllowKey(t.Context(), access.Key{Fingerprint: ann.Fingerprint(), Nick: "ann"}))
		c := w.connect("10.0.0.1:1", me)
		c.comes("me", nil)
		w.connect("10.0.0.2:1", guest).comes("", nil)
		c.succeed(me)
		c.wantStays("one's own", wire.Code_CODE_PROTOCOL)
		c.succeed(denied)
		c.wantStays("a denied one", wire.Code_CODE_ACCESS)
		c.succeed(ann)
		c.wantStays("one that is known", wire.Code_CODE_PROTOCOL)
		c.succeed(guest)
		c.wantStays("one that is there", wire.Code_CODE_PROTOCOL)
		forged := c.succession(newID(t))
		forged.Key = c.succession(newID(t)).Key
		c.say(wire.Encode(&wire.Message_Succeed{Succeed: forged}))
		c.wantStays("another's", wire.Code_CODE_PROTOCOL)
		c.say(wire.Encode(&wire.Message_Succeed{Succeed: &wire.Succeed{Request: 5}}))
		c.wantStays("none", wire.Code_CODE_PROTOCOL)
		must(t, os.MkdirAll(filepath.Join(state, "access.json.new", "in the way"), 0o700))
		c.succeed(newID(t))
		c.wantStays("on a full disk", wire.Code_CODE_READ_ONLY)
		c.publish("lobby", 1, "still here")
		if last(c, (*wire.Message).GetReceipt) == nil || c.bye != "" {
			t.Errorf("the session does not go on: BYE %q", c.bye)
		}
		must(t, os.RemoveAll(filepath.Join(state, "access.json.new")))
		c = w.connect("10.0.0.3:1", ann)
		c.comes("ann", nil)
		if got := last(c, (*wire.Message).GetWelcome); got.GetNick() != "ann" {
			t.Errorf("ann is %v", got)
		}
	})
}

// The same Succeed is answered each time, also in another session of the old key, before that one is over.
func TestSucceedingTwice(t *testing.T) {
	for _, known := range []bool{true, false} {
		inWorld(t, Config{}, func(t *testing.T, w *world) {
			me, next := newID(t), newID(t)
			if known {
				must(t, w.operator().AllowKey(t.Context(), access.Key{Fingerprint: me.Fingerprint()}))
			}
			a, b := w.connect("10.0.0.1:1", me), w.connect("10.0.0.2:1", me)
			a.comes("a", nil)
			b.comes("b", nil)
			succeed := wire.Encode(&wire.Message_Succeed{Succeed: a.succession(next)})
			sa, sb := w.session(a), w.session(b)
			_, err := ask(t.Context(), w.operator(), func(_ *hub, now time.Time) (none struct{}) {
				sa.message(now, succeed)
				sb.message(now, succeed)
				return none
			})
			must(t, err)
			for _, c := range []*client{a, b} {
				c.wantEnded("of the old key")
				if n := len(all(c, (*wire.Message).GetSucceeded)); n != 1 {
					t.Errorf("known %v: answered %d times", known, n)
				}
			}
		})
	}
}

// A key that has lost its place while its successor is being stored does not come back with a disk that is full.
func TestLosingAccessWhileSucceeding(t *testing.T) {
	state := t.TempDir()
	inWorld(t, Config{State: state, Access: access.Open}, func(t *testing.T, w *world) {
		me, next := newID(t), newID(t)
		path := authorizedKeys(t, me.Fingerprint().String())
		_, err := ask(t.Context(), w.operator(), func(h *hub, _ time.Time) (none struct{}) {
			h.cfg.AuthorizedKeys, h.cfg.Access = path, access.Known
			h.accessNow(t)
			return none
		})
		must(t, err)
		w.pass(time.Second)
		c := w.connect("10.0.0.1:1", me)
		c.comes("me", nil)
		c.wantIn("known")
		must(t, os.MkdirAll(filepath.Join(state, "access.json.new", "in the way"), 0o700))
		s, succeed := w.session(c), wire.Encode(&wire.Message_Succeed{Succeed: c.succession(next)})
		_, err = ask(t.Context(), w.operator(), func(h *hub, now time.Time) (none struct{}) {
			s.message(now, succeed)
			h.cfg.AuthorizedKeys = ""
			h.accessNow(t)
			return none
		})
		must(t, err)
		c.wantEnded("known no longer")
		must(t, os.RemoveAll(filepath.Join(state, "access.json.new")))
	})
}

// A stranger's new key is stored with its nicks alone, in a while: strangers make no work for the disk, and take no places from keys that are known.
func TestStrangersThatAreReplaced(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		c, next := w.connect("10.0.0.1:1", newID(t)), newID(t)
		c.comes("me", nil)
		before := fileOf(t, w)
		c.succeed(next)
		c.wantEnded("the old key")
		if last(c, (*wire.Message).GetSucceeded) == nil || fileOf(t, w) != before {
			t.Errorf("%v; the file was written", c.got)
		}
		if keys, err := w.operator().Keys(t.Context()); err != nil || len(keys) != 0 {
			t.Errorf("%+v, %v", keys, err)
		}
		w.pass(nicksEvery)
		if text := fileOf(t, w); !strings.Contains(text, next.Fingerprint().String()) {
			t.Errorf("the nick is not stored: %s", text)
		}
		c = w.connect("10.0.0.2:1", next)
		c.comes("me", nil)
		if got := last(c, (*wire.Message).GetWelcome); got.GetNick() != "me" {
			t.Errorf("the new key is %v", got)
		}
	})
}

// fileOf reads access.json; empty: there is none.
func fileOf(t *testing.T, w *world) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.server.hub.cfg.State, "access.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	return string(text)
}

// Who has given its key's place to another is kept out under that one.
func TestADenialFollowsAKey(t *testing.T) {
	for name, x := range map[string]func(t *testing.T, op *Daemon, key secure.Fingerprint) (Withdrawn, error){
		"denied": func(t *testing.T, op *Daemon, key secure.Fingerprint) (Withdrawn, error) {
			return op.DenyKey(t.Context(), key, "spam")
		},
		"banned": func(t *testing.T, op *Daemon, key secure.Fingerprint) (Withdrawn, error) {
			return op.Ban(t.Context(), access.Ban{Key: key, Reason: "spam"})
		},
	} {
		inWorld(t, Config{}, func(t *testing.T, w *world) {
			me, next := newID(t), newID(t)
			c := w.connect("10.0.0.1:1", me)
			c.comes("me", nil)
			c.succeed(next)
			c.wantEnded("the old key")
			c = w.connect("10.0.0.2:1", next)
			c.comes("me", nil)
			c.wantIn("the new key")
			a, err := x(t, w.operator(), me.Fingerprint())
			if err != nil || a.Ended != 1 || !slices.Equal(a.Keys, []secure.Fingerprint{me.Fingerprint(), next.Fingerprint()}) {
				t.Errorf("%s: %+v, %v", name, a, err)
			}
			c.wantEnded("the new key")
			if !strings.HasPrefix(c.bye, wire.ByeAccess+": this key is "+name) || !strings.HasSuffix(c.bye, "spam") {
				t.Errorf("BYE %q", c.bye)
			}
		})
	}
}
