package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"

	"yodel/daemon"
)

// statusEvery is how often the service manager is told how the daemon does, when that has changed.
const statusEvery = 10 * time.Second

// supervisor tells the service manager how the daemon does (sd_notify(3)): STATUS, with what is wrong if something is, and WATCHDOG=1 at a third of the
// time that the service manager waits for it, while the daemon is alive. What that means is said at [daemon.Daemon.Alive]. A disk that is slow or full is in the
// status and no reason to be killed: the next process would have the same one, and the voices would be lost.
type supervisor struct {
	daemon *daemon.Daemon
	log    *slog.Logger
	notify func(state string)
	feed   time.Duration // how often; 0: there is no watchdog
	status time.Duration // how often; 0: nobody is to be told

	said string // the last status
	dead bool   // the last look found it so
}

// newSupervisor makes the one that the environment asks for.
func newSupervisor(d *daemon.Daemon, log *slog.Logger) *supervisor {
	s := &supervisor{daemon: d, log: log, notify: func(state string) { notify(log, state) }}
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return s
	}
	s.status = statusEvery
	watchdog, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("watchdog", "error", err)
	}
	s.feed = watchdog / 3
	return s
}

// run does so until ended is closed, which is when the daemon has ended. From when stopping ends it is fed without a look: an end
// is bounded by itself.
func (s *supervisor) run(stopping context.Context, ended <-chan struct{}) {
	feed, status := ticks(s.feed), ticks(s.status)
	defer feed.Stop()
	defer status.Stop()
	for {
		select {
		case <-feed.C:
			s.look(stopping)
		case <-status.C:
			s.tell(stopping)
		case <-ended:
			return
		}
	}
}

// ticks is a ticker; one that never ticks when it is to tick every 0.
func ticks(every time.Duration) *time.Ticker {
	if every > 0 {
		return time.NewTicker(every)
	}
	t := time.NewTicker(time.Hour)
	t.Stop()
	return t
}

// look feeds the watchdog if the daemon is alive.
func (s *supervisor) look(stopping context.Context) {
	var err error
	if stopping.Err() == nil {
		ctx, cancel := context.WithTimeout(stopping, s.feed)
		err = s.daemon.Alive(ctx)
		cancel()
	}
	if err == nil || stopping.Err() != nil {
		s.dead = false
		s.notify(sd.SdNotifyWatchdog)
		return
	}
	if !s.dead {
		s.dead = true
		s.log.Error("not alive: the watchdog is not fed", "error", err)
		s.say(err.Error())
	}
}

// tell sends the status if it has changed.
func (s *supervisor) tell(stopping context.Context) {
	if stopping.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(stopping, s.status/2)
	defer cancel()
	if err := s.daemon.Alive(ctx); err != nil {
		s.say(err.Error())
		return
	}
	figures, err := s.daemon.Stats(ctx)
	if err != nil {
		s.say(err.Error())
		return
	}
	text := fmt.Sprintf("%d peers, %d rooms, %d talking, on %s", figures.Sessions, figures.Rooms, figures.Talkers, s.daemon.Addr())
	if err := s.daemon.Writable(); err != nil {
		text += "; no message is stored: " + err.Error()
	}
	s.say(text)
}

func (s *supervisor) say(status string) {
	if status != s.said {
		s.said = status
		s.notify("STATUS=" + escaped(status))
	}
}
