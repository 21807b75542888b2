//go:build linux

package main

import (
	"context"
	"errors"
	"sync"

	"yodel/wire/secure"
)

// protection is one side's of a session.
type protection struct {
	tx *secure.Tx
	rx *secure.Rx
}

// handshake makes the keys of a session by a real handshake, without a network between.
func handshake() (client, server protection, err error) {
	var conns [2]*secure.MemConn
	var feeding [2]sync.Mutex
	for i := range conns {
		conns[i] = secure.NewMemConn(func(datagram []byte) {
			feeding[1-i].Lock()
			defer feeding[1-i].Unlock()
			_ = conns[1-i].Feed(datagram) // what is not taken is sent again
		})
	}
	var sides [2]protection
	var errs [2]error
	var both sync.WaitGroup
	var secrets [2]*secure.Secrets
	for i := range sides {
		both.Go(func() { secrets[i], sides[i], errs[i] = oneSide(conns[i], i == 0) })
	}
	both.Wait()
	for _, s := range secrets {
		if s != nil {
			s.Free()
		}
	}
	return sides[0], sides[1], errors.Join(errs[:]...)
}

func oneSide(conn *secure.MemConn, client bool) (*secure.Secrets, protection, error) {
	identity, err := secure.NewIdentity()
	if err != nil {
		return nil, protection{}, err
	}
	anyone := func(secure.Fingerprint) error { return nil }
	secrets, err := secure.Handshake(context.Background(), conn, secure.Config{Identity: identity, Client: client, Verify: anyone})
	if err != nil {
		return nil, protection{}, err
	}
	var p protection
	p.tx, p.rx, err = secrets.Protect()
	return secrets, p, err
}
