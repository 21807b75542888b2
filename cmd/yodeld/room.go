package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"yodel/daemon"
	"yodel/daemon/control"
	"yodel/daemon/roomlog"
	"yodel/wire"
)

func roomsCommand(out io.Writer) *cli.Command {
	return consoleCommand(&cli.Command{
		Name: "rooms", Usage: "list the rooms that are configured, in which somebody is, or of which there are messages",
		Description: "One line a room: name, echo delay, members, talkers, position of the newest message, what is kept, who may join and talk. A room that is\n" +
			"configured has * behind its name. With --json one object each.",
	}, out, 0, 0, listRooms)
}

func listRooms(ctx context.Context, c *console) error {
	all, err := c.client.Rooms(ctx)
	if err != nil {
		return err
	}
	rows := make([][]string, 0, len(all))
	for i := range all {
		if c.out.json {
			if err := c.out.object("room", all[i]); err != nil {
				return err
			}
		}
		rows = append(rows, roomRow(&all[i]))
	}
	if c.out.json {
		return nil
	}
	return c.out.table(strings.Fields("ROOM DELAY MEMBERS TALKERS NEWEST KEEP JOIN TALK"), rows)
}

func roomRow(r *daemon.RoomStatus) []string {
	name, delay := r.Room, "live"
	if r.Configured {
		name += "*"
	}
	if r.Delay > 0 {
		delay = time.Duration(r.Delay * float64(time.Second)).Round(time.Millisecond).String()
	}
	return []string{
		name, delay, strconv.Itoa(r.Members), strconv.Itoa(r.Talkers), strconv.FormatUint(r.Newest, 10), keepText(r.Keep),
		whoText(r.Join), whoText(r.Talk),
	}
}

// keepText shows what is kept of a room.
func keepText(k daemon.KeepStatus) string {
	var parts []string
	if k.Messages > 0 {
		parts = append(parts, strconv.Itoa(k.Messages))
	}
	if k.Age > 0 {
		parts = append(parts, lasting(time.Duration(k.Age*float64(time.Second))))
	}
	if k.Bytes > 0 {
		parts = append(parts, bytesText(uint64(k.Bytes)))
	}
	if len(parts) == 0 {
		return "all"
	}
	return strings.Join(parts, ",")
}

func whoText(list []string) string {
	switch {
	case list == nil:
		return "*"
	case len(list) == 0:
		return "nobody"
	}
	return strings.Join(list, ",")
}

func roomCommand(out io.Writer) *cli.Command {
	const hint = "yodeld room set NAME --delay D"
	return &cli.Command{
		Name: "room", Usage: "change a room",
		Subcommands: []*cli.Command{consoleCommand(&cli.Command{
			Name: "set", Usage: "change a room until the daemon is started or reads its configuration again", ArgsUsage: "NAME [--delay D] [--keep N] [--keep-age TIME] [--keep-bytes SIZE]",
			Description: "The delay holds for what is said from then on. A room that is not there is made.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "delay", Usage: "echo `DELAY`: 2s, 500ms; 0 is a live room"},
				&cli.StringFlag{Name: "keep", Usage: "keep the last `N` messages; 0: any number"},
				&cli.StringFlag{Name: "keep-age", Usage: "keep messages for `TIME` (30d, 12h); 0: for ever"},
				&cli.StringFlag{Name: "keep-bytes", Usage: "keep the last messages, `SIZE` in all (K, M, G); 0: any size"},
			},
		}, out, 1, 1, setRoom)},
		OnUsageError: wrongUsage,
		Action: func(*cli.Context) error {
			return usage(hint, "what is to be done with the room is missing")
		},
	}
}

func setRoom(ctx context.Context, c *console) error {
	q := control.RoomRequest{Room: c.Args().First()}
	if err := wire.CheckRoom(q.Room); err != nil {
		return usage("", "%v", err)
	}
	if err := roomChange(c, &q); err != nil {
		return err
	}
	if err := c.client.SetRoom(ctx, q); err != nil {
		return err
	}
	if c.out.json {
		return c.out.object("room set", q)
	}
	return c.out.line("set %s", q.Room)
}

// roomChange takes what the flags say into a request.
func roomChange(c *console, q *control.RoomRequest) error {
	if c.IsSet("delay") {
		d, err := time.ParseDuration(c.String("delay"))
		if err != nil || d < 0 || d > wire.MaxDelay {
			return usage(fmt.Sprintf("a delay is like 500ms, 2s or 0, and at most %v", wire.MaxDelay), "--delay %s: not a delay", c.String("delay"))
		}
		seconds := d.Seconds()
		q.Delay = &seconds
	}
	var k roomlog.Keep
	for _, name := range []string{"keep", "keep-age", "keep-bytes"} {
		if !c.IsSet(name) {
			continue
		}
		if err := keepSetting(&k, name, c.String(name)); err != nil {
			return fmt.Errorf("--%w", err)
		}
		switch name {
		case "keep":
			q.Messages = &k.Entries
		case "keep-age":
			seconds := k.Age.Seconds()
			q.Age = &seconds
		default:
			q.Bytes = &k.Bytes
		}
	}
	if q.Delay == nil && q.Messages == nil && q.Age == nil && q.Bytes == nil {
		return usage("yodeld room set NAME --delay D", "nothing is to change")
	}
	return nil
}
