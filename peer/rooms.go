package peer

import (
	"context"
	"time"

	"yodel/wire"
)

// JoinOptions say how to join a room.
type JoinOptions struct {
	Room string
	From From // where to begin to read; the zero value is Live
	// Hear wants talks too. Client.Hear sets it; without a Hearing they are only announced.
	Hear bool
	// Observe reads without being a member: not announced, not in Who.
	Observe bool
}

// Join joins a room, or joins it again from another place. From then on Events brings the room's messages and presence.
func (c *Client) Join(ctx context.Context, o JoinOptions) (*Joined, error) {
	return c.join(ctx, o, nil)
}

func (c *Client) join(ctx context.Context, o JoinOptions, h *Hearing) (*Joined, error) {
	if err := checkRoom(o.Room); err != nil {
		return nil, err
	}
	return call(ctx, c, func(now time.Time, reply func(*Joined, error)) func() {
		return c.startJoin(now, o, h, reply)
	})
}

// startJoin asks to join a room, on the loop. A room that is heard already stays so.
func (c *Client) startJoin(now time.Time, o JoinOptions, h *Hearing, reply func(*Joined, error)) (cancel func()) {
	r := &room{opts: o, hearing: h}
	if old := c.engine.rooms[o.Room]; old != nil && h == nil && old.hearing != nil {
		r.hearing, r.opts.Hear = old.hearing, true
	}
	id := c.engine.request(now, r.joinMessage, func(now time.Time, m *wire.Message, err error) {
		if err != nil {
			reply(nil, err)
			return
		}
		r.begin(m.GetJoined())
		reply(c.engine.joined(now, r, m.GetJoined()), nil)
	})
	return func() { c.engine.requests.forget(id) }
}

// Leave leaves a room.
func (c *Client) Leave(ctx context.Context, room string) error {
	if err := checkRoom(room); err != nil {
		return err
	}
	_, err := ask(ctx, c, func(id uint64) []byte {
		return wire.Encode(&wire.Message_Leave{Leave: &wire.Leave{Request: id, Room: room}})
	}, func(*wire.Message, time.Time) struct{} {
		c.engine.left(room)
		return struct{}{}
	})
	return err
}

// SetNick changes the nick and returns it as it stands then.
func (c *Client) SetNick(ctx context.Context, nick string) (string, error) {
	nick, err := checkNick(nick)
	if err != nil {
		return "", err
	}
	return ask(ctx, c, func(id uint64) []byte {
		return wire.Encode(&wire.Message_SetNick{SetNick: &wire.SetNick{Request: id, Nick: nick}})
	}, func(m *wire.Message, _ time.Time) string {
		return c.engine.setNick(m.GetNickSet().GetNick())
	})
}

// Who lists the members of a room, which need not have been joined: by nick, the first 200. count is of all.
func (c *Client) Who(ctx context.Context, room string) (members []Member, count int, err error) {
	if err := checkRoom(room); err != nil {
		return nil, 0, err
	}
	m, err := ask(ctx, c, func(id uint64) []byte {
		return wire.Encode(&wire.Message_Who{Who: &wire.Who{Request: id, Room: room}})
	}, func(m *wire.Message, _ time.Time) *wire.Members { return m.GetMembers() })
	members, count = whoOf(m)
	return members, count, err
}

func whoOf(m *wire.Members) (members []Member, count int) {
	members = membersOf(m.GetMembers())
	return members, max(int(m.GetCount()), len(members))
}

// Rooms lists the daemon's rooms.
func (c *Client) Rooms(ctx context.Context) ([]RoomInfo, error) {
	return ask(ctx, c, func(id uint64) []byte {
		return wire.Encode(&wire.Message_Rooms{Rooms: &wire.Rooms{Request: id}})
	}, func(m *wire.Message, _ time.Time) []RoomInfo {
		var rooms []RoomInfo
		for _, r := range m.GetRoomList().GetRooms() {
			rooms = append(rooms, roomInfoOf(r))
		}
		return rooms
	})
}

// Ping measures how long a message to the daemon and its answer take, with all that waits before it.
func (c *Client) Ping(ctx context.Context) (time.Duration, error) {
	start := time.Now()
	return ask(ctx, c, func(id uint64) []byte {
		return wire.Encode(&wire.Message_Ping{Ping: &wire.Ping{Request: id}})
	}, func(_ *wire.Message, now time.Time) time.Duration { return max(now.Sub(start), time.Nanosecond) })
}
