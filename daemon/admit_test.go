package daemon

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"yodel/daemon/access"
	"yodel/wire"
	"yodel/wire/secure"
)

// comes says Hello with the token of an invite, and waits for what is answered.
func (c *client) comes(nick string, invite []byte) {
	c.say(wire.Encode(&wire.Message_Hello{Hello: &wire.Hello{Versions: []uint32{1}, Nick: nick, Invite: invite}}))
}

// operator is the daemon of a world as its operator sees it.
func (w *world) operator() *Daemon {
	return &Daemon{server: w.server, addr: netip.MustParseAddrPort("127.0.0.1:9635")}
}

// deny keeps a key out.
func (w *world) deny(id *secure.Identity, reason string) {
	w.t.Helper()
	_, err := w.operator().DenyKey(w.t.Context(), id.Fingerprint(), reason)
	must(w.t, err)
}

// accessNow has the hub go by what its configuration says of access.
func (h *hub) accessNow(t *testing.T) {
	t.Helper()
	file, err := readGrants(h.cfg.AuthorizedKeys)
	if err != nil {
		t.Error(err)
	}
	h.accessChanged(file)
}

// must ends the test with an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// authorizedKeys makes an operator's file of lines.
func authorizedKeys(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "authorized_keys")
	rewrite(t, path, lines...)
	return path
}

// rewrite replaces it, as an editor does.
func rewrite(t *testing.T, path string, lines ...string) {
	t.Helper()
	must(t, os.WriteFile(path+"~", []byte(strings.Join(lines, "\n")), 0o600))
	must(t, os.Rename(path+"~", path))
}

// wantIn wants the session to have been let in; wantOut the refusal, once, with a text, and then the end.
func (c *client) wantIn(what string) {
	c.w.t.Helper()
	if last(c, (*wire.Message).GetWelcome) == nil || c.bye != "" {
		c.w.t.Errorf("%s: not let in: %v, BYE %q", what, c.got, c.bye)
	}
}

func (c *client) wantOut(what, text string) {
	c.w.t.Helper()
	c.w.pass(time.Second)
	refused := all(c, (*wire.Message).GetRefused)
	if len(refused) != 1 || refused[0].GetCode() != wire.Code_CODE_ACCESS || refused[0].GetRequest() != 0 || !strings.Contains(refused[0].GetReason(), text) {
		c.w.t.Errorf("%s: refused with %v, want %q", what, refused, text)
	}
	if last(c, (*wire.Message).GetWelcome) != nil || c.bye != wire.ByeAccess {
		c.w.t.Errorf("%s: let in, or BYE %q", what, c.bye)
	}
}

// wantEnded wants the session to have been ended because it lost its access.
func (c *client) wantEnded(what string) {
	c.w.t.Helper()
	c.w.pass(time.Second)
	if reason, _, _ := strings.Cut(c.bye, ": "); reason != wire.ByeAccess || c.w.server.hub.table[c.addr] != nil && c.w.session(c) != nil {
		c.w.t.Errorf("%s: BYE %q", what, c.bye)
	}
}

// The matrix of access: three modes, and all who may come. "" is let in, else a part of the text of the refusal.
func TestAccess(t *testing.T) {
	const unknown = "lets in only keys that it knows"
	tests := []struct {
		who                string
		open, known, invit string
	}{
		{"stranger", "", unknown, unknown + ", or that bring an invite"},
		{"authorized", "", "", ""},
		{"allowed", "", "", ""},
		{"denied", "this key is denied: spam", "this key is denied: spam", "this key is denied: spam"},
		{"banned", "this key is banned until", "this key is banned until", "this key is banned until"},
		{"good invite", "", unknown, ""},
		{"used-up invite", "", unknown, "the invite is used up"},
		{"expired invite", "", unknown, "the invite has expired"},
		{"another daemon's invite", "", unknown, "this invite is not of this daemon"},
		{"half an invite", "", unknown, "this invite is not of this daemon"},
		{"authorized, used-up invite", "", "", ""},
		{"denied, good invite", "this key is denied", "this key is denied", "this key is denied"},
	}
	for i, mode := range []access.Mode{access.Open, access.Known, access.Invite} {
		t.Run(string(mode), func(t *testing.T) {
			for _, x := range tests {
				testAccess(t, mode, x.who, [...]string{x.open, x.known, x.invit}[i])
			}
		})
	}
}

