package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"yodel/cmd/internal/load"
	"yodel/peer"
	"yodel/wire"
)

// benchRoom is the room of bench when none is named: not that in which people are.
const benchRoom = "bench"

const benchText = `Begins --rooms × (--talkers + --listeners) sessions, each with a key and a socket of its own, has the talkers talk for --for, and
tells what was delivered, how late, and, with --pid, what it cost the daemon. Everything is real but the sound: random bytes as
long as those of Opus. Lost packets are not asked for again. Whose key the daemon has is not looked at. Latency is one way, less
the time for which a room with delay holds packets. Nothing of it should be done to a daemon of others.

  yodel bench --talkers 1 --listeners 500 -r live --pid $(pidof yodeld)
  yodel bench --talkers 20 --listeners 0 --hear -r live       20 people in a room, all of them talking
  yodel bench --rooms 200 --talkers 1 --listeners 4           rooms bench-1 to bench-200, made as they are joined
  yodel bench --talkers 0 --listeners 5000 --for 60s          idle sessions
  yodel bench --talkers 0 --listeners 100 --chat-rate 10      messages

With --plain the same load goes to a plain relay without sessions, to compare: a datagram that begins with J registers its
sender in the room of the second byte, Q has all forgotten, and any other is sent to all who are registered in the room of its second byte.`

func (sh *shell) benchCommand() *cli.Command {
	number := func(name string, value int, usage string) cli.Flag {
		return &cli.IntFlag{Name: name, Value: value, Usage: usage}
	}
	rate := func(name string, value float64, usage string) cli.Flag {
		return &cli.Float64Flag{Name: name, Value: value, Usage: usage}
	}
	return sh.command(&cli.Command{
		Name: "bench", Usage: "load a daemon of your own, and measure it", Description: benchText,
		Flags: []cli.Flag{
			number("talkers", 1, "`N` sessions that talk in each room"),
			number("listeners", 10, "`N` sessions that hear in each room"),
			number("rooms", 1, "`N` rooms; of several the names are that of --room with -1, -2 … behind it"),
			&cli.BoolFlag{Name: "hear", DisableDefaultText: true, Usage: "talkers hear the room, too"},
			rate("rate", 50, "`N` packets a second of each talker"),
			number("size", 80, "`BYTES` of a packet's payload"),
			durationFlag(cli.GenericFlag{Name: "for", Usage: "measure for `TIME` (10s)"}),
			&cli.BoolFlag{Name: "burst", DisableDefaultText: true, Usage: "all talkers send at one instant; else they are spread over the time between two packets"},
			rate("chat-rate", 0, "`N` messages of 200 bytes a second in each room"),
			rate("join-rate", 500, "`N` sessions that begin in a second"),
			number("pid", 0, "`ID` of the daemon's process on this machine, to measure its CPU and memory"),
			&cli.StringFlag{Name: "plain", Usage: "load the plain relay at `HOST:PORT` instead"},
		},
	}, benchAction)
}

func benchAction(ctx context.Context, sh *shell, c *cli.Context) error {
	cfg, err := sh.benchConfig(ctx, c)
	if err != nil {
		return err
	}
	result, err := load.Run(ctx, cfg)
	switch {
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return err
	}
	sh.out.result(strings.Join(benchLines(result), "\n"), benchObject{"bench", result})
	if result.Interrupted {
		return context.Cause(ctx)
	}
	return nil
}

func (sh *shell) benchConfig(ctx context.Context, c *cli.Context) (load.Config, error) {
	cfg := load.Config{
		Plain: c.IsSet("plain"), Rooms: c.Int("rooms"), Talkers: c.Int("talkers"), Listeners: c.Int("listeners"),
		Hear: c.Bool("hear"), Room: sh.room, Rate: c.Float64("rate"), Size: c.Int("size"), Burst: c.Bool("burst"),
		ChatRate: c.Float64("chat-rate"), For: 10 * time.Second, JoinRate: c.Float64("join-rate"), Timeout: sh.timeout,
		PID: c.Int("pid"), Software: "yodel-bench/" + version,
		Progress: sh.out.remark, Fault: sh.out.errorLine,
	}
	if !c.IsSet("room") && os.Getenv(envRoom) == "" {
		cfg.Room = benchRoom
	}
	if c.IsSet("for") {
		cfg.For = durationOf(c, "for")
	}
	server := sh.server
	if cfg.Plain {
		server = c.String("plain")
	}
	var err error
	cfg.Server, err = benchServer(ctx, server)
	return cfg, err
}

