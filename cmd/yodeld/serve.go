package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	sd "github.com/coreos/go-systemd/v22/daemon"
	"github.com/urfave/cli/v2"

	"yodel/daemon"
	"yodel/daemon/roomlog"
)

func serveCommand(stdout, stderr io.Writer) *cli.Command {
	return &cli.Command{
		Name: "serve", Usage: "run the daemon in the foreground",
		Flags: append([]cli.Flag{
			&cli.StringFlag{
				Name: "listen", Value: "127.0.0.1:9635", EnvVars: []string{"YODELD_LISTEN"},
				Usage: "UDP `ADDRESS:PORT`; port 0 lets the system choose, 0.0.0.0 and [::] are all addresses",
			},
			&cli.StringFlag{
				Name: "access", EnvVars: []string{"YODELD_ACCESS"},
				Usage: "who may come in: `open` (everyone); must be written out to listen elsewhere than on loopback",
			},
			stateFlag(),
			&cli.DurationFlag{Name: "delay", Value: daemon.DefaultDelay, Usage: "echo `DELAY` of rooms without one of their own; 0 is a live room"},
			&cli.StringSliceFlag{Name: "room", Usage: "a room that is always there, `NAME=DELAY[,keep=N][,keep-age=TIME][,keep-bytes=SIZE]`; may be given again"},
			&cli.DurationFlag{
				Name: "gather", Value: daemon.DefaultGather,
				Usage: "in a live room where several talk gather their packets for up to `TIME`; 0 sends each at once",
			},
			&cli.DurationFlag{
				Name: "grid", Value: daemon.DefaultGrid,
				Usage: "play rooms with a delay out every `TIME`, so that packets leave up to half of it early or late; 0: each at its own time",
			},
			&cli.BoolFlag{Name: "log-messages", Usage: "put the text of messages into the log"},
			&cli.StringFlag{
				Name: "presence-address", Value: string(daemon.AddressPrivate),
				Usage: "show members' addresses to others: `private|always|never`",
			},
			&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "log more"},
		}, slices.Concat(keepFlags(), limitFlags())...),
		Action: func(c *cli.Context) error { return serve(c, stdout, stderr) },
	}
}

func serve(c *cli.Context, stdout, stderr io.Writer) error {
	if c.Args().Present() {
		return usage("yodeld serve takes flags only", "unexpected argument %q", c.Args().First())
	}
	lines := newGatherer(stderr)
	defer lines.flush()
	cfg, err := config(c, lines)
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		keepHeapSmall()
	}
	ctx, cancel := context.WithCancel(c.Context)
	defer cancel()
	if err := raisePriority(); err != nil {
		cfg.Logger.Debug("priority", "error", err)
	}
	fingerprint := cfg.Identity.Fingerprint()
	ready := func(addr netip.AddrPort) {
		cfg.Logger.Info("ready", "address", addr, "fingerprint", fingerprint, "access", "open", "version", version)
		if _, err := fmt.Fprintf(stdout, "yodeld: ready on %s %s\n", addr, fingerprint); err != nil {
			cfg.Logger.Warn("ready line", "error", err)
		}
		notify(cfg.Logger, sd.SdNotifyReady+"\nSTATUS=listening on "+addr.String())
	}
	context.AfterFunc(ctx, func() { notify(cfg.Logger, sd.SdNotifyStopping) })
	if err := daemon.Run(ctx, cfg, ready); err != nil {
		return err
	}
	cfg.Logger.Info("stopped")
	return nil
}

// notify tells systemd, if it listens.
func notify(log *slog.Logger, state string) {
	if _, err := sd.SdNotify(false, state); err != nil {
		log.Warn("notify systemd", "error", err)
	}
}

