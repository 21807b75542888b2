package main

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"yodel/daemon/access"
	"yodel/peer"
	"yodel/wire"
)

// The hint is of what was refused, as the daemon really says it: an invite is spoken of only where it helps.
func TestHintsOfRefusedAccess(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	addr := netip.MustParseAddr("192.0.2.1")
	stranger, denied, replaced, banned := [32]byte{1}, [32]byte{2}, [32]byte{3}, [32]byte{4}
	var usedUp, expired, foreign [wire.InviteToken]byte
	for _, token := range [][]byte{usedUp[:], expired[:], foreign[:]} {
		_, _ = rand.Read(token)
	}
	b := access.NewBook(access.Invite)
	check := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(b.Invite(now, usedUp, access.NewInvite{Uses: 1}))
	check(b.Admit(now, access.Caller{Key: [32]byte{9}, Addr: addr, Token: usedUp[:]}))
	check(b.Invite(now, expired, access.NewInvite{Expires: now.Add(time.Second)}))
	check(b.Deny(now, denied, "this daemon lets in only keys that it knows, or that bring an invite"))
	check(b.Allow(now, access.Key{Fingerprint: replaced}))
	check(b.Succeed(now, replaced, [32]byte{8}))
	check(b.Ban(now, access.Ban{Key: banned, Reason: "noise"}))
	come := func(key [32]byte, token []byte) error {
		_, err := b.Admit(now.Add(time.Minute), access.Caller{Key: key, Addr: addr, Token: token})
		return err
	}
	said := map[string]error{
		"stranger": come(stranger, nil), "used up": come(stranger, usedUp[:]), "expired": come(stranger, expired[:]), "foreign": come(stranger, foreign[:]),
		"denied": come(denied, nil), "replaced": come(replaced, nil), "banned": come(banned, foreign[:]),
	}
	b.SetMode(access.Known)
	said["stranger of a closed daemon"] = come(stranger, foreign[:])
	for name, want := range map[string]string{
		"stranger": "yodel join LINK gets in", "used up": "for a new invite", "expired": "for a new invite", "foreign": "for a new invite",
		"stranger of a closed daemon": "yodel key prints its fingerprint", "denied": "", "replaced": "", "banned": "",
	} {
		err := said[name]
		if err == nil {
			t.Fatalf("%s: not refused", name)
		}
		f := explain(fmt.Errorf("dial: %w", &peer.RefusedError{Code: wire.Code_CODE_ACCESS, Reason: err.Error()}))
		if f.exit != exitRefused || f.code != "access" || !strings.Contains(f.hint, want) || (want == "") != (f.hint == "") {
			t.Errorf("%s: %+v", name, f)
		}
	}
	room := explain(&peer.RefusedError{Code: wire.Code_CODE_ACCESS, Reason: "this key may not join that room", Room: "bridge"})
	if room.exit != exitRefused || !strings.HasPrefix(room.hint, "no invite helps") {
		t.Errorf("a room: %+v", room)
	}
	if f := explain(&peer.RefusedError{Code: wire.Code_CODE_ACCESS, Reason: wire.ByeAccess}); f.hint != "" {
		t.Errorf("withdrawn: %+v", f)
	}
}