func testAccess(t *testing.T, mode access.Mode, who, want string) {
	me := newID(t)
	cfg := Config{Access: mode}
	if strings.HasPrefix(who, "authorized") {
		cfg.AuthorizedKeys = authorizedKeys(t, me.Fingerprint().String())
	}
	inWorld(t, cfg, func(t *testing.T, w *world) {
		op := w.operator()
		switch prefix, _, _ := strings.Cut(who, ","); prefix {
		case "allowed":
			must(t, op.AllowKey(t.Context(), access.Key{Fingerprint: me.Fingerprint()}))
		case "denied":
			w.deny(me, "spam")
		case "banned":
			_, err := op.Ban(t.Context(), access.Ban{Key: me.Fingerprint(), Until: time.Now().Add(time.Hour)})
			must(t, err)
		}
		var invite []byte
		if strings.HasSuffix(who, " invite") {
			token, err := op.CreateInvite(t.Context(), access.NewInvite{Uses: 1, Expires: time.Now().Add(time.Hour)})
			must(t, err)
			invite = token[:]
		}
		switch {
		case strings.HasSuffix(who, "used-up invite"):
			useUp(t, w, invite, mode)
		case strings.HasPrefix(who, "expired"):
			w.pass(2 * time.Hour)
		case strings.HasPrefix(who, "another"):
			invite[0]++
		case strings.HasPrefix(who, "half"):
			invite = invite[:8]
		}
		c := w.connect("10.0.0.1:1", me)
		c.comes("me", invite)
		if want == "" {
			c.wantIn(who)
		} else {
			c.wantOut(who, want)
		}
	})
}

// useUp enrols somebody else with an invite; in a daemon that takes none, before it takes none.
func useUp(t *testing.T, w *world, invite []byte, mode access.Mode) {
	t.Helper()
	set := func(mode access.Mode) {
		_, err := ask(t.Context(), w.operator(), func(h *hub, _ time.Time) (none struct{}) {
			h.cfg.Access = mode
			h.accessNow(t)
			return none
		})
		must(t, err)
	}
	set(access.Invite)
	other := w.connect("10.0.0.9:1", newID(t))
	other.comes("other", invite)
	other.wantIn("the first")
	set(mode)
	w.deny(other.id, "")
}

// Six wrong tokens from one prefix: the sixth is not looked at, nor is a good one then; a minute later it is. All are counted.
func TestWrongInvitesAreFew(t *testing.T) {
	inWorld(t, Config{Access: access.Invite}, func(t *testing.T, w *world) {
		token, err := w.operator().CreateInvite(t.Context(), access.NewInvite{Uses: 2})
		must(t, err)
		for i, want := range []string{"not of this daemon", "not", "not", "not", "not of this daemon", "too many wrong invites"} {
			c := w.connect(netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), uint16(100+i)).String(), newID(t))
			c.comes("", make([]byte, 16))
			c.wantOut("wrong", want)
		}
		if n := w.dropped(dropInvite); n != 6 {
			t.Errorf("%d wrong invites are counted", n)
		}
		c := w.connect("10.0.0.1:2", newID(t))
		c.comes("", token[:])
		c.wantOut("a good one behind them", "too many wrong invites")
		for _, addr := range []string{"10.0.0.2:1", "10.0.0.1:3"} { // from elsewhere, and a minute later
			c = w.connect(addr, newID(t))
			c.comes("", token[:])
			c.wantIn(addr)
			w.pass(time.Minute)
		}
	})
}

