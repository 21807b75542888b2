package control

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yodel/daemon/access"
)

func TestInvitesAreListedAndRevoked(t *testing.T) {
	r := start(t, nil)
	a, err := r.client.Invite(bounded(t), InviteRequest{Uses: 3, Roles: []string{"crew"}})
	if err != nil {
		t.Fatal(err)
	}
	all, err := r.client.Invites(bounded(t))
	if err != nil || len(all) != 1 || all[0].ID != a.ID || all[0].Uses != 3 || all[0].Used != 0 || len(all[0].Roles) != 1 || all[0].Created.IsZero() {
		t.Errorf("%+v, %v", all, err)
	}
	if got, err := r.client.Revoke(bounded(t), RevokeRequest{ID: a.ID[:5]}); err != nil || got.ID != a.ID {
		t.Errorf("%+v, %v", got, err)
	}
	if all, err = r.client.Invites(bounded(t)); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	if _, err := r.client.Revoke(bounded(t), RevokeRequest{ID: a.ID}); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if _, err := r.client.Revoke(bounded(t), RevokeRequest{ID: "x"}); !errors.Is(err, ErrRequest) {
		t.Error(err)
	}
	for _, want := range []string{"did=invite ", `did="invite revoke"`, "invite=" + a.ID} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("the log has no %q:\n%s", want, r.log)
		}
	}
	if stored, err := os.ReadFile(filepath.Join(r.state, "access.json")); err != nil || strings.Contains(string(stored), a.ID) {
		t.Errorf("on the disk: %s, %v", stored, err)
	}
}

// What holds for ever has no end in the log.
func TestWhatHasNoEnd(t *testing.T) {
	r := start(t, nil)
	if _, err := r.client.Invite(bounded(t), InviteRequest{Uses: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.client.Ban(bounded(t), BanRequest{Prefix: "192.0.2.77"}); err != nil {
		t.Fatal(err)
	}
	if text := r.log.String(); strings.Contains(text, "0001-01-01") || strings.Contains(text, "until=") || strings.Contains(text, "expires=") {
		t.Error(text)
	}
	if _, err := r.client.Ban(bounded(t), BanRequest{Prefix: "192.0.2.78", For: 60}); err != nil {
		t.Fatal(err)
	}
	if text := r.log.String(); !strings.Contains(text, "until=2") {
		t.Error(text)
	}
}

func TestNoInviteWhereNoneIsTaken(t *testing.T) {
	r := startAs(t, access.Known, http.Handler(nil))
	if a, err := r.client.Invite(bounded(t), InviteRequest{Uses: 1}); !errors.Is(err, ErrRefused) || a.Token != "" || !strings.Contains(err.Error(), "access is known") {
		t.Errorf("%+v, %v", a, err)
	}
}
