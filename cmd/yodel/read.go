package main

import (
	"context"
	"encoding/hex"
	"math"
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
			"POS is a message's \"pos\" as --json prints it; with its \"log\" (LOG:POS) a position of another log is noticed.\n" +
			"With --state each message is printed once, however often yodel read runs: FILE keeps the place up to which messages were\n" +
			"printed, for each daemon and room. The first run prints all that the daemon keeps, or from where -n, --since or --after say;\n" +
			"these are for the first run only. One program at a time has a FILE.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, DisableDefaultText: true, Usage: "go on with what comes"},
			&cli.IntFlag{Name: "lines", Aliases: []string{"n"}, Value: defaultLast, Usage: "start with the last `N` messages"},
			&cli.StringFlag{Name: "since", Usage: "start at `TIME`"},
			&cli.StringFlag{Name: "after", Usage: "start after the position `POS` or LOG:POS"},
			&cli.StringFlag{Name: "state", Usage: "start where the last run with this `FILE` ended"},
		},
	}, readAction)
}

// start says where reading begins; it is one of all, last, since and after.
type start struct {
	all   bool
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
	read := sh.readOnce
	if c.Bool("follow") {
		read = sh.follow
	}
	if !c.IsSet("state") {
		return read(ctx, reading{start: from})
	}
	mark, err := openBookmark(c.String("state"))
	if err != nil {
		return err
	}
	sh.mark.Store(mark)
	return firstError(read(ctx, reading{from, mark}), mark.close())
}

func readStart(c *cli.Context, now time.Time) (start, error) {
	given := 0
	for _, name := range []string{"lines", "since", "after"} {
		if c.IsSet(name) {
			given++
		}
	}
	s := start{last: c.Int("lines"), all: c.IsSet("state") && given == 0}
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
	if s.after == nil || len(s.after.log) > 0 {
		return s.again(nil), nil
	}
	joined, err := sh.join(ctx, client, peer.JoinOptions{From: peer.Live(), Observe: true})
	if err != nil {
		return peer.From{}, err
	}
	return peer.AfterPos(joined.LogID, s.after.pos), nil
}

// isLast tells that it is so many of the last messages.
func (s start) isLast() bool { return !s.all && s.after == nil && s.since.IsZero() }

// again is the same place when the log is known.
func (s start) again(log []byte) peer.From {
	switch {
	case s.all:
		return peer.Last(math.MaxInt32)
	case s.after != nil && len(s.after.log) > 0:
		return peer.AfterPos(s.after.log, s.after.pos)
	case s.after != nil:
		return peer.AfterPos(log, s.after.pos)
	case !s.since.IsZero():
		return peer.Since(s.since)
	}
	return peer.Last(s.last)
}

// tellTruncated says that the start of what was asked for is missing. Who asked for all gets what there is.
func (sh *shell) tellTruncated(j *peer.Joined, asked start) {
	if j.Truncated && !asked.all {
		sh.tellEvent(&peer.Truncated{Room: j.Room})
	}
}
