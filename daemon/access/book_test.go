package access

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"yodel/wire"
	"yodel/wire/secure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	home  = netip.MustParseAddr("192.0.2.1")
)

// Keys of the tests.
var (
	stranger = secure.Fingerprint{1}
	granted  = secure.Fingerprint{2}
	allowed  = secure.Fingerprint{3}
	denied   = secure.Fingerprint{4}
	both     = secure.Fingerprint{5} // granted and denied
	banned   = secure.Fingerprint{6} // and granted
	replaced = secure.Fingerprint{7} // and granted
)

// Tokens of the tests.
var (
	good    = [wire.InviteToken]byte{1}
	usedUp  = [wire.InviteToken]byte{2}
	expired = [wire.InviteToken]byte{3}
	foreign = [wire.InviteToken]byte{4}
)

// matrixBook is a book with one of each.
func matrixBook(t testing.TB, mode Mode) *Book {
	t.Helper()
	b := NewBook(mode)
	b.Grant([]Key{{Fingerprint: granted, Nick: "gran", Roles: []string{"crew"}}, {Fingerprint: both}, {Fingerprint: banned}, {Fingerprint: replaced}})
	check := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(b.Allow(epoch, Key{Fingerprint: allowed, Nick: "al", Roles: []string{"crew", "crew"}}))
	check(b.Deny(epoch, denied, "spam"))
	check(b.Deny(epoch, both, ""))
	check(b.Ban(epoch, Ban{Key: banned, Until: epoch.Add(time.Hour)}))
	check(b.Succeed(epoch, replaced, secure.Fingerprint{8}))
	check(b.Invite(epoch, good, NewInvite{Uses: 1, Roles: []string{"guest"}}))
	check(b.Invite(epoch, usedUp, NewInvite{Uses: 1}))
	b.invites[hashOf(usedUp)].used = 1
	check(b.Invite(epoch, expired, NewInvite{Expires: epoch.Add(time.Second)}))
	return b
}

// Who may come in: three modes, all kinds of keys, all kinds of invites.
func TestWhoMayComeIn(t *testing.T) {
	tokens := map[string][]byte{
		"no invite": nil, "good": good[:], "used up": usedUp[:], "expired": expired[:], "foreign": foreign[:], "short": good[:15],
	}
	comesIn := func(Mode, string) error { return nil }
	staysOut := func(why error) func(Mode, string) error { return func(Mode, string) error { return why } }
	keys := []struct {
		name string
		key  secure.Fingerprint
		want func(mode Mode, token string) error
	}{
		{"stranger", stranger, strangerComes},
		{"granted", granted, comesIn},
		{"allowed", allowed, comesIn},
		{"denied", denied, staysOut(ErrDenied)},
		{"granted and denied", both, staysOut(ErrDenied)},
		{"banned", banned, staysOut(ErrBanned)},
		{"replaced", replaced, staysOut(ErrReplaced)},
	}
	for _, mode := range []Mode{Open, Known, Invite} {
		for _, k := range keys {
			for name, token := range tokens {
				b := matrixBook(t, mode)
				undo, err := b.Admit(epoch.Add(time.Minute), Caller{Key: k.key, Addr: home, Token: token})
				if want := k.want(mode, name); !errors.Is(err, want) || (err == nil) != (want == nil) {
					t.Errorf("%s, %s, %s: %v, want %v", mode, k.name, name, err, want)
				}
				enrols := k.key == stranger && name == "good" && mode != Known
				if (undo != nil) != enrols || b.invites[hashOf(good)].used == 1 != enrols {
					t.Errorf("%s, %s, %s: enrolled %v, %d uses", mode, k.name, name, undo != nil, b.invites[hashOf(good)].used)
				}
			}
		}
	}
}

// strangerComes is what an unknown key gets.
func strangerComes(mode Mode, token string) error {
	switch {
	case mode == Open:
		return nil
	case mode == Known, token == "no invite":
		return ErrUnknown
	}
	return map[string]error{"good": nil, "used up": ErrUsedUp, "expired": ErrExpired, "foreign": ErrForeign, "short": ErrForeign}[token]
}

