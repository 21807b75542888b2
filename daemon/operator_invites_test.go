package daemon

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"yodel/daemon/access"
)

// lines is a log that is read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// An invite that is taken back lets nobody in any more, who has come in with it stays, and the log tells who that is.
func TestAnInviteIsTakenBack(t *testing.T) {
	var log lines
	cfg := Config{Access: access.Invite, State: t.TempDir(), Logger: slog.New(slog.NewTextHandler(&log, nil))}
	inWorld(t, cfg, func(t *testing.T, w *world) {
		op := w.operator()
		token, err := op.CreateInvite(t.Context(), access.NewInvite{Uses: 5})
		must(t, err)
		a := w.connect("10.0.0.1:1", newID(t))
		a.comes("", token[:])
		a.wantIn("with the invite")
		all, err := op.Invites(t.Context())
		if err != nil || len(all) != 1 || all[0].ID != access.InviteID(token[:]) || all[0].Uses != 5 || all[0].Used != 1 {
			t.Fatalf("%+v, %v", all, err)
		}
		id := all[0].ID
		if !strings.Contains(log.String(), "invite="+id) {
			t.Errorf("the log does not name the invite:\n%s", &log)
		}
		if whole, err := op.RevokeInvite(t.Context(), id[:4]); whole != id || err != nil {
			t.Fatal(whole, err)
		}
		if whole, err := op.RevokeInvite(t.Context(), id); whole != "" || err != nil {
			t.Error(whole, err)
		}
		if _, err := op.RevokeInvite(t.Context(), "*"); !errors.Is(err, access.ErrRequest) {
			t.Error(err)
		}
		b := w.connect("10.0.0.2:1", newID(t))
		b.comes("", token[:])
		b.wantOut("with what was taken back", "not of this daemon")
		w.pass(time.Second)
		a.wantIn("before")
		if all, err := op.Invites(t.Context()); err != nil || len(all) != 0 {
			t.Errorf("%+v, %v", all, err)
		}
	})
}
