package daemon

import (
	"context"
	"slices"
	"time"

	"yodel/daemon/access"
	"yodel/daemon/roomlog"
	"yodel/wire"
)

// RoomStatus is a room as the operator sees it.
type RoomStatus struct {
	Room       string     `json:"room"`
	Delay      float64    `json:"delay_s"`
	Members    int        `json:"members"` // nicks that are present
	Sessions   int        `json:"sessions"`
	Talkers    int        `json:"talkers"`
	Newest     uint64     `json:"newest"`     // position of the newest message; 0: there is none
	Configured bool       `json:"configured"` // it is always there
	Keep       KeepStatus `json:"keep"`
	// Join and Talk are who may: "*", roles, fingerprints. Null: everyone who may come in; empty: nobody.
	Join []string `json:"join"`
	Talk []string `json:"talk"`
}

// KeepStatus is what the room log keeps of a room; 0 is no limit.
type KeepStatus struct {
	Messages int     `json:"messages"`
	Age      float64 `json:"age_s"`
	Bytes    int64   `json:"bytes"`
}

// Rooms gives the rooms that are configured, in which somebody is, or of which there are messages, sorted by name. The list is not of one instant.
func (d *Daemon) Rooms(ctx context.Context) ([]RoomStatus, error) {
	live, err := ask(ctx, d, func(h *hub, _ time.Time) []string {
		var live []string
		for name, r := range h.rooms {
			if r.fixed || len(r.members) > 0 || len(r.voices) > 0 {
				live = append(live, name)
			}
		}
		return live
	})
	if err != nil {
		return nil, err
	}
	names := d.server.hub.messages.Rooms(live)
	slices.Sort(names)
	return inChunks(ctx, d, slices.Compact(names), func(h *hub, _ time.Time, name string) (RoomStatus, bool) { return h.roomStatus(name), true })
}

func (h *hub) roomStatus(name string) RoomStatus {
	info, own := h.info(name), h.cfg.Rooms[name]
	s := RoomStatus{
		Room: name, Delay: float64(info.GetDelayMs()) / 1000, Members: int(info.GetMembers()), Talkers: int(info.GetTalkers()), Newest: info.GetNewest(),
		Keep: keepStatus(h.cfg.Keep), Join: whoTexts(own.Join), Talk: whoTexts(own.Talk),
	}
	if own.Keep != nil {
		s.Keep = keepStatus(*own.Keep)
	}
	if r := h.rooms[name]; r != nil {
		s.Sessions, s.Configured = len(r.members), r.fixed
	}
	return s
}

func keepStatus(k roomlog.Keep) KeepStatus {
	return KeepStatus{Messages: k.Entries, Age: k.Age.Seconds(), Bytes: k.Bytes}
}

func whoTexts(all []access.Who) []string {
	if all == nil {
		return nil
	}
	texts := make([]string, 0, len(all))
	for _, w := range all {
		texts = append(texts, w.String())
	}
	return texts
}

// Room gives one room, also one in which nobody is.
func (d *Daemon) Room(ctx context.Context, name string) (RoomStatus, error) {
	if err := wire.CheckRoom(name); err != nil {
		return RoomStatus{}, err
	}
	return ask(ctx, d, func(h *hub, _ time.Time) RoomStatus { return h.roomStatus(name) })
}
