package daemon

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"yodel/daemon/roomlog"
	"yodel/wire"
)

// Reloaded is what became of a reload: settings by their names in the configuration file, sorted; a room's is rooms.NAME.
type Reloaded struct {
	Changed     []string `json:"changed"`
	NeedRestart []string `json:"need_restart"` // that are others now, and hold after a restart only
}

// Reload has the daemon go by other settings, all at once: what is said of access, rooms, delays, retention, limits, the log and addresses that are
// shown. Listen, State, Gather and Grid stay; Identity, Socket, Software and Logger are not looked at. The error is ErrConfig, and nothing has changed, or
// ErrStopped, or that of ctx, and nothing has changed. cfg belongs to the daemon.
//
// A delay holds for talkspurts that begin after it; members are told. Of what is over a new limit only messages go; sessions, members and voices stay.
func (d *Daemon) Reload(ctx context.Context, cfg Config) (Reloaded, error) {
	if err := cfg.Check(); err != nil {
		return Reloaded{}, err
	}
	file, err := readGrants(cfg.AuthorizedKeys)
	if err != nil {
		return Reloaded{}, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return ask(ctx, d, func(h *hub, _ time.Time) Reloaded { return h.reload(cfg, file) })
}

// reload takes what can change of a checked configuration, and what the operator's file says.
func (h *hub) reload(cfg Config, file grants) Reloaded {
	was := h.cfg
	next := was
	next.Access, next.AuthorizedKeys, next.PublicAddress = cfg.Access, cfg.AuthorizedKeys, cfg.PublicAddress
	next.Delay, next.Rooms, next.Keep, next.KeepTotal = cfg.Delay, cfg.Rooms, cfg.Keep, cfg.KeepTotal
	next.Limits, next.LogMessages, next.ShowAddress = cfg.Limits, cfg.LogMessages, cfg.ShowAddress
	_ = next.settle() // it was checked; what was left open is by the address that there is
	result := Reloaded{Changed: was.changes(&next), NeedRestart: was.fixtures(&cfg)}
	h.adopt(next)
	h.accessChanged(file)
	return result
}

// adopt goes by another configuration.
func (h *hub) adopt(next Config) {
	was := h.cfg
	h.cfg = next
	h.plane.limit(&next.Limits)
	h.census.limit = next.Limits.Sessions
	if !reflect.DeepEqual(was.rules(), next.rules()) {
		h.messages.SetRules(next.rules())
	}
	h.adoptRooms(was.Rooms)
}

// limit has what is said of limits hold for what comes.
func (p *plane) limit(l *Limits) {
	p.echoLimit.Store(l.EchoBytes)
	p.control.Store(controlOf(l.PublishRate))
}

// adoptRooms has the rooms be as they are configured now.
func (h *hub) adoptRooms(was map[string]RoomConfig) {
	h.listing = listing{}
	for name, c := range h.cfg.Rooms {
		if h.rooms[name] == nil {
			h.keep(newRoom(h, name, c.Delay, true))
		}
		h.rooms[name].fixed = true
	}
	for name, r := range h.rooms {
		delay := h.cfg.Delay
		if c, configured := h.cfg.Rooms[name]; configured {
			delay = c.Delay
		}
		r.setDelay(delay)
	}
	for name := range was {
		if _, still := h.cfg.Rooms[name]; !still {
			r := h.rooms[name]
			r.fixed = false
			r.tidy()
		}
	}
}

// setDelay has the talkspurts that begin from now on be heard with another delay, and tells all who are in the room.
func (r *room) setDelay(delay time.Duration) {
	if r.relay.delay == delay {
		return
	}
	r.hub.log.Info("delay", "room", r.name, "delay", delay, "was", r.relay.delay)
	r.relay.setDelay(delay)
	for _, v := range r.voices {
		if !v.began {
			v.setDelay()
		}
	}
	told := wire.Encode(&wire.Message_RoomInfo{RoomInfo: r.hub.info(r.name)})
	for _, m := range r.members {
		m.session.say(told)
	}
}

func (r *relay) setDelay(delay time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delay, r.lead = delay, wire.Lead(delay)
}

// setDelay has a voice that was granted, and of which nothing has come yet, have the delay that its room has now.
func (v *voice) setDelay() {
	v.relay.mu.Lock()
	defer v.relay.mu.Unlock()
	if v.line.started {
		return
	}
	if v.hasty() {
		v.room.hub.hasty--
	}
	v.delay, v.line.delay, v.line.lead = v.relay.delay, v.relay.delay, v.relay.lead
	if v.hasty() {
		v.room.hub.hasty++
	}
}

// RoomChange is what is to be changed of a room; nil stays as it is.
type RoomChange struct {
	Delay *time.Duration // at most wire.MaxDelay; zero is a live room
	Keep  *roomlog.Keep
}

// SetRoom changes what is configured of a room, until the daemon ends or reloads. A room that is not there is made, and none of them goes when it is
// empty. The error is ErrConfig, ErrStopped, or that of ctx, and nothing has changed.
func (d *Daemon) SetRoom(ctx context.Context, name string, change RoomChange) error {
	if err := change.check(name); err != nil {
		return err
	}
	refused, err := ask(ctx, d, func(h *hub, _ time.Time) error { return h.setRoom(name, change) })
	return cmp.Or(err, refused)
}

func (c *RoomChange) check(name string) error {
	probe := RoomConfig{}
	if c.Delay != nil {
		probe.Delay = *c.Delay
	}
	if k := c.Keep; k != nil && (k.Entries < 0 || k.Bytes < 0 || k.Age < 0) {
		return fmt.Errorf("%w: to keep %d messages, %d bytes, for %v: none may be below 0", ErrConfig, k.Entries, k.Bytes, k.Age)
	}
	return checkRoom(name, probe)
}

func (h *hub) setRoom(name string, change RoomChange) error {
	c, configured := h.cfg.Rooms[name]
	if !configured {
		most := h.cfg.Limits.Rooms
		if len(h.cfg.Rooms) >= most || h.rooms[name] == nil && h.messages.Newest(name) == 0 && h.makers.live+h.makers.logged >= most {
			return fmt.Errorf("%w: there are %d rooms, and no more may be made", ErrConfig, most)
		}
		c.Delay = h.cfg.Delay
	}
	if change.Delay != nil {
		c.Delay = *change.Delay
	}
	if change.Keep != nil {
		keep := *change.Keep
		c.Keep = &keep
	}
	next := h.cfg
	next.Rooms = maps.Clone(next.Rooms)
	if next.Rooms == nil {
		next.Rooms = make(map[string]RoomConfig)
	}
	next.Rooms[name] = c
	h.adopt(next)
	return nil
}

// rules are what the room log keeps.
func (c *Config) rules() roomlog.Rules {
	own := make(map[string]roomlog.Keep)
	for name, room := range c.Rooms {
		if room.Keep != nil {
			own[name] = *room.Keep
		}
	}
	return roomlog.Rules{Keep: c.Keep, Rooms: own, Total: c.KeepTotal}
}

// changes names what differs in another configuration, of what can change.
func (c *Config) changes(next *Config) []string {
	names := differing(map[string]bool{
		"access": c.Access != next.Access, "authorized_keys": c.AuthorizedKeys != next.AuthorizedKeys,
		"public_address": c.PublicAddress != next.PublicAddress, "presence_address": c.ShowAddress != next.ShowAddress,
		"delay":         c.Delay != next.Delay,
		"keep.messages": c.Keep.Entries != next.Keep.Entries, "keep.age": c.Keep.Age != next.Keep.Age,
		"keep.bytes": c.Keep.Bytes != next.Keep.Bytes, "keep.total": c.KeepTotal != next.KeepTotal,
		"limits.sessions": c.Limits.Sessions != next.Limits.Sessions, "limits.rooms": c.Limits.Rooms != next.Limits.Rooms,
		"limits.members": c.Limits.Members != next.Limits.Members, "limits.publish_rate": c.Limits.PublishRate != next.Limits.PublishRate,
		"limits.echo_bytes": c.Limits.EchoBytes != next.Limits.EchoBytes,
		"log.messages":      c.LogMessages != next.LogMessages,
	})
	for name, room := range next.Rooms {
		if was, there := c.Rooms[name]; !there || !reflect.DeepEqual(was, room) {
			names = append(names, "rooms."+name)
		}
	}
	for name := range c.Rooms {
		if _, still := next.Rooms[name]; !still {
			names = append(names, "rooms."+name)
		}
	}
	slices.Sort(names)
	return names
}

// fixtures names what differs in another configuration, of what cannot change. Where a socket was passed, the address says nothing.
func (c *Config) fixtures(next *Config) []string {
	names := differing(map[string]bool{
		"listen": c.Socket == nil && c.Listen != next.Listen, "state": c.State != next.State,
		"gather": c.Gather != next.Gather, "grid": c.Grid != next.Grid,
	})
	slices.Sort(names)
	return names
}

func differing(settings map[string]bool) (names []string) {
	for name, differs := range settings {
		if differs {
			names = append(names, name)
		}
	}
	return names
}
