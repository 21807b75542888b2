package peer_test

import (
	"context"
	"log"

	"yodel/peer"
	"yodel/wire/secure"
)

// A bot that joins a room and answers "ping" with "pong". It goes on for ever, also when the daemon is started again.
func Example() {
	ctx := context.Background()
	id, _, err := secure.LoadOrCreateIdentity("bot.pem")
	if err != nil {
		log.Fatal(err)
	}
	c, err := peer.Dial(ctx, peer.Config{
		Server: "localhost", Identity: id, KnownHosts: &secure.KnownHosts{Path: "bot.hosts"}, Nick: "bot", Reconnect: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Join(ctx, peer.JoinOptions{Room: "lobby"}); err != nil {
		log.Print(err)
		return
	}
	for ev := range c.Events() {
		if m, ok := ev.(*peer.Message); ok && string(m.Body) == "ping" {
			if _, err := c.Publish(ctx, peer.Outgoing{Room: m.Room, Body: []byte("pong")}); err != nil {
				log.Print(err)
			}
		}
	}
}