func config(c *cli.Context, stderr io.Writer) (daemon.Config, error) {
	cfg := daemon.Config{
		Delay: c.Duration("delay"), LogMessages: c.Bool("log-messages"),
		Gather: c.Duration("gather"), Grid: c.Duration("grid"),
		ShowAddress: daemon.AddressRule(c.String("presence-address")), Software: "yodeld/" + version,
		Logger: logger(stderr, c.Bool("verbose")),
	}
	switch access := c.String("access"); access {
	case "open":
		cfg.Open = true
	case "":
	default:
		return cfg, usage("--access open lets everyone in", "unknown access %q", access)
	}
	var err error
	if cfg.Listen, err = listenAddress(c.String("listen")); err != nil {
		return cfg, err
	}
	if cfg.Socket, err = passed(); err != nil {
		return cfg, err
	}
	if err := setKeep(c, &cfg); err != nil {
		return cfg, err
	}
	if err := setLimits(c, &cfg); err != nil {
		return cfg, err
	}
	if cfg.Rooms, err = rooms(c.StringSlice("room"), cfg.Keep); err != nil {
		return cfg, err
	}
	if cfg.Open && !cfg.Listen.Addr().IsLoopback() && !cfg.Listen.Addr().IsPrivate() {
		cfg.Logger.Warn("everyone who can reach this address may come in", "address", cfg.Listen)
	}
	var key string
	cfg.Identity, key, err = identity(c)
	cfg.State = filepath.Dir(key)
	return cfg, err
}

// logger writes text; under systemd the journal has the time already.
func logger(stderr io.Writer, verbose bool) *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.LevelInfo}
	if verbose {
		options.Level = slog.LevelDebug
	}
	if os.Getenv("JOURNAL_STREAM") != "" {
		options.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
	}
	return slog.New(slog.NewTextHandler(stderr, options))
}

// passed gives the UDP socket that the service manager has opened for the daemon, nil if there is none (sd_listen_fds(3)).
func passed() (*net.UDPConn, error) {
	conns, err := activation.PacketConns()
	if err != nil {
		return nil, fmt.Errorf("passed sockets: %w", err)
	}
	var socket *net.UDPConn
	for _, conn := range conns {
		udp, ok := conn.(*net.UDPConn)
		if !ok || socket != nil {
			return nil, errors.New("passed sockets: one UDP socket can be served, and no other")
		}
		socket = udp
	}
	return socket, nil
}

// listenAddress resolves what --listen says; without a host it is all addresses.
func listenAddress(s string) (netip.AddrPort, error) {
	const hint = "an address is like 127.0.0.1:9635, [::1]:9635 or :9635"
	host, _, err := net.SplitHostPort(s)
	if err != nil {
		return netip.AddrPort{}, usage(hint, "--listen %s: %v", s, err)
	}
	addr, err := net.ResolveUDPAddr("udp", s)
	if err != nil {
		return netip.AddrPort{}, usage(hint, "--listen %s: %v", s, err)
	}
	if host == "" {
		addr.IP = net.IPv6unspecified
	}
	ap := addr.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), nil
}

// rooms reads NAME=DELAY[,SETTING=VALUE...]; what is not set is as for other rooms.
func rooms(texts []string, keep roomlog.Keep) (map[string]daemon.RoomConfig, error) {
	out := make(map[string]daemon.RoomConfig, len(texts))
	for _, text := range texts {
		name, rest, ok := strings.Cut(text, "=")
		if !ok {
			return nil, usage("a room is like studio=2s", "--room %s: no delay", text)
		}
		if _, twice := out[name]; twice {
			return nil, usage("", "--room %s: the room is there twice", text)
		}
		delay, settings, more := strings.Cut(rest, ",")
		d, err := time.ParseDuration(delay)
		if err != nil {
			return nil, usage("a delay is like 500ms, 2s or 0", "--room %s: %v", text, err)
		}
		room := daemon.RoomConfig{Delay: d}
		if more {
			own := keep
			if err := roomSettings(&own, settings); err != nil {
				return nil, fmt.Errorf("--room %s: %w", text, err)
			}
			room.Keep = &own
		}
		out[name] = room
	}
	return out, nil
}

func roomSettings(k *roomlog.Keep, settings string) error {
	for _, s := range strings.Split(settings, ",") {
		name, value, _ := strings.Cut(s, "=")
		if err := keepSetting(k, name, value); err != nil {
			return err
		}
	}
	return nil
}
