package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"
)

func statusCommand(out io.Writer) *cli.Command {
	return consoleCommand(&cli.Command{
		Name: "status", Usage: "tell what the running daemon is and what goes on in it",
		Description: "One line a fact; with --json one object.",
	}, out, 0, 0, status)
}

func status(ctx context.Context, c *console) error {
	s, err := c.client.Status(ctx)
	if err != nil {
		return err
	}
	if c.out.json {
		return c.out.object("status", s)
	}
	log := s.LogID + ", messages are stored"
	if s.LogError != "" {
		log = s.LogID + ", no message is stored: " + s.LogError
	}
	return c.out.pairs(
		"software", s.Software,
		"address", s.Address,
		"public address", s.PublicAddress,
		"fingerprint", s.Fingerprint,
		"access", string(s.Access),
		"up", lasting(time.Duration(s.Uptime*float64(time.Second)))+", since "+timeText(s.Since, "-"),
		"sessions", fmt.Sprintf("%d of %d", s.Sessions, s.MaxSessions),
		"rooms", fmt.Sprintf("%d of %d, with %d members, of whom %d talk", s.Rooms, s.MaxRooms, s.Members, s.Talkers),
		"echo", bytesText(uint64(max(s.EchoBytes, 0)))+" wait to be heard",
		"room log", log,
	)
}
