package e2e

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"yodel/daemon"
	"yodel/daemon/access"
	"yodel/peer"
	"yodel/wire"
)

// Real peers of a real daemon that knows its keys: who is in the operator's file comes in, who is not is told why, who is taken out is out within 3 s.
func TestKnownKeysComeIn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "authorized_keys")
	w := newWorld(t, daemon.Config{Access: access.Known, AuthorizedKeys: file})
	known, unknown := w.config("known"), w.config("unknown")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file+"~", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+"~", file); err != nil {
			t.Fatal(err)
		}
	}
	write(known.Identity.Fingerprint().String() + " known crew # a key\n")
	welcomed := func(cfg peer.Config) (*peer.Client, error) {
		c := w.dial(cfg)
		return c, c.Welcomed(soon(t))
	}
	wantRefused := func(err error) {
		t.Helper()
		if refusal, ok := errors.AsType[*peer.RefusedError](err); !ok || refusal.Code != wire.Code_CODE_ACCESS {
			t.Errorf("%v", err)
		}
	}
	_, err := welcomed(unknown)
	wantRefused(err)
	var in *peer.Client
	for late := time.Now().Add(patience); ; { // the file was not there at the start
		if in, err = welcomed(known); err == nil {
			break
		}
		wantRefused(err)
		if time.Now().After(late) {
			t.Fatal("the file is not read")
		}
		<-time.After(100 * time.Millisecond)
	}
	join(t, in, peer.JoinOptions{Room: "lobby"})
	receipt(t, publish(t, in, "lobby", "hello"))
	write("# nobody\n")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		if _, err := in.Publish(ctx, peer.Outgoing{Room: "lobby", Body: []byte("still here?")}); err != nil {
			break
		}
		select {
		case <-ctx.Done():
			t.Fatal("who was taken out is still there")
		case <-time.After(100 * time.Millisecond):
		}
	}
}
