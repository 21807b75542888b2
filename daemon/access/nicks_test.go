package access

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"yodel/wire/secure"
)

func TestNickIsFreeWhenUnusedForLong(t *testing.T) {
	b := NewBook(Open)
	alice, bob := secure.Fingerprint{1}, secure.Fingerprint{2}
	ms := func(n int) time.Time { return epoch.Add(time.Duration(n) * time.Millisecond) }
	for i := range maxNicks {
		if _, _, err := b.Claim(ms(i), fmt.Sprint("n", i), alice); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := b.Claim(ms(100), "one more", alice); !errors.Is(err, ErrNicks) {
		t.Errorf("one nick too many: %v", err)
	}
	month := epoch.Add(nickKept)
	if _, _, err := b.Claim(month.Add(-1), "N0", bob); !errors.Is(err, ErrNickTaken) {
		t.Errorf("a nick that was used 30 days ago, less an instant: %v", err)
	}
	b.Arrive("n0")
	if _, _, err := b.Claim(month, "N0", bob); !errors.Is(err, ErrNickTaken) {
		t.Errorf("a nick that a session has: %v", err)
	}
	b.Depart(epoch, "n0")
	if shown, key, err := b.Claim(month, "N0", bob); err != nil || shown != "N0" || key != "n0" {
		t.Errorf("%q, %q, %v", shown, key, err)
	}
	if _, _, err := b.Claim(month, "one more", alice); err != nil {
		t.Errorf("after another has taken one: %v", err)
	}
	if _, _, err := b.Claim(month, "and one", alice); err == nil {
		t.Error("33 nicks are held")
	}
	if _, _, err := b.Claim(ms(1).Add(nickKept), "and one", alice); err != nil {
		t.Errorf("after the oldest has expired: %v", err)
	}
	if got, want := b.Holders(), len(b.nicks.held[alice])+len(b.nicks.held[bob]); got != want {
		t.Errorf("%d holders of %d nicks", got, want)
	}
}

// A nick that keys were given is theirs, whoever held it, in all forms that look the same; when it is given to nobody any more its holder has it again.
func TestGivenNicks(t *testing.T) {
	b := NewBook(Open)
	if _, _, err := b.Claim(epoch, "Captain", stranger); err != nil {
		t.Fatal(err)
	}
	b.Grant([]Key{{Fingerprint: granted, Nick: "captain"}, {Fingerprint: allowed, Nick: "CAPTAIN"}})
	for _, who := range []secure.Fingerprint{granted, allowed} {
		if shown, key, err := b.Claim(epoch, "Captain", who); err != nil || shown != "Captain" || key != "captain" {
			t.Errorf("%q, %q, %v", shown, key, err)
		}
	}
	if _, _, err := b.Claim(epoch, "сaptain", stranger); !errors.Is(err, ErrNickTaken) { // Cyrillic
		t.Errorf("its holder before: %v", err)
	}
	if b.Keeps(epoch, "captain", stranger) || !b.Keeps(epoch, "captain", granted) || !b.Keeps(epoch, "", stranger) {
		t.Error("kept by the wrong ones")
	}
	b.Grant(nil)
	if _, _, err := b.Claim(epoch, "captain", granted); !errors.Is(err, ErrNickTaken) {
		t.Errorf("given no longer: %v", err)
	}
	if !b.Keeps(epoch, "captain", stranger) {
		t.Error("its holder has lost it")
	}
}

// A session keeps a nick that was given to its key, and is no longer: nobody had it before.
func TestAGivenNickIsHeldWhenItIsGivenNoLonger(t *testing.T) {
	b := NewBook(Open)
	b.Grant([]Key{{Fingerprint: granted, Nick: "captain"}})
	if _, _, err := b.Claim(epoch, "captain", granted); err != nil {
		t.Fatal(err)
	}
	b.Grant([]Key{{Fingerprint: granted}})
	if !b.Keeps(epoch, "captain", granted) {
		t.Error("not kept")
	}
	if _, _, err := b.Claim(epoch, "captain", stranger); !errors.Is(err, ErrNickTaken) {
		t.Error(err)
	}
}

// There are only so many holders: the one that used its nick longest ago gives way, but for those who are there.
func TestHoldersAreBounded(t *testing.T) {
	b := NewBook(Open)
	claim := func(n int) error {
		_, _, err := b.Claim(epoch.Add(time.Duration(n)), fmt.Sprint("n", n), number(n))
		return err
	}
	for n := range maxHolders {
		if err := claim(n); err != nil {
			t.Fatal(err)
		}
	}
	b.Arrive("n0")
	b.Touch(epoch.Add(maxHolders), "n1")
	for n := maxHolders; n < maxHolders+2; n++ {
		if err := claim(n); err != nil {
			t.Fatal(err)
		}
	}
	for n, kept := range []bool{true, true, false, false, true} {
		if b.nicks.holders[fmt.Sprint("n", n)] != nil != kept {
			t.Errorf("n%d is kept: %v", n, !kept)
		}
	}
	if b.Holders() != maxHolders || len(b.nicks.held) != maxHolders {
		t.Errorf("%d holders, %d identities", b.Holders(), len(b.nicks.held))
	}
}

// To whom nicks are given is what the file and the entries say, in whatever order they have changed.
func TestGivenNicksFollowEachChange(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a test's
	b := NewBook(Open)
	nick := func() string { return []string{"", "ann", "Ann", "bob", "сarl"}[r.IntN(5)] }
	for range 300 {
		var undo func()
		var err error
		switch key := number(r.IntN(4)); r.IntN(4) {
		case 0:
			b.Grant([]Key{{Fingerprint: key, Nick: nick()}, {Fingerprint: number(9), Nick: nick()}})
		case 1:
			undo, err = b.Allow(epoch, Key{Fingerprint: key, Nick: nick()})
		case 2:
			_, err = b.Deny(epoch, key, "")
		case 3:
			undo, _ = b.Succeed(epoch, key, number(10+r.IntN(1000))) // or not
		}
		if err != nil {
			t.Fatal(err)
		}
		if undo != nil && r.IntN(3) == 0 {
			undo()
		}
		want := make(given)
		for who, k := range b.granted {
			want.add(k.Nick, who)
		}
		for who, e := range b.keys {
			want.add(e.nick, who)
		}
		for look, all := range b.nicks.given {
			if !sameKeys(all, want[look]) || len(b.nicks.given) != len(want) {
				t.Fatalf("seed %d: %q is given to %v, want %v", seed, look, all, want[look])
			}
		}
	}
}

// sameKeys compares without order.
func sameKeys(a, b []secure.Fingerprint) bool {
	order := func(x, y secure.Fingerprint) int { return bytes.Compare(x[:], y[:]) }
	return slices.Equal(slices.SortedFunc(slices.Values(a), order), slices.SortedFunc(slices.Values(b), order))
}
