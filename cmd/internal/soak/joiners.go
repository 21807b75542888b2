package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"yodel/cmd/internal/impair"
	"yodel/peer"
	"yodel/wire/secure"
)

const (
	joinEvery   = 100 * time.Millisecond
	silentEvery = 4  // one in so many joiners ends without a word
	joiners     = 15 // identities that come and go: the daemon remembers nicks. No multiple of silentEvery, so that each ends in both ways
)

// joiner is who begins a session and ends it.
type joiner struct {
	nick   string
	id     *secure.Identity
	silent bool // it ends without BYE: for the daemon it is just gone
}

// joins has sessions come and go.
func (s *soak) joins(ctx context.Context) {
	var ids []*secure.Identity
	for range joiners {
		id, err := secure.NewIdentity()
		if err != nil {
			s.fail(err.Error())
			return
		}
		ids = append(ids, id)
	}
	var running sync.WaitGroup
	defer running.Wait()
	places := make(chan struct{}, joiners)
	for n := 0; wait(ctx, joinEvery); n++ {
		select {
		case places <- struct{}{}:
		default:
			continue // all are under way
		}
		running.Go(func() {
			defer func() { <-places }()
			i := n % joiners
			joiner := joiner{nick: fmt.Sprintf("joiner-%d", i), id: ids[i], silent: n%silentEvery == 0}
			if err := s.comesAndGoes(ctx, joiner); !over(ctx, err) {
				s.fail("joiner: " + err.Error())
			}
		})
	}
}

// comesAndGoes is a session from its beginning to its end, with BYE or without.
func (s *soak) comesAndGoes(ctx context.Context, j joiner) error {
	addr, cut := s.server.addr, func() {}
	if j.silent {
		way, err := impair.New(impair.Config{Target: addr})
		if err != nil {
			return err
		}
		defer func() { _ = way.Close() }()
		addr, cut = way.Addr().String(), func() { way.SetBlackhole(true) }
	}
	c, err := s.dial(ctx, addr, j.nick, j.id)
	if err != nil {
		return err
	}
	defer func() {
		cut()
		_ = c.Close()
	}()
	for _, room := range []string{live, echo} {
		if _, err := c.Join(ctx, peer.JoinOptions{Room: room, From: peer.Last(5)}); err != nil {
			return err
		}
	}
	s.sessions.Add(1)
	return c.Leave(ctx, live)
}