// Who has the last use of an invite is let in, and nobody else, however closely they come.
func TestTwoEnrolForTheLastUse(t *testing.T) {
	inWorld(t, Config{Access: access.Invite}, func(t *testing.T, w *world) {
		token, err := w.operator().CreateInvite(t.Context(), access.NewInvite{Uses: 1})
		must(t, err)
		a, b := w.connect("10.0.0.1:1", newID(t)), w.connect("10.0.0.2:1", newID(t))
		hello := wire.Encode(&wire.Message_Hello{Hello: &wire.Hello{Versions: []uint32{1}, Invite: token[:]}})
		for _, c := range []*client{a, b} {
			c.do <- func(time.Time) { _ = c.stream.Send(hello) }
		}
		w.pass(time.Second)
		in := 0
		for _, c := range []*client{a, b} {
			if last(c, (*wire.Message).GetWelcome) != nil {
				in++
			} else {
				c.wantOut("the later one", "the invite is used up")
			}
		}
		if in != 1 {
			t.Errorf("%d were let in", in)
		}
	})
}

// What the disk does not take is refused, and the use is given back.
func TestEnrolmentOnAFullDisk(t *testing.T) {
	state := t.TempDir()
	inWorld(t, Config{Access: access.Invite, State: state}, func(t *testing.T, w *world) {
		token, err := w.operator().CreateInvite(t.Context(), access.NewInvite{Uses: 1})
		must(t, err)
		beside := filepath.Join(state, "access.json.new")
		must(t, os.MkdirAll(filepath.Join(beside, "in the way"), 0o700))
		me := newID(t)
		c := w.connect("10.0.0.1:1", me)
		c.comes("me", token[:])
		c.wantOut("on a full disk", "the daemon cannot store your key now, and the invite is as good as before")
		if _, err := w.operator().CreateInvite(t.Context(), access.NewInvite{}); !errors.Is(err, ErrNotStored) {
			t.Errorf("an invite: %v", err)
		}
		if _, err := w.operator().DenyKey(t.Context(), newID(t).Fingerprint(), ""); !errors.Is(err, ErrNotStored) {
			t.Errorf("a denial: %v", err)
		}
		must(t, os.RemoveAll(beside))
		c = w.connect("10.0.0.1:2", me)
		c.comes("me", token[:])
		c.wantIn("when there is room")
	})
}

// An open daemon needs no disk to let somebody in, also with an invite.
func TestAnInviteToAnOpenDaemonOnAFullDisk(t *testing.T) {
	state := t.TempDir()
	inWorld(t, Config{Access: access.Open, State: state}, func(t *testing.T, w *world) {
		token, err := w.operator().CreateInvite(t.Context(), access.NewInvite{Uses: 1})
		must(t, err)
		must(t, os.MkdirAll(filepath.Join(state, "access.json.new", "in the way"), 0o700))
		c := w.connect("10.0.0.1:1", newID(t))
		c.comes("me", token[:])
		w.pass(time.Second)
		c.wantIn("on a full disk")
		if keys, err := w.operator().Keys(t.Context()); err != nil || len(keys) != 0 {
			t.Errorf("%+v, %v", keys, err)
		}
		must(t, os.RemoveAll(filepath.Join(state, "access.json.new")))
	})
}