// benchServer resolves HOST, HOST:PORT or [IPV6]:PORT to one address; of several to one of IPv4, as the daemon's own default is.
func benchServer(ctx context.Context, server string) (netip.AddrPort, error) {
	host, port := strings.TrimSuffix(strings.TrimPrefix(server, "["), "]"), strconv.Itoa(wire.DefaultPort)
	if _, err := netip.ParseAddr(host); err != nil && strings.Contains(server, ":") {
		if host, port, err = net.SplitHostPort(server); err != nil {
			return netip.AddrPort{}, fmt.Errorf("%w: %q", peer.ErrServer, wire.Printable(server))
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || host == "" {
		return netip.AddrPort{}, fmt.Errorf("%w: %q", peer.ErrServer, wire.Printable(server))
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%w: %w", load.ErrUnreachable, err)
	}
	best := ips[0].Unmap()
	for _, ip := range ips {
		if !best.Is4() {
			best = ip.Unmap()
		}
	}
	return netip.AddrPortFrom(best, uint16(n)), nil
}

// benchObject is the result in JSON.
type benchObject struct {
	Type string `json:"type"`
	*load.Result
}

// benchLines is the result for people.
func benchLines(r *load.Result) []string {
	s, a := &r.Sessions, &r.Audio
	lines := []string{fmt.Sprintf("%s: %d × (%d talkers, %d listeners), %g packets/s of %d bytes each, %s",
		r.Server, r.Rooms, r.Talkers, r.Listeners, r.Rate, r.Size, short(r.Seconds.Duration()))}
	if r.Delay > 0 {
		lines[0] += fmt.Sprintf("; delay %s, sent %s early", short(r.Delay.Duration()), short(r.Lead.Duration()))
	}
	joins := fmt.Sprintf("sessions   %d joined, %d failed, %d lost later", s.Joined, s.Failed, s.Lost)
	if !r.Plain {
		joins += fmt.Sprintf("; %s; %.0f/s", inWords("", s.Join), s.Rate)
	}
	if r.Daemon != nil && !r.Plain {
		joins += fmt.Sprintf("; %s of the daemon's CPU each", short(r.Daemon.JoinCPU.Duration()))
	}
	lines = append(lines, joins)
	if a.Offered > 0 {
		lines = append(lines,
			fmt.Sprintf("audio      %d packets sent, %d of %d datagrams delivered, %.0f/s", a.Offered, a.Delivered, a.Expected, a.Rate),
			fmt.Sprintf("           %d lost (%.3g %%), %d doubled, %d strange; %d decrypted, %d of them wrong", a.Lost, a.Loss, a.Doubled, a.Strange, a.Checked, a.False),
			inWords("latency    ", a.Latency)+inWords("; sent late by ", a.Lag))
	}
	return append(append(lines, chatLines(r.Chat)...), daemonLines(r.Daemon)...)
}

func chatLines(c *load.Chat) []string {
	if c == nil {
		return nil
	}
	return []string{
		fmt.Sprintf("receipts   %d of %d; ", c.Receipts, c.Published) + inWords("", c.Receipt),
		fmt.Sprintf("entries    %d of %d, %d lost, %d doubled; ", c.Entries, c.Expected, c.Lost, c.Doubled) + inWords("", c.Entry),
	}
}

func daemonLines(d *load.Daemon) []string {
	if d == nil {
		return nil
	}
	line := fmt.Sprintf("daemon     %.1f %% of a core", d.CPU)
	if d.Datagrams > 0 {
		line += fmt.Sprintf(", %.0f ns a delivered datagram", d.Nanos)
	}
	return []string{line + fmt.Sprintf("; RSS %.1f MiB, %.1f KiB a session", float64(d.RSS)/(1<<20), d.Each/(1<<10))}
}

func inWords(what string, q load.Quantiles) string {
	return fmt.Sprintf("%sp50 %s, p99 %s, max %s", what, short(q.P50.Duration()), short(q.P99.Duration()), short(q.Max.Duration()))
}

// short writes a duration with three digits.
func short(d time.Duration) string {
	for unit := time.Duration(1); unit < time.Second; unit *= 10 {
		if d < 1000*unit {
			return d.Round(unit).String()
		}
	}
	return d.Round(10 * time.Millisecond).String()
}
