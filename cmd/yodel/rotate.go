package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"yodel/peer"
	"yodel/wire"
	"yodel/wire/secure"
)

// Beside identity.pem, while a key takes the place of another and after that.
const (
	nextKey   = ".new"
	formerKey = ".old"
)

// replacedBy begins, before a fingerprint, the reason for which a daemon refuses a key that another has replaced.
const replacedBy = "this key was replaced by "

// rotation is a change of keys. Each of its steps can be the last before a crash, and the next run goes on:
//
//	FILE.new is made          the old key holds; the new one is known to nobody
//	the daemon has stored it  the new key holds there, and the daemon refuses the old one
//	FILE.old is the old key   as well as FILE; FILE.old.1, FILE.old.2 … where other keys have the name
//	FILE.new becomes FILE     done
//
// With a new key that is there already (to) the daemon alone changes, and no file: so another daemon, which knows the old key only, gets to know it.
type rotation struct {
	*shell
	path      string // of the old key, no symbolic link
	to        string // of the new key; empty: FILE.new
	old, next *secure.Identity
}

// rotate gives the identity a new key, or that in the file to, and has the daemon of the settings know it in place of the old one.
func (sh *shell) rotate(ctx context.Context, to string) error {
	path, err := sh.identityPath()
	if err != nil {
		return err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return withHint(fmt.Errorf("identity: %w", err), "there is no key yet to be replaced; any command makes one")
	}
	r := &rotation{shell: sh, path: path, to: to}
	if to != "" {
		return r.follow(ctx)
	}
	return r.renew(ctx)
}

// renew makes a new key take the place of the old one, at the daemon and in the file.
func (r *rotation) renew(ctx context.Context) error {
	unlock, err := secure.LockFile(r.path + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if err := r.load(); err != nil {
		return err
	}
	if err := r.hand(ctx); err != nil {
		return err
	}
	former, err := r.install()
	if err != nil {
		return withHint(fmt.Errorf("the daemon knows the new key, but it is still in %s: %w", r.path+nextKey, err), "yodel key rotate goes on from there")
	}
	r.tell(r.path)
	r.out.remark("yodel: hint: other daemons know the old key only, which is in " + former + "; for each of them:" +
		" yodel key rotate --identity " + former + " --to " + r.path + " --server HOST")
	return nil
}

// follow has the daemon know a key that is there already.
func (r *rotation) follow(ctx context.Context) (err error) {
	if r.old, err = secure.LoadIdentity(r.path); err != nil {
		return err
	}
	if r.next, err = secure.LoadIdentity(r.to); err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	if r.old.Fingerprint() == r.next.Fingerprint() {
		return withHint(usagef("%s and %s are the same key", r.path, r.to), "--identity names the old key, --to the new one")
	}
	if err := r.hand(ctx); err != nil {
		return err
	}
	r.tell(r.to)
	return nil
}

// load gets both keys, and makes the new one if there is none yet. It is on the disk before anybody is told of it.
func (r *rotation) load() error {
	var made bool
	var err error
	if r.old, err = secure.LoadIdentity(r.path); err != nil {
		return err
	}
	if r.next, made, err = secure.LoadOrCreateIdentity(r.path + nextKey); err != nil {
		return err
	}
	if !made {
		r.out.remark("going on with the new key in " + r.path + nextKey)
	}
	return syncFolder(filepath.Dir(r.path))
}

// hand has the daemon put the new key in the place of the old one. A daemon that refuses the old one may have done so before, or in the session
// that it has ended: it says which key has replaced it. Else the new key stays in its file, and the old one holds.
func (r *rotation) hand(ctx context.Context) error {
	err := r.succeed(ctx)
	if err == nil || r.done(err) || refusesAccess(err) && r.done(r.knock(ctx)) {
		return nil
	}
	var refused *peer.RefusedError
	if errors.As(err, &refused) && refused.Code == wire.Code_CODE_PROTOCOL {
		return withHint(err, "when %s is removed the next run makes another key", r.path+nextKey)
	}
	return err
}

// done tells that the daemon refuses the old key because the new one has replaced it. That it lets the new one in would not tell: it may let in all.
func (r *rotation) done(err error) bool {
	var refused *peer.RefusedError
	return refusesAccess(err) && errors.As(err, &refused) && refused.Reason == replacedBy+r.next.Fingerprint().String()
}

func refusesAccess(err error) bool {
	var refused *peer.RefusedError
	return errors.As(err, &refused) && refused.Code == wire.Code_CODE_ACCESS
}

// succeed tells the daemon of the new key in a session of the old one.
func (r *rotation) succeed(ctx context.Context) error {
	client, err := r.dial(ctx, dialing{as: r.old})
	if err != nil {
		return err
	}
	defer hangUp(client)
	return r.ask(ctx, func(ctx context.Context) error { return client.Succeed(ctx, r.next) })
}

// knock asks the daemon whether it takes the old key.
func (r *rotation) knock(ctx context.Context) error {
	client, err := r.dial(ctx, dialing{as: r.old})
	if err != nil {
		return err
	}
	defer hangUp(client)
	return orCause(ctx, client.Welcomed(ctx))
}

// install puts the new key in the place of the old one, which stays in a file of its own. There is a key under the usual name at every moment. A copy
// needs nothing of the file system that not all have, as links are.
func (r *rotation) install() (former string, err error) {
	if former, err = r.former(); err != nil {
		return "", err
	}
	text, err := os.ReadFile(r.path)
	if err != nil {
		return "", err
	}
	if err := replaceFile(former, text); err != nil {
		return "", err
	}
	if err := os.Rename(r.path+nextKey, r.path); err != nil {
		return "", err
	}
	return former, syncFolder(filepath.Dir(r.path))
}

// former gives the file in which the old key stays: the first that is not there, or has it already. What another rotation has left is never touched.
func (r *rotation) former() (string, error) {
	path := r.path + formerKey
	for n := 1; ; n++ {
		switch _, err := os.Lstat(path); {
		case errors.Is(err, fs.ErrNotExist):
			return path, nil
		case err != nil:
			return "", err
		}
		if id, err := secure.LoadIdentity(path); err == nil && id.Fingerprint() == r.old.Fingerprint() {
			return path, nil
		}
		path = r.path + formerKey + "." + strconv.Itoa(n)
	}
}

// tell tells that the daemon knows the new key, and where that is.
func (r *rotation) tell(path string) {
	r.out.remark(r.server + " knows this key in place of the old one, with all that was the old one's; programs that run with the old one end")
	fingerprint := r.next.Fingerprint().String()
	r.out.result(fingerprint+"  "+path, keyObject{Type: "key", Fingerprint: fingerprint, Path: path, Replaces: r.old.Fingerprint().String()})
}
