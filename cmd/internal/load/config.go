package load

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// Config says what is measured.
type Config struct {
	Server netip.AddrPort // of the daemon or, with Plain, of a plain relay
	// Plain has the load go without sessions, in the framing of a plain relay (see the package documentation).
	Plain bool

	Rooms     int     // how many, at least 1
	Talkers   int     // of a room
	Listeners int     // of a room
	Hear      bool    // talkers hear the room, too
	Room      string  // the room; of several rooms what their names begin with, before "-1", "-2" …
	Rate      float64 // packets a second of each talker
	Size      int     // bytes of a packet's payload
	Burst     bool    // all talkers send at one instant; else they are spread evenly over the time between two packets
	ChatRate  float64 // messages a second in each room, by its first member
	For       time.Duration

	JoinRate float64       // sessions that begin in a second
	Timeout  time.Duration // of one session's beginning; 0: 20 s
	PID      int           // of the daemon, on this machine; 0: its CPU and memory are not measured
	Software string        // names the program to the daemon

	// Progress gets a line for people at each phase; nil drops it. Fault gets what should not be: packets that are not authentic,
	// sessions that end. It is called a few times at most.
	Progress, Fault func(line string)

	run uint32 // random: tells the nicks of one run from those of others
}

// Bounds of a Config.
const (
	MaxSessions = 100_000
	maxTalkers  = 1024 // voices of a room at once, a limit of the daemon
	maxRate     = 1000
	// plainHeader is the kind, the room and the index of a plain packet.
	plainHeader = 10
	// maxSize keeps a packet within wire.MaxDatagram under protection.
	maxSize = wire.MaxDatagram - rtpHeader - secure.OverheadRTP
	// maxPlainRooms is how many rooms a byte names.
	maxPlainRooms = 256

	rtpHeader      = 12 // RFC 3550, 5.1
	clockRate      = 48000
	defaultTimeout = 20 * time.Second
)

// perRoom is how many sessions are in a room.
func (c *Config) perRoom() int { return c.Talkers + c.Listeners }

// Sessions is how many there are in all.
func (c *Config) Sessions() int { return c.Rooms * c.perRoom() }

// roomName names a room, from 0.
func (c *Config) roomName(i int) string {
	if c.Rooms == 1 {
		return c.Room
	}
	return c.Room + "-" + strconv.Itoa(i+1)
}

// nick names a member, by its number.
func (c *Config) nick(n int) string { return fmt.Sprintf("bench-%08x-%d", c.run, n) }

// check fills in defaults and tells what cannot be carried out.
func (c *Config) check() error {
	c.run = rand.Uint32()
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	for _, f := range []*func(string){&c.Progress, &c.Fault} {
		if *f == nil {
			*f = func(string) {}
		}
	}
	for _, limit := range []struct {
		what            string
		is, least, most float64
	}{
		{"rooms", float64(c.Rooms), 1, MaxSessions},
		{"talkers in a room", float64(c.Talkers), 0, maxTalkers},
		{"listeners in a room", float64(c.Listeners), 0, MaxSessions},
		{"sessions", float64(c.Sessions()), 1, MaxSessions},
		{"packets a second", c.Rate, 1, maxRate},
		{"bytes a packet", float64(c.Size), 1, maxSize},
		{"messages a second", c.ChatRate, 0, maxRate},
		{"joins a second", c.JoinRate, 1, MaxSessions},
		{"seconds", c.For.Seconds(), 0.1, 7 * 24 * 3600},
	} {
		if !(limit.is >= limit.least && limit.is <= limit.most) {
			return fmt.Errorf("%w: %v %s: it must be from %v to %v", ErrConfig, limit.is, limit.what, limit.least, limit.most)
		}
	}
	if c.Plain {
		return c.checkPlain()
	}
	return wire.CheckRoom(c.roomName(c.Rooms - 1))
}

func (c *Config) checkPlain() error {
	if c.Rooms > maxPlainRooms {
		return fmt.Errorf("%w: %d rooms: a plain relay has %d", ErrConfig, c.Rooms, maxPlainRooms)
	}
	if c.ChatRate > 0 {
		return fmt.Errorf("%w: a plain relay has no messages", ErrConfig)
	}
	return nil
}
