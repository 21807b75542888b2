//go:build linux

package nettest

import (
	"context"
	"fmt"
	"io"
	"time"

	"yodel/cmd/internal/programs"
)

const (
	quietTime   = 3 * time.Second  // nobody says anything
	hearsAgain  = 20 * time.Second // who is idle is reached again after its next Ping, every 15 s
	speaksAgain = 6 * time.Second  // who says something finds out by the daemon's hint, or by itself after 5 s
)

// idle has the NATs rebind while nobody says anything. First bob's: a line for him finds him when he has pinged. Then alice's, who
// sends the next line.
func idle(w *world, r row, out *outcome) error {
	reader, err := w.peer(w.bob, r.room, nil, "read", "-f", "-n", "0")
	if err != nil {
		return err
	}
	mouth, err := w.peer(w.alice, r.room, nil, "send")
	if err != nil {
		return err
	}
	say := func(limit time.Duration) (receipt, read time.Duration, err error) {
		begin := time.Now()
		out.lines++
		if _, err := io.WriteString(mouth.Stdin, r.line(out.lines)+"\n"); err != nil {
			return 0, 0, err
		}
		ctx, cancel := context.WithTimeoutCause(w.ctx, limit, fmt.Errorf("not within %v", limit))
		defer cancel()
		got, err := mouth.AwaitEvent(ctx, "receipt", "", out.lines)
		if err != nil {
			return 0, 0, err
		}
		out.receipts++
		message, err := reader.AwaitEvent(ctx, "message", "", out.lines)
		return got.Got.Sub(begin), message.Got.Sub(begin), err
	}
	if err := reader.Await(w.ctx, "joined", func(e []programs.Event) bool { return count(e, "joined") > 0 }); err != nil {
		return err
	}
	if _, _, err := say(settle); err != nil {
		return fmt.Errorf("on the first path: %w", err)
	}
	for _, step := range []struct {
		who   *site
		limit time.Duration
	}{{w.bob, hearsAgain}, {w.alice, speaksAgain}} {
		if err := w.pause(quietTime); err != nil {
			return err
		}
		step.who.link.Rebind()
		receipt, read, err := say(step.limit)
		if err != nil {
			return fmt.Errorf("after %s's NAT has rebound: %w", step.who.nick, err)
		}
		out.note += fmt.Sprintf(" %s: receipt %s, read %s;", step.who.nick, seconds(receipt), seconds(read))
	}
	out.sessionsLost = len(reader.Of("lost")) + len(mouth.Of("lost"))
	return mouth.Stdin.Close()
}
