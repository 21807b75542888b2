package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"github.com/urfave/cli/v2"

	"yodel/daemon"
)

// reloadFor bounds the wait for the daemon to take other settings.
const reloadFor = 10 * time.Second

// reloader has the daemon go by other settings at each SIGHUP. It belongs to one goroutine, run.
type reloader struct {
	c         *cli.Context // what the command line says
	now       *settings
	level     *slog.LevelVar
	log       *slog.Logger
	hangups   <-chan os.Signal
	webPassed bool // a TCP socket was, so that http.listen is of no use
}

// hangups gives each SIGHUP from now on, until the process ends: one that comes while the daemon starts or stops is not to end it.
func hangups() <-chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c
}

// run reloads at each SIGHUP until ctx ends.
func (r *reloader) run(ctx context.Context, d *daemon.Daemon) {
	for {
		select {
		case <-r.hangups:
			r.reload(ctx, d)
		case <-ctx.Done():
			return
		}
	}
}

// reload reads the settings anew, and has the daemon go by them. The service manager is told when it begins and ends. When the daemon is to stop nothing is
// reloaded, and nobody is told.
func (r *reloader) reload(stopping context.Context, d *daemon.Daemon) {
	if stopping.Err() != nil {
		return
	}
	notify(r.log, sd.SdNotifyReloading+"\n"+sd.SdNotifyMonotonicUsec())
	next, err := r.read()
	var result daemon.Reloaded
	if err == nil {
		ctx, cancel := context.WithTimeout(stopping, reloadFor)
		result, err = d.Reload(ctx, next.Config)
		cancel()
	}
	if stopping.Err() != nil {
		return
	}
	if err != nil {
		r.refuse(err)
	} else {
		r.adopt(next, &result)
		warnOpen(r.log, next.Access, d.Addr())
	}
	notify(r.log, sd.SdNotifyReady)
}

// adopt goes by settings by which the daemon goes now, and tells what has changed.
func (r *reloader) adopt(next *settings, result *daemon.Reloaded) {
	if r.webPassed && next.HTTP != r.now.HTTP {
		httpUnused(r.log, next.HTTP)
		r.now.HTTP = next.HTTP
	}
	changed, restart := r.now.differences(next)
	changed, restart = append(changed, result.Changed...), append(restart, result.NeedRestart...)
	slices.Sort(changed)
	slices.Sort(restart)
	next.HTTP, next.Control = r.now.HTTP, r.now.Control // they are told of again
	r.now = next
	r.level.Set(next.Level)
	if file := r.c.String("config"); file != "" {
		r.log.Info("reloaded", "file", file, "changed", changed)
	} else {
		r.log.Info("reloaded: there is no configuration file, only flags and the environment", "changed", changed)
	}
	if len(restart) > 0 {
		r.log.Warn("reloaded, but some settings need a restart", "settings", restart)
	}
}

// read gives the settings as they are to be from now on.
func (r *reloader) read() (*settings, error) {
	next, file, err := readSettings(r.c)
	if err != nil {
		return nil, err
	}
	if next.State, err = stateFolder(next.State); err != nil {
		return nil, err
	}
	next.Software, next.Logger = r.now.Software, r.log
	return next, file.checkFiles(next)
}

// refuse tells why nothing has changed.
func (r *reloader) refuse(err error) {
	const what = "not reloaded: nothing has changed"
	var wrong fileErrors
	if !errors.As(err, &wrong) {
		r.log.Error(what, "error", err)
		return
	}
	for _, e := range wrong {
		r.log.Error(what, "file", e.path, "line", e.line, "error", e.text)
	}
}

// differences names the settings that are others in next, of those that the daemon itself knows nothing of: what changes with a reload, and what
// needs a restart.
func (s *settings) differences(next *settings) (changed, restart []string) {
	if s.Level != next.Level {
		changed = append(changed, "log.level")
	}
	if s.HTTP != next.HTTP {
		restart = append(restart, "http.listen")
	}
	if s.Control != next.Control {
		restart = append(restart, "control")
	}
	return changed, restart
}
