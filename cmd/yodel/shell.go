package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"yodel/peer"
	"yodel/peer/audio"
	"yodel/wire"
	"yodel/wire/secure"
)

// answerTimeout bounds a request once there is a session.
const answerTimeout = 20 * time.Second

// shell is what a command works with.
type shell struct {
	stdin io.Reader
	out   *printer
	settings
	parts     func(audio.Part)            // of the output, once it is open; else nil
	hearing   bool                        // talks are told when they are heard
	live      bool                        // the room that is heard has no delay
	crowdTold time.Time                   // when people were told how many there are
	dialled   atomic.Pointer[peer.Client] // nil before
	mark      atomic.Pointer[bookmark]    // of read --state; else nil
	recorder  atomic.Pointer[recorder]    // the last one; nil before
}

// identityFile loads the identity, making it on first use.
func (sh *shell) identityFile() (id *secure.Identity, path string, created bool, err error) {
	path, err = sh.identityPath()
	if err != nil {
		return nil, "", false, err
	}
	id, created, err = secure.LoadOrCreateIdentity(path)
	return id, path, created, err
}

// dialing says how a command connects.
type dialing struct {
	nick      bool // it appears under its nick
	reconnect bool // it comes back for ever

	invite *wire.Invite     // which it takes; nil: none
	as     *secure.Identity // nil: the identity of the settings
}

// dial connects to the daemon.
func (sh *shell) dial(ctx context.Context, how dialing) (*peer.Client, error) {
	cfg := peer.Config{
		Server:    sh.server,
		Software:  "yodel/" + version,
		Timeout:   sh.timeout,
		Reconnect: how.reconnect,
	}
	if how.nick {
		nick, err := wire.Nick(sh.nick)
		if err != nil {
			return nil, err
		}
		cfg.Nick = nick
	}
	if how.invite != nil {
		cfg.Daemon, cfg.Invite = how.invite.Fingerprint, how.invite.Token[:]
	}
	id, path, _, err := sh.identityFile()
	if err != nil {
		return nil, err
	}
	cfg.Identity = cmp.Or(how.as, id)
	cfg.KnownHosts = &secure.KnownHosts{Path: filepath.Join(filepath.Dir(path), "known_hosts")}
	if sh.verbose {
		cfg.Logger = slog.New(slog.NewTextHandler(sh.out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	started := time.Now()
	client, err := peer.Dial(ctx, cfg)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, err
	}
	sh.dialled.Store(client)
	if sh.verbose {
		sh.out.errorLine(fmt.Sprintf("connected to %s in %v, %s; this is %s", client.Addr(),
			time.Since(started).Round(time.Millisecond), client.Daemon(), client.Fingerprint()))
	}
	return client, nil
}

// hangUp ends a session. What matters has been told by receipts before.
func hangUp(client *peer.Client) { _ = client.Close() }

// ask bounds a request to the daemon.
func (sh *shell) ask(ctx context.Context, request func(context.Context) error) error {
	limit := max(answerTimeout, sh.timeout)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%w in %s", errNoAnswer, exact(limit)))
	defer cancel()
	return orCause(ctx, request(ctx))
}

// orCause gives the reason why the context ended where err only says that it did.
func orCause(ctx context.Context, err error) error {
	ended := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	if cause := context.Cause(ctx); cause != nil && ended {
		return cause
	}
	return err
}

// join joins the room of the settings and says so.
func (sh *shell) join(ctx context.Context, client *peer.Client, opts peer.JoinOptions) (joined *peer.Joined, err error) {
	opts.Room = sh.room
	err = sh.ask(ctx, func(ctx context.Context) error {
		joined, err = client.Join(ctx, opts)
		return err
	})
	if err == nil && !opts.Observe {
		sh.tellJoined(joined, joined.At)
	}
	return joined, err
}

// gone gives the reason why a client's events have ended, never nil.
func gone(client *peer.Client) error {
	if err := client.Err(); err != nil {
		return err
	}
	return peer.ErrLost
}