// What is said to who stays out.
func TestReasonsAreClear(t *testing.T) {
	b := matrixBook(t, Known)
	for key, want := range map[secure.Fingerprint]string{
		stranger: "this daemon lets in only keys that it knows",
		denied:   "this key is denied: spam",
		banned:   "this key is banned until 2030-01-01T01:00:00Z",
		replaced: "this key was replaced by " + secure.Fingerprint{8}.String(),
	} {
		if err := b.Standing(epoch, key, home); err == nil || err.Error() != want {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestTheLastUseOfAnInviteIsOnes(t *testing.T) {
	b := matrixBook(t, Invite)
	first := Caller{Key: stranger, Addr: home, Token: good[:]}
	second := Caller{Key: secure.Fingerprint{9}, Addr: home, Token: good[:]}
	undo, err := b.Admit(epoch, first)
	if err != nil || undo == nil {
		t.Fatal(err)
	}
	if _, err := b.Admit(epoch, second); !errors.Is(err, ErrUsedUp) {
		t.Errorf("the second: %v", err)
	}
	undo() // it could not be stored
	if err := b.Standing(epoch, stranger, home); !errors.Is(err, ErrUnknown) {
		t.Errorf("the first, not stored: %v", err)
	}
	if undo, err := b.Admit(epoch, second); err != nil || undo == nil || !b.May(second.Key, []Who{{text: "guest"}}) {
		t.Errorf("the second, again: %v", err)
	}
}

// Wrong tokens are looked at in small numbers: of a prefix, and for a minute.
func TestWrongInvitesAreRationed(t *testing.T) {
	b := matrixBook(t, Invite)
	for i, from := range []string{"2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4", "2001:db8::5"} {
		_, err := b.Admit(epoch, Caller{Key: stranger, Addr: netip.MustParseAddr(from), Token: foreign[:]})
		if !errors.Is(err, ErrForeign) {
			t.Fatalf("try %d: %v", i, err)
		}
	}
	call := Caller{Key: stranger, Addr: netip.MustParseAddr("2001:db8::6"), Token: good[:]}
	if _, err := b.Admit(epoch.Add(wrongFor-1), call); !errors.Is(err, ErrTries) {
		t.Errorf("the sixth: %v", err)
	}
	if _, err := b.Admit(epoch, Caller{Key: granted, Addr: call.Addr, Token: foreign[:]}); err != nil {
		t.Errorf("a known key from there: %v", err)
	}
	other := call
	other.Key, other.Addr = secure.Fingerprint{9}, netip.MustParseAddr("2001:db8:0:1::1")
	if err := b.Standing(epoch, other.Key, other.Addr); !errors.Is(err, ErrUnknown) {
		t.Errorf("%v", err)
	}
	if undo, err := b.Admit(epoch, other); err != nil {
		t.Errorf("a neighbour: %v", err)
	} else {
		undo()
	}
	if _, err := b.Admit(epoch.Add(wrongFor), call); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

func TestWrongInvitesAreForgotten(t *testing.T) {
	b := matrixBook(t, Invite)
	for i := range 3 * maxTriers {
		addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		if _, err := b.Admit(epoch, Caller{Key: stranger, Addr: addr, Token: foreign[:]}); !errors.Is(err, ErrForeign) {
			t.Fatal(err)
		}
	}
	if len(b.tries) != maxTriers {
		t.Errorf("%d prefixes are remembered", len(b.tries))
	}
}

func TestBans(t *testing.T) {
	b := NewBook(Open)
	for text, until := range map[string]time.Time{"10.1.0.0/16": {}, "::ffff:10.2.3.4/128": epoch.Add(time.Hour), "2001:db8::1/32": {}} {
		if _, err := b.Ban(epoch, Ban{Prefix: netip.MustParsePrefix(text), Until: until, Reason: "noise"}); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		addr  string
		after time.Duration
		out   string
	}{
		{"10.1.255.1", 0, "this address is banned for good: noise"},
		{"::ffff:10.1.0.1", 0, "for good"},
		{"10.2.3.5", 0, ""},
		{"10.2.3.4", 0, "until 2030-01-01T01:00:00Z"},
		{"10.2.3.4", time.Hour, ""},
		{"2001:db8:ffff::%eth0", 0, "for good"},
		{"2001:db9::", 0, ""},
	}
	for _, x := range tests {
		err := b.Standing(epoch.Add(x.after), stranger, netip.MustParseAddr(x.addr))
		if x.out == "" && err != nil || x.out != "" && (err == nil || !strings.Contains(err.Error(), x.out)) {
			t.Errorf("%s after %v: %v, want %q", x.addr, x.after, err, x.out)
		}
	}
	undo, err := b.Unban(epoch, Ban{Prefix: netip.MustParsePrefix("10.1.2.3/16")})
	if err != nil || undo == nil || b.Standing(epoch, stranger, netip.MustParseAddr("10.1.0.1")) != nil {
		t.Errorf("unbanned: %v", err)
	}
	undo()
	if b.Standing(epoch, stranger, netip.MustParseAddr("10.1.0.1")) == nil {
		t.Error("an unban that was not stored stays")
	}
	if undo, err := b.Unban(epoch, Ban{Key: stranger}); undo != nil || err != nil {
		t.Errorf("a key that is not banned: %v", err)
	}
	if list := b.Bans(epoch.Add(time.Hour)); len(list) != 2 || list[0].Prefix != "10.1.0.0/16" || list[1].Prefix != "2001:db8::/32" {
		t.Errorf("%+v", list)
	}
}

func TestBadRequests(t *testing.T) {
	b := NewBook(Open)
	long := strings.Repeat("x", MaxReason+1)
	requests := map[string]func() error{
		"a ban of nothing": func() error { _, err := b.Ban(epoch, Ban{}); return err },
		"a ban of two": func() error {
			_, err := b.Ban(epoch, Ban{Key: stranger, Prefix: netip.MustParsePrefix("::/0")})
			return err
		},
		"a ban that is over":     func() error { _, err := b.Ban(epoch, Ban{Key: stranger, Until: epoch}); return err },
		"a ban's long reason":    func() error { _, err := b.Ban(epoch, Ban{Key: stranger, Reason: long}); return err },
		"a denial's bad reason":  func() error { _, err := b.Deny(epoch, stranger, "\xff"); return err },
		"a role":                 func() error { _, err := b.Allow(epoch, Key{Roles: []string{"Crew"}}); return err },
		"a nick":                 func() error { _, err := b.Allow(epoch, Key{Nick: "a\nb"}); return err },
		"an invite's role":       func() error { _, err := b.Invite(epoch, good, NewInvite{Roles: []string{""}}); return err },
		"an invite's uses":       func() error { _, err := b.Invite(epoch, good, NewInvite{Uses: -1}); return err },
		"an invite that is over": func() error { _, err := b.Invite(epoch, good, NewInvite{Expires: epoch}); return err },
		"its own successor":      func() error { _, err := b.Succeed(epoch, stranger, stranger); return err },
	}
	for name, request := range requests {
		if err := request(); !errors.Is(err, ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(b.keys)+len(b.invites)+len(b.Bans(epoch)) != 0 {
		t.Error("something of it was done")
	}
}

func TestLists(t *testing.T) {
	b := matrixBook(t, Open)
	who := func(texts ...string) (list []Who) {
		for _, text := range texts {
			w, err := ParseWho(text)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, w)
		}
		return list
	}
	tests := []struct {
		list []Who
		yes  []secure.Fingerprint
		no   []secure.Fingerprint
	}{
		{nil, []secure.Fingerprint{stranger, granted}, nil},
		{[]Who{}, nil, []secure.Fingerprint{stranger, granted, allowed}},
		{who("*"), []secure.Fingerprint{stranger, granted}, nil},
		{who("crew"), []secure.Fingerprint{granted, allowed}, []secure.Fingerprint{stranger}},
		{who("guest", stranger.String()), []secure.Fingerprint{stranger}, []secure.Fingerprint{granted, allowed}},
	}
	for _, x := range tests {
		for _, key := range x.yes {
			if !b.May(key, x.list) {
				t.Errorf("%v: %v may not", x.list, key)
			}
		}
		for _, key := range x.no {
			if b.May(key, x.list) {
				t.Errorf("%v: %v may", x.list, key)
			}
		}
	}
}
