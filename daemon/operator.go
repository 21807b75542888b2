package daemon

import (
	"context"
	"encoding/hex"
	"time"

	"yodel/daemon/access"
)

// operatorChunk is how many sessions or rooms the loop looks at in one turn for its operator: some 0.5 ms (BenchmarkPeers).
const operatorChunk = 128

// Status is what a daemon is and what goes on in it.
type Status struct {
	Software      string      `json:"software"` // name/version
	Address       string      `json:"address"`  // that it listens on
	PublicAddress string      `json:"public_address,omitempty"`
	Fingerprint   string      `json:"fingerprint"`
	Access        access.Mode `json:"access"`
	Since         time.Time   `json:"since"`
	Uptime        float64     `json:"uptime_s"`
	Sessions      int         `json:"sessions"` // that have said Hello
	MaxSessions   int         `json:"max_sessions"`
	Rooms         int         `json:"rooms"` // in which somebody is, that have messages, or that are configured
	MaxRooms      int         `json:"max_rooms"`
	Members       int         `json:"members"` // nicks of all rooms
	Talkers       int         `json:"talkers"`
	EchoBytes     int64       `json:"echo_bytes"`          // in all delay lines
	LogID         string      `json:"log_id"`              // of the room log, in hexadecimal digits
	LogError      string      `json:"log_error,omitempty"` // why no message is stored now
}

// Status gives what goes on. ctx bounds the wait; the error is its cause, or ErrStopped.
func (d *Daemon) Status(ctx context.Context) (Status, error) {
	s, err := ask(ctx, d, (*hub).status)
	if err != nil {
		return Status{}, err
	}
	messages := d.server.hub.messages
	id := messages.ID()
	s.Address, s.LogID = d.addr.String(), hex.EncodeToString(id[:])
	if err := messages.Err(); err != nil {
		s.LogError = err.Error()
	}
	return s, nil
}

func (h *hub) status(now time.Time) Status {
	s := Status{
		Software: h.cfg.Software, PublicAddress: h.cfg.PublicAddress, Fingerprint: h.cfg.Identity.Fingerprint().String(), Access: h.cfg.Access,
		Since: h.began, Uptime: now.Sub(h.began).Seconds(), Sessions: h.census.sessions, MaxSessions: h.cfg.Limits.Sessions,
		Rooms: h.messages.Count(), MaxRooms: h.cfg.Limits.Rooms, EchoBytes: h.plane.echo.Load(),
	}
	for _, r := range h.rooms {
		if !r.logged {
			s.Rooms++
		}
		s.Members += len(r.roster)
		if len(r.voices) > 0 {
			s.Talkers += len(r.talkers())
		}
	}
	return s
}

// inChunks has the loop call f with each of a list, some in a turn.
func inChunks[T, A any](ctx context.Context, d *Daemon, list []T, f func(h *hub, now time.Time, of T) (A, bool)) ([]A, error) {
	all := make([]A, 0, len(list))
	for len(list) > 0 {
		chunk := list[:min(len(list), operatorChunk)]
		list = list[len(chunk):]
		some, err := ask(ctx, d, func(h *hub, now time.Time) []A {
			some := make([]A, 0, len(chunk))
			for _, of := range chunk {
				if a, ok := f(h, now, of); ok {
					some = append(some, a)
				}
			}
			return some
		})
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}
