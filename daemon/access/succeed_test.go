package access

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"yodel/wire/secure"
)

// mustSucceed replaces a key.
func mustSucceed(t *testing.T, b *Book, now time.Time, old, successor secure.Fingerprint) {
	t.Helper()
	if _, err := b.Succeed(now, old, successor); err != nil {
		t.Fatal(err)
	}
}

// What a key has goes to its successor, from wherever it had it, and further to that one's.
func TestAKeyIsReplaced(t *testing.T) {
	b := matrixBook(t, Known)
	if _, _, err := b.Claim(epoch, "other", granted); err != nil {
		t.Fatal(err)
	}
	second, third := secure.Fingerprint{10}, secure.Fingerprint{11}
	for _, step := range [][2]secure.Fingerprint{{granted, second}, {second, third}} {
		if _, err := b.Succeed(epoch, step[0], step[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Standing(epoch, third, home); err != nil || !b.May(third, []Who{{text: "crew"}}) {
		t.Errorf("the third: %v", err)
	}
	for _, nick := range []string{"gran", "other"} {
		if _, _, err := b.Claim(epoch, nick, third); err != nil {
			t.Errorf("%s: %v", nick, err)
		}
		if _, _, err := b.Claim(epoch, nick, stranger); !errors.Is(err, ErrNickTaken) {
			t.Errorf("%s, by a stranger: %v", nick, err)
		}
	}
	for _, old := range []secure.Fingerprint{granted, second} {
		if err := b.Standing(epoch, old, home); !errors.Is(err, ErrReplaced) {
			t.Errorf("an old one: %v", err)
		}
	}
}

// What could not be stored is as if it had not been.
func TestAReplacementIsTakenBack(t *testing.T) {
	b := matrixBook(t, Known)
	if _, _, err := b.Claim(epoch, "mine", allowed); err != nil {
		t.Fatal(err)
	}
	before := b.Keys().List()
	undo, err := b.Succeed(epoch, allowed, stranger)
	if err != nil {
		t.Fatal(err)
	}
	undo()
	if after := b.Keys().List(); !reflect.DeepEqual(before, after) {
		t.Errorf("%+v, want %+v", after, before)
	}
	for _, nick := range []string{"mine", "al"} {
		if _, _, err := b.Claim(epoch, nick, allowed); err != nil {
			t.Errorf("%s: %v", nick, err)
		}
	}
}

// In an open daemon strangers replace their keys as well: they stay strangers, but keep their nicks.
func TestAStrangerIsReplaced(t *testing.T) {
	b := NewBook(Open)
	if _, _, err := b.Claim(epoch, "nick", stranger); err != nil {
		t.Fatal(err)
	}
	if undo, err := b.Succeed(epoch, stranger, number(1)); err != nil || undo != nil {
		t.Fatalf("to be stored %v, %v", undo != nil, err)
	}
	if _, _, err := b.Claim(epoch, "nick", number(1)); err != nil {
		t.Error(err)
	}
	if err := b.Standing(epoch, stranger, home); !errors.Is(err, ErrReplaced) {
		t.Error(err)
	}
	if keys := b.Keys().List(); len(keys) != 0 {
		t.Errorf("%+v", keys)
	}
}

// Nobody takes a key's place with one that is another's, or may be: known, replaced, kept out, or with nicks.
func TestASuccessorIsFresh(t *testing.T) {
	b := matrixBook(t, Open)
	if _, _, err := b.Claim(epoch, "mine", number(1)); err != nil {
		t.Fatal(err)
	}
	mustSucceed(t, b, epoch, number(2), number(3))
	before := b.Keys().List()
	for name, x := range map[string]struct {
		key  secure.Fingerprint
		want error
	}{
		"granted":           {granted, ErrRequest},
		"allowed":           {allowed, ErrRequest},
		"with a nick":       {number(1), ErrRequest},
		"replaced stranger": {number(2), ErrRequest},
		"denied":            {denied, ErrDenied},
		"replaced":          {replaced, ErrDenied},
		"banned":            {banned, ErrDenied},
	} {
		for _, old := range []secure.Fingerprint{stranger, {8}} { // not known, and known
			if undo, err := b.Succeed(epoch, old, x.key); !errors.Is(err, x.want) || undo != nil {
				t.Errorf("%s: %v, want %v", name, err, x.want)
			}
		}
	}
	if after := b.Keys().List(); !reflect.DeepEqual(before, after) {
		t.Errorf("%+v, want %+v", after, before)
	}
	if _, _, err := b.Claim(epoch, "gran", granted); err != nil {
		t.Errorf("the owner of a nick has lost it: %v", err)
	}
}

// A banned key gives its place to nobody; a ban that is over keeps neither key from it.
func TestBansOfKeysThatAreReplaced(t *testing.T) {
	b, old := NewBook(Known), number(1)
	b.Grant([]Key{{Fingerprint: old}})
	for _, key := range []secure.Fingerprint{old, number(2)} {
		if _, err := b.Ban(epoch, Ban{Key: key, Until: epoch.Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Succeed(epoch, old, number(2)); !errors.Is(err, ErrBanned) {
			t.Errorf("while %s is banned: %v", key, err)
		}
	}
	mustSucceed(t, b, epoch.Add(time.Hour), old, number(2))
}

// The same is answered again, and changes nothing; another successor is refused.
func TestSucceedingTwice(t *testing.T) {
	for _, old := range []secure.Fingerprint{granted, stranger} {
		b := matrixBook(t, Open)
		mustSucceed(t, b, epoch, old, number(1))
		if _, _, err := b.Claim(epoch, "new", number(1)); err != nil {
			t.Fatal(err)
		}
		before := b.Keys().List()
		if undo, err := b.Succeed(epoch, old, number(1)); err != nil || (undo != nil) != (old == granted) || !b.Replaced(old, number(1)) {
			t.Errorf("again: %v", err)
		}
		if _, err := b.Succeed(epoch, old, number(2)); !errors.Is(err, ErrDenied) || b.Replaced(old, number(2)) {
			t.Errorf("another: %v", err)
		}
		if after := b.Keys().List(); !reflect.DeepEqual(before, after) {
			t.Errorf("%+v, want %+v", after, before)
		}
	}
}

// No identity holds more nicks than it may, also when a replacement is taken back and the old key has claimed others meanwhile.
func TestNicksThatMoveAreBounded(t *testing.T) {
	b, next := matrixBook(t, Known), number(1)
	claim := func(prefix string) {
		for i := range maxNicks {
			if _, _, err := b.Claim(epoch, fmt.Sprint(prefix, i), allowed); err != nil {
				t.Fatal(err)
			}
		}
	}
	claim("a")
	undo, err := b.Succeed(epoch, allowed, next)
	if err != nil {
		t.Fatal(err)
	}
	claim("b")
	undo()
	if n, m := len(b.nicks.held[allowed]), len(b.nicks.held[next]); n != maxNicks || m != maxNicks {
		t.Errorf("%d and %d nicks", n, m)
	}
}

// However many strangers replace their keys, they take no place of a key that is known, and few are remembered.
func TestStrangersThatAreReplacedAreFew(t *testing.T) {
	b := matrixBook(t, Open)
	before := len(b.keys)
	for i := range maxStrangers + 10 {
		mustSucceed(t, b, epoch.Add(time.Duration(i)), number(2*i), number(2*i+1))
	}
	if len(b.keys) != before || len(b.strangers) != maxStrangers {
		t.Errorf("%d keys, before %d; %d strangers", len(b.keys), before, len(b.strangers))
	}
	if b.Replaced(number(0), number(1)) || !b.Replaced(number(20), number(21)) {
		t.Error("others than the oldest are forgotten")
	}
	if _, err := b.Allow(epoch, Key{Fingerprint: number(20)}); err != nil || b.Standing(epoch, number(20), home) != nil {
		t.Errorf("one that the operator lets in: %v, %v", err, b.Standing(epoch, number(20), home))
	}
}

// Who is to be kept out is kept out under the key that has the place of the named one.
func TestHeirsAreKeptOutToo(t *testing.T) {
	for name, x := range map[string]struct {
		do  func(b *Book, key secure.Fingerprint) ([]secure.Fingerprint, error)
		why error
	}{
		"deny": {func(b *Book, key secure.Fingerprint) ([]secure.Fingerprint, error) { return b.Deny(epoch, key, "spam") }, ErrDenied},
		"ban": {func(b *Book, key secure.Fingerprint) ([]secure.Fingerprint, error) {
			return b.Ban(epoch, Ban{Key: key})
		}, ErrBanned},
	} {
		for _, key := range []secure.Fingerprint{allowed, stranger} {
			b := matrixBook(t, Open)
			mustSucceed(t, b, epoch, key, number(1))
			mustSucceed(t, b, epoch, number(1), number(2))
			out, err := x.do(b, key)
			if want := []secure.Fingerprint{key, number(2)}; err != nil || !slices.Equal(out, want) {
				t.Errorf("%s: %v, %v, want %v", name, out, err, want)
			}
			for _, k := range []secure.Fingerprint{key, number(2)} {
				if err := b.Standing(epoch, k, home); !errors.Is(err, x.why) {
					t.Errorf("%s: %v", name, err)
				}
			}
			if b.Standing(epoch, number(1), home) == nil {
				t.Errorf("%s: the one between comes in", name)
			}
		}
	}
}
