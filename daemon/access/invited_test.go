package access

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"yodel/wire"
)

func TestInvitesAreListedAndTakenBack(t *testing.T) {
	b := NewBook(Invite)
	tokens := map[string][wire.InviteToken]byte{"first": {1}, "second": {2}, "used up": {3}, "over": {4}}
	for name, n := range map[string]NewInvite{
		"first": {Uses: 2, Roles: []string{"crew"}}, "second": {Expires: epoch.Add(time.Hour)}, "used up": {Uses: 1}, "over": {Expires: epoch.Add(time.Second)},
	} {
		made := epoch
		if name == "second" {
			made = epoch.Add(time.Millisecond)
		}
		if _, err := b.Invite(made, tokens[name], n); err != nil {
			t.Fatal(err)
		}
	}
	come := func(key byte, name string) error {
		token := tokens[name]
		_, err := b.Admit(epoch, Caller{Key: [32]byte{key}, Token: token[:]})
		return err
	}
	if err := errors.Join(come(1, "first"), come(2, "used up")); err != nil {
		t.Fatal(err)
	}
	id := func(name string) string {
		token := tokens[name]
		return InviteID(token[:])
	}
	want := []InviteInfo{
		{ID: id("first"), Uses: 2, Used: 1, Created: epoch.UTC(), Roles: []string{"crew"}},
		{ID: id("second"), Created: epoch.Add(time.Millisecond).UTC(), Expires: epoch.Add(time.Hour)},
	}
	if got := b.Invites(epoch.Add(time.Minute))(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	for name, c := range map[string]struct {
		id, whole string
		err       error
	}{
		"too few digits":  {id("first")[:3], "", ErrRequest},
		"none":            {"", "", ErrRequest},
		"too many digits": {id("first") + "0", "", ErrRequest},
		"no digits":       {"zzzz", "", ErrRequest},
		"nobody's":        {"0000", "", nil},
		"a part":          {strings.ToUpper(id("first")[:6]), id("first"), nil},
		"all of it":       {id("used up"), id("used up"), nil},
	} {
		if whole, err := b.Revoke(c.id); whole != c.whole || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v", name, whole, err)
		}
	}
	if err := come(3, "first"); !errors.Is(err, ErrForeign) {
		t.Errorf("with an invite that was taken back: %v", err)
	}
	if err := b.Standing(epoch, [32]byte{1}, Caller{}.Addr); err != nil {
		t.Errorf("who has come in with it: %v", err)
	}
}

func TestARevocationMeansOneInvite(t *testing.T) {
	b := NewBook(Invite)
	b.invites[tokenHash{1, 2, 3}], b.invites[tokenHash{1, 2, 4}] = &invite{}, &invite{}
	if whole, err := b.Revoke("0102"); whole != "" || !errors.Is(err, ErrRequest) || !strings.Contains(err.Error(), "2 invites") {
		t.Errorf("%q, %v", whole, err)
	}
	if whole, err := b.Revoke("010204"); err != nil || !strings.HasPrefix(whole, "010204") || len(b.invites) != 1 {
		t.Errorf("%q, %v", whole, err)
	}
	if InviteID([]byte{1}) != "" {
		t.Error("what is no token has an ID")
	}
}
