package access

import (
	"encoding/binary"
	"errors"
	"reflect"
	"testing"
	"time"

	"yodel/wire/secure"
)

// number gives a fingerprint of its own to each number.
func number(n int) (fp secure.Fingerprint) {
	binary.BigEndian.PutUint32(fp[:], uint32(n))
	fp[31] = 0xff
	return fp
}

func TestKeysAreListedAsWhatTheyAreJudgedBy(t *testing.T) {
	b := matrixBook(t, Invite)
	if _, err := b.Allow(epoch, Key{Fingerprint: granted, Roles: []string{"admin"}}); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]KeyInfo)
	for _, k := range b.Keys().List() {
		if _, double := got[k.Fingerprint]; double {
			t.Errorf("%s twice", k.Fingerprint)
		}
		got[k.Fingerprint] = k
	}
	successor := secure.Fingerprint{8}
	want := []KeyInfo{
		{Fingerprint: granted.String(), Nick: "gran", Roles: []string{"admin", "crew"}, Source: Authorized, Since: epoch},
		{Fingerprint: allowed.String(), Nick: "al", Roles: []string{"crew"}, Source: Allowed, Since: epoch},
		{Fingerprint: denied.String(), Source: Denied, Since: epoch, Reason: "spam"},
		{Fingerprint: both.String(), Source: Denied, Since: epoch},
		{Fingerprint: banned.String(), Source: Authorized},
		{Fingerprint: replaced.String(), Source: Replaced, Since: epoch, Successor: successor.String()},
		{Fingerprint: successor.String(), Source: Enrolled, Since: epoch},
	}
	for _, k := range want {
		if !reflect.DeepEqual(got[k.Fingerprint], k) {
			t.Errorf("%+v, want %+v", got[k.Fingerprint], k)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d keys, want %d", len(got), len(want))
	}
}

// What is listed is what was known when it was taken, whatever is changed meanwhile.
func TestAListIsOfItsMoment(t *testing.T) {
	b := matrixBook(t, Known)
	want, taken := b.Keys().List(), b.Keys()
	b.Grant(nil)
	if _, err := b.Deny(epoch, allowed, ""); err != nil {
		t.Fatal(err)
	}
	if got := taken.List(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// Notes of replaced keys give way to each other, and to keys that are let in, but for those that the operator's file has.
func TestKeysAreBounded(t *testing.T) {
	b := NewBook(Open)
	b.Grant([]Key{{Fingerprint: granted}})
	mustSucceed(t, b, epoch, granted, number(0))
	if _, err := b.Allow(epoch, Key{Fingerprint: number(1)}); err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= 10; i++ {
		mustSucceed(t, b, epoch.Add(time.Duration(i)), number(i), number(i+1))
	}
	for i := 0; len(b.keys) < maxKeys; i++ {
		if _, err := b.Allow(epoch, Key{Fingerprint: number(2_000_000 + i)}); err != nil {
			t.Fatal(i, err)
		}
	}
	mustSucceed(t, b, epoch.Add(11), number(11), number(12))
	if b.keys[granted] == nil || b.keys[number(1)] != nil || b.keys[number(2)] == nil || len(b.keys) != maxKeys {
		t.Errorf("others than the oldest gave way; %d keys", len(b.keys))
	}
	for i := range 10 {
		if _, err := b.Allow(epoch, Key{Fingerprint: number(1_000_000 + i)}); err != nil {
			t.Fatal(i, err)
		}
	}
	if _, err := b.Allow(epoch, Key{Fingerprint: stranger}); !errors.Is(err, ErrFull) || len(b.keys) != maxKeys || b.keys[granted] == nil {
		t.Errorf("one more: %v; %d keys", err, len(b.keys))
	}
	if _, err := b.Deny(epoch, number(2_000_000), ""); err != nil {
		t.Errorf("one that is there: %v", err)
	}
}

func TestInvitesAndBansAreBounded(t *testing.T) {
	b := NewBook(Invite)
	token := func(i int) (tok [16]byte) {
		binary.BigEndian.PutUint32(tok[:], uint32(i))
		return tok
	}
	for i := range maxInvites {
		if _, err := b.Invite(epoch, token(i), NewInvite{Expires: epoch.Add(time.Duration(1+i) * time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Invite(epoch, token(maxInvites), NewInvite{}); !errors.Is(err, ErrFull) {
		t.Errorf("one invite more: %v", err)
	}
	if _, err := b.Invite(epoch.Add(time.Hour), token(maxInvites), NewInvite{}); err != nil || len(b.invites) != maxInvites {
		t.Errorf("when one has expired: %v; %d invites", err, len(b.invites))
	}
	for i := range maxBans {
		if _, err := b.Ban(epoch, Ban{Key: number(i), Until: epoch.Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Ban(epoch, Ban{Key: stranger}); !errors.Is(err, ErrFull) {
		t.Errorf("one ban more: %v", err)
	}
	if _, err := b.Ban(epoch.Add(time.Hour), Ban{Key: stranger}); err != nil {
		t.Errorf("when the others are over: %v", err)
	}
}
