package e2e

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"yodel/daemon"
	"yodel/daemon/access"
	"yodel/peer"
	"yodel/wire"
)

// invite makes an invite.
func (w *world) invite(n access.NewInvite) []byte {
	w.t.Helper()
	token, err := w.daemon.CreateInvite(soon(w.t), n)
	if err != nil {
		w.t.Fatal(err)
	}
	return token[:]
}

// comesIn dials and tells how the daemon answered.
func comesIn(t *testing.T, cfg peer.Config) error {
	t.Helper()
	c, err := peer.Dial(soon(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return c.Welcomed(soon(t))
}

// isAccess tells that an error is a refusal of access, with a text.
func isAccess(err error, text string) bool {
	var refused *peer.RefusedError
	return errors.As(err, &refused) && refused.Code == wire.Code_CODE_ACCESS && strings.Contains(err.Error(), text)
}

func TestInvitesLetIn(t *testing.T) {
	w := newWorld(t, daemon.Config{Access: access.Invite})
	alice := w.config("alice")
	if err := comesIn(t, alice); !isAccess(err, "") {
		t.Errorf("a stranger: %v", err)
	}
	once := w.invite(access.NewInvite{Uses: 1, Expires: time.Now().Add(time.Hour)})
	alice.Invite, alice.Daemon = once, w.cfg.Identity.Fingerprint()
	for range 2 { // again: the key is known, and uses up nothing
		if err := comesIn(t, alice); err != nil {
			t.Errorf("a good invite: %v", err)
		}
	}
	alice.Invite = nil
	if err := comesIn(t, alice); err != nil {
		t.Errorf("a key that was enrolled: %v", err)
	}
	bob := w.config("bob")
	bob.Invite = once
	if err := comesIn(t, bob); !isAccess(err, "used up") {
		t.Errorf("an invite that is used up: %v", err)
	}
	bob.Invite = w.invite(access.NewInvite{Uses: 1, Expires: time.Now().Add(2 * time.Second)})
	<-time.After(2100 * time.Millisecond) // an invite lives for whole seconds
	if err := comesIn(t, bob); !isAccess(err, "expired") {
		t.Errorf("an invite that has expired: %v", err)
	}
	bob.Invite = make([]byte, wire.InviteToken)
	if err := comesIn(t, bob); !isAccess(err, "not of this daemon") {
		t.Errorf("an invite of another daemon: %v", err)
	}
}

// A key that is denied loses its session at once, and does not come back.
func TestADeniedKeyIsOut(t *testing.T) {
	w := newWorld(t, daemon.Config{Access: access.Open})
	cfg := w.config("alice")
	cfg.Reconnect = true
	c := w.dial(cfg)
	join(t, c, peer.JoinOptions{Room: "lobby"})
	if _, err := w.daemon.DenyKey(soon(t), c.Fingerprint(), "enough"); err != nil {
		t.Fatal(err)
	}
	ends(t, c)
	if !isAccess(c.Err(), "access withdrawn") {
		t.Errorf("ended with %v", c.Err())
	}
	if err := comesIn(t, cfg); !isAccess(err, "enough") {
		t.Errorf("a denied key: %v", err)
	}
}

// A new key has what the old one had, and the old one is out, also in its other sessions.
func TestAKeySucceeds(t *testing.T) {
	w := newWorld(t, daemon.Config{Access: access.Invite})
	old := w.config("alice")
	old.Invite = w.invite(access.NewInvite{Uses: 1})
	other := old
	other.Reconnect = true
	sitting := w.dial(other)
	join(t, sitting, peer.JoinOptions{Room: "lobby"})
	next := w.config("alice")
	if err := w.dial(old).Succeed(soon(t), next.Identity); err != nil {
		t.Fatal(err)
	}
	ends(t, sitting)
	if !isAccess(sitting.Err(), "") {
		t.Errorf("the other session of the old key ended with %v", sitting.Err())
	}
	if err := comesIn(t, old); !isAccess(err, "") {
		t.Errorf("the old key: %v", err)
	}
	c := w.dial(next)
	if err := c.Welcomed(soon(t)); err != nil || c.Nick() != "alice" {
		t.Errorf("the new key is %q, %v", c.Nick(), err)
	}
}

// A room that one may not join is named.
func TestARoomForOthers(t *testing.T) {
	staff, err := access.ParseWho("staff")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, daemon.Config{Access: access.Open, Rooms: map[string]daemon.RoomConfig{"staff": {Join: []access.Who{staff}}}})
	c := w.dial(w.config("alice"))
	_, err = c.Join(soon(t), peer.JoinOptions{Room: "staff"})
	if !isAccess(err, "staff") {
		t.Errorf("%v", err)
	}
	if err := c.Welcomed(soon(t)); err != nil {
		t.Errorf("the session: %v", err)
	}
}

// ends reads events until there are no more.
func ends(t *testing.T, c *peer.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		select {
		case _, ok := <-c.Events():
			if !ok {
				return
			}
		case <-ctx.Done():
			t.Fatal("it does not end")
		}
	}
}