// Who was let in is after a restart, with the nick; who was kept out stays out; a used-up invite stays so.
func TestAccessOutlivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := Config{Access: access.Invite, State: t.TempDir()}
		w := newWorld(t, cfg)
		op := w.operator()
		token, err := op.CreateInvite(t.Context(), access.NewInvite{Uses: 1, Roles: []string{"crew"}})
		must(t, err)
		me, enemy := newID(t), newID(t)
		c := w.connect("10.0.0.1:1", me)
		c.comes("Me", token[:])
		c.wantIn("with the invite")
		w.deny(enemy, "spam")
		_, err = op.Ban(t.Context(), access.Ban{Prefix: netip.MustParsePrefix("10.6.0.0/16")})
		must(t, err)
		friend := newID(t)
		must(t, op.AllowKey(t.Context(), access.Key{Fingerprint: friend.Fingerprint()}))
		w.stop()

		w = newWorld(t, cfg)
		defer w.stop()
		op = w.operator()
		c = w.connect("10.0.0.1:1", me)
		c.comes("", nil)
		c.wantIn("after a restart")
		if keys, err := op.Keys(t.Context()); err != nil || len(keys) != 3 {
			t.Errorf("%+v, %v", keys, err)
		}
		c = w.connect("10.0.0.2:1", friend)
		c.comes("me", nil)
		if r := last(c, (*wire.Message).GetRefused); r.GetCode() != wire.Code_CODE_NICK_TAKEN {
			t.Errorf("the nick of another: %v", r)
		}
		c = w.connect("10.0.0.3:1", enemy)
		c.comes("", nil)
		c.wantOut("denied", "denied: spam")
		c = w.connect("10.6.7.8:1", friend)
		c.comes("", nil)
		c.wantOut("banned", "this address is banned for good")
		c = w.connect("10.0.0.4:1", newID(t))
		c.comes("", token[:])
		c.wantOut("used up", "used up")
	})
}

// A daemon whose file is damaged does not start, and says which file.
func TestADamagedFileOfAccessStopsTheStart(t *testing.T) {
	state := t.TempDir()
	must(t, os.WriteFile(filepath.Join(state, "access.json"), []byte(`{"version": 1, "keys": [`), 0o600))
	cfg := Config{Listen: netip.MustParseAddrPort("127.0.0.1:0"), Identity: newID(t), State: state}
	err := Run(t.Context(), cfg, func(*Daemon) { t.Error("ready") })
	if !errors.Is(err, access.ErrDamaged) || !strings.Contains(err.Error(), filepath.Join(state, "access.json")+": ") {
		t.Error(err)
	}
	cfg.State, cfg.AuthorizedKeys = t.TempDir(), authorizedKeys(t, "# keys", "rubbish")
	err = Run(t.Context(), cfg, func(*Daemon) { t.Error("ready") })
	if !errors.Is(err, access.ErrLine) || !strings.HasPrefix(err.Error(), cfg.AuthorizedKeys+":2: ") {
		t.Error(err)
	}
}

// What is said behind Hello waits for the disk with it, and is done in order.
func TestWhatFollowsAnEnrolment(t *testing.T) {
	inWorld(t, Config{Access: access.Invite}, func(t *testing.T, w *world) {
		token, err := w.operator().CreateInvite(t.Context(), access.NewInvite{Uses: 1})
		must(t, err)
		c := w.connect("10.0.0.1:1", newID(t))
		c.run(func(time.Time) {
			for _, m := range [][]byte{
				wire.Encode(&wire.Message_Hello{Hello: &wire.Hello{Versions: []uint32{1}, Nick: "me", Invite: token[:]}}),
				wire.Encode(&wire.Message_Join{Join: &wire.Join{Request: 1, Room: "lobby"}}),
				wire.Encode(&wire.Message_Publish{Publish: &wire.Publish{Room: "lobby", Id: 1, Body: []byte("hi")}}),
			} {
				must(t, c.stream.Send(m))
			}
		})
		w.pass(time.Second)
		c.wantIn("all at once")
		if last(c, (*wire.Message).GetJoined) == nil || last(c, (*wire.Message).GetReceipt) == nil || last(c, (*wire.Message).GetRefused) != nil {
			t.Errorf("%v", c.got)
		}
	})
}

// prefixOfAll is what a test bans to have everyone out.
var prefixOfAll = netip.MustParsePrefix("0.0.0.0/0")
