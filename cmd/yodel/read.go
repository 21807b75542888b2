package main

import (
	"context"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"yodel/peer"
)

// defaultLast is how many messages read shows when it is not told.
const defaultLast = 10

func (sh *shell) readCommand() *cli.Command {
	return sh.command(&cli.Command{
		Name:  "read",
		Usage: "read a room's messages, the last 10 unless told otherwise",
		Description: "-f follows the room for ever, as a member whom others see come and go; without it nobody is told.\n" +
			"TIME is a time ago (10m, 2d), a time of today (15:04), a date (2026-01-31), or RFC 3339.\n" +
			"POS is a message's \"pos\" as --json prints it; with its \"log\" (LOG:POS) a position of another log is noticed.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, DisableDefaultText: true, Usage: "go on with what comes"},
			&cli.IntFlag{Name: "lines", Aliases: []string{"n"}, Value: defaultLast, Usage: "start with the last `N` messages"},
			&cli.StringFlag{Name: "since", Usage: "start at `TIME`"},
			&cli.StringFlag{Name: "after", Usage: "start after the position `POS` or LOG:POS"},
		},
	}, readAction)
}

// start says where reading begins; it is one of last, since and after.
type start struct {
	last  int
	since time.Time
	after *position
}

// position is a place in a room log.
type position struct {
	log []byte // nil: of the log as it is now
	pos uint64
}

func readAction(ctx context.Context, sh *shell, c *cli.Context) error {
	from, err := readStart(c, time.Now())
	if err != nil {
		return err
	}
	if c.Bool("follow") {
		return sh.follow(ctx, from)
	}
	return sh.readOnce(ctx, from)
}

func readStart(c *cli.Context, now time.Time) (start, error) {
	given := 0
	for _, name := range []string{"lines", "since", "after"} {
		if c.IsSet(name) {
			given++
		}
	}
	s := start{last: c.Int("lines")}
	switch {
	case given > 1:
		return start{}, usagef("only one of -n, --since and --after can be given")
	case s.last < 0 || s.last > 1<<31:
		return start{}, usagef("-n %d: must be 0 or more", s.last)
	case c.IsSet("since"):
		at, err := parseSince(c.String("since"), now)
		s.since = at
		return s, err
	case c.IsSet("after"):
		p, err := parsePosition(c.String("after"))
		s.after = &p
		return s, err
	}
	return s, nil
}

// parsePosition reads POS or LOG:POS.
func parsePosition(text string) (position, error) {
	log, pos, ok := strings.Cut(text, ":")
	if !ok {
		log, pos = "", text
	}
	n, err := strconv.ParseUint(pos, 10, 64)
	if err != nil {
		return position{}, usagef("--after %q: a position is a number, or LOG:NUMBER", text)
	}
	id, err := hex.DecodeString(log)
	if err != nil || (ok && len(id) == 0) {
		return position{}, usagef("--after %q: a log is named in hexadecimal digits", text)
	}
	return position{id, n}, nil
}

// from makes it what the client library takes. A position without its log needs the log as it is now: it is
// asked for by a join that nobody sees.
func (s start) from(ctx context.Context, sh *shell, client *peer.Client) (peer.From, error) {
	switch {
	case s.after == nil && !s.since.IsZero():
		return peer.Since(s.since), nil
	case s.after == nil && s.last == 0:
		return peer.Live(), nil
	case s.after == nil:
		return peer.Last(s.last), nil
	case len(s.after.log) > 0:
		return peer.AfterPos(s.after.log, s.after.pos), nil
	}
	joined, err := sh.join(ctx, client, peer.JoinOptions{From: peer.Live(), Observe: true})
	if err != nil {
		return peer.From{}, err
	}
	return peer.AfterPos(joined.LogID, s.after.pos), nil
}

// readOnce prints what is there and ends.
func (sh *shell) readOnce(ctx context.Context, s start) error {
	client, err := sh.dial(ctx, dialing{})
	if err != nil {
		return err
	}
	defer hangUp(client)
	from, err := s.from(ctx, sh, client)
	if err != nil {
		return err
	}
	joined, err := sh.join(ctx, client, peer.JoinOptions{From: from, Observe: true})
	if err != nil {
		return err
	}
	sh.tellTruncated(joined)
	for left := joined.Replay; left > 0 && sh.out.failed() == nil; {
		m, err := sh.nextStored(ctx, client)
		if err != nil {
			return err
		}
		if m.Pos > joined.Newest {
			break
		}
		sh.tellMessage(m, joined.LogID)
		left--
		if m.Pos == joined.Newest {
			break
		}
	}
	return nil
}

// nextStored waits for a message of the room log, as long as for an answer.
func (sh *shell) nextStored(ctx context.Context, client *peer.Client) (m *peer.Message, err error) {
	err = sh.ask(ctx, func(ctx context.Context) error {
		for m == nil {
			ev, err := nextEvent(ctx, client)
			if err != nil {
				return err
			}
			if got, ok := ev.(*peer.Message); ok && !got.Transient {
				m = got
			}
		}
		return nil
	})
	return m, err
}

func nextEvent(ctx context.Context, client *peer.Client) (peer.Event, error) {
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case ev, ok := <-client.Events():
		if !ok {
			return nil, gone(client)
		}
		return ev, nil
	}
}

// follow prints what is there and what comes, until the context or the session ends or nobody reads the output.
func (sh *shell) follow(ctx context.Context, s start) error {
	ctx, cancel := watchReader(ctx, sh.out.stdout)
	defer cancel()
	client, err := sh.dial(ctx, dialing{nick: true, reconnect: true})
	if err != nil {
		return err
	}
	defer hangUp(client)
	from, err := s.from(ctx, sh, client)
	if err != nil {
		return err
	}
	joined, err := sh.join(ctx, client, peer.JoinOptions{From: from})
	if err != nil {
		return err
	}
	sh.tellTruncated(joined)
	return sh.followEvents(ctx, follow{client: client, logID: joined.LogID})
}

// follow is what followEvents prints.
type follow struct {
	client *peer.Client
	logID  []byte
	skip   func(id uint64) bool // messages that are not printed; nil: none
}

// followEvents prints what happens in the room until ctx or the session ends, or nobody reads any more.
func (sh *shell) followEvents(ctx context.Context, f follow) error {
	for {
		ev, err := nextEvent(ctx, f.client)
		if err != nil {
			return err
		}
		switch ev := ev.(type) {
		case *peer.Message:
			if f.skip == nil || !f.skip(ev.ID) {
				sh.tellMessage(ev, f.logID)
			}
		case *peer.Back:
			f.logID = logOf(ev, sh.room, f.logID)
			sh.tellEvent(ev)
		default:
			sh.tellEvent(ev)
		}
		if err := sh.out.failed(); err != nil {
			return err
		}
	}
}

// logOf gives the room log's id after a reconnect.
func logOf(back *peer.Back, room string, old []byte) []byte {
	for _, j := range back.Rooms {
		if j.Room == room {
			return j.LogID
		}
	}
	return old
}

// tellTruncated says that the start of what was asked for is missing.
func (sh *shell) tellTruncated(j *peer.Joined) {
	if j.Truncated {
		sh.tellEvent(&peer.Truncated{Room: j.Room})
	}
}
