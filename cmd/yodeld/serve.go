package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"github.com/urfave/cli/v2"

	"yodel/daemon"
	"yodel/daemon/access"
	"yodel/daemon/control"
	"yodel/daemon/metrics"
)

func serveCommand(stdout, stderr io.Writer) *cli.Command {
	return &cli.Command{
		Name: "serve", Usage: "run the daemon in the foreground",
		Flags:  settingFlags(),
		Action: func(c *cli.Context) error { return serve(c, stdout, stderr) },
	}
}

func serve(c *cli.Context, stdout, stderr io.Writer) error {
	if c.Args().Present() {
		return usage("yodeld serve takes flags only", "unexpected argument %q", c.Args().First())
	}
	hangups := hangups() // first: it would end the process
	lines := logLines(stderr)
	defer lines.end()
	level := new(slog.LevelVar)
	cfg, tcp, err := configure(c, lines, level)
	if err != nil {
		return err
	}
	web, err := listenHTTP(cfg.HTTP, tcp, cfg.Socket != nil, cfg.Logger)
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		keepHeapSmall()
	}
	controls, err := openController(cfg)
	if err != nil {
		return err
	}
	defer controls.close()
	ctx, cancel := context.WithCancel(c.Context)
	if err := raisePriority(); err != nil {
		cfg.Logger.Debug("priority", "error", err)
	}
	reload := &reloader{c: c, now: cfg, level: level, log: cfg.Logger, hangups: hangups, webPassed: len(tcp) > 0}
	var others sync.WaitGroup
	defer others.Wait()
	defer cancel()
	fingerprint := cfg.Identity.Fingerprint()
	watch := watched{web: web, log: cfg.Logger, ended: make(chan struct{})}
	defer watch.stop()
	opened := opening(ctx, func(state string) { notify(cfg.Logger, state) })
	defer opened()
	ready := func(d *daemon.Daemon) {
		opened()
		addr := d.Addr()
		warnOpen(cfg.Logger, d.Access(), addr)
		controls.serve(control.Config{Daemon: d, Stop: cancel, Metrics: metrics.Handler(d), Logger: cfg.Logger})
		cfg.Logger.Info("ready", "address", addr, "fingerprint", fingerprint, "access", string(d.Access()), "version", version)
		if _, err := fmt.Fprintf(stdout, "yodeld: ready on %s %s\n", addr, fingerprint); err != nil {
			cfg.Logger.Warn("ready line", "error", err)
		}
		watch.start(ctx, d)
		others.Go(func() { reload.run(ctx, d) })
		notify(cfg.Logger, sd.SdNotifyReady+"\nSTATUS=listening on "+addr.String())
	}
	context.AfterFunc(ctx, func() { notify(cfg.Logger, sd.SdNotifyStopping) })
	if err := daemon.Run(ctx, cfg.Config, ready); err != nil {
		return explainStart(cfg.AuthorizedKeys, err)
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

// warnOpen tells that the daemon is open to the world.
func warnOpen(log *slog.Logger, mode access.Mode, at netip.AddrPort) {
	if mode == access.Open && !at.Addr().IsLoopback() && !at.Addr().IsPrivate() {
		log.Warn("everyone who can reach this address may come in", "address", at)
	}
}

// configure reads the settings, and finds what is not set: the key, and the sockets that were passed, of which it gives those for metrics and health.
func configure(c *cli.Context, lines *gatherer, level *slog.LevelVar) (s *settings, tcp []net.Listener, err error) {
	s, file, err := readSettings(c)
	if err == nil {
		err = file.checkFiles(s)
	}
	if err != nil {
		return nil, nil, err
	}
	level.Set(s.Level)
	s.Software, s.Logger = "yodeld/"+version, lines.logger(level)
	given, err := passed()
	if err != nil {
		return nil, nil, err
	}
	s.Socket, tcp = given.udp, given.tcp
	if s.keysMissing() {
		s.Logger.Warn("no authorized keys: there is no such file", "file", s.AuthorizedKeys)
	}
	if s.State, err = stateFolder(s.State); err != nil {
		return nil, nil, err
	}
	if s.Socket != nil {
		tellUnused(s)
	}
	s.Identity, err = loadIdentity(s.State)
	return s, tcp, err
}
