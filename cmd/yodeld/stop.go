package main

import (
	"context"
	"io"

	"github.com/urfave/cli/v2"
)

func stopCommand(out io.Writer) *cli.Command {
	return consoleCommand(&cli.Command{
		Name: "stop", Usage: "end the running daemon, and wait until it has ended",
		Description: "What is being stored is stored, and peers are told. It waits up to 15 s. A service that systemd starts by its socket comes back with the\n" +
			"next datagram: systemctl stop yodeld.socket yodeld ends both.",
	}, out, 0, 0, stop)
}

func stop(ctx context.Context, c *console) error {
	if err := c.client.Stop(ctx); err != nil {
		return err
	}
	if c.out.json {
		return c.out.object("stop", struct{}{})
	}
	return c.out.line("stopped")
}
