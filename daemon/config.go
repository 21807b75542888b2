package daemon

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"yodel/daemon/access"
	"yodel/daemon/roomlog"
	"yodel/wire"
	"yodel/wire/secure"
)

// AddressRule says when the address of a member is shown to others.
type AddressRule string

// The address rules.
const (
	AddressPrivate AddressRule = "private" // only private and loopback addresses
	AddressAlways  AddressRule = "always"
	AddressNever   AddressRule = "never"
)

// What a daemon is started with when nothing else is said.
const (
	DefaultDelay  = 10 * time.Second
	DefaultGather = 5 * time.Millisecond
	DefaultGrid   = 20 * time.Millisecond // one frame
)

// RoomConfig is what is configured of one room.
type RoomConfig struct {
	Delay time.Duration // echo delay; zero is a live room
	Keep  *roomlog.Keep // nil: Config.Keep
	// Join are those who may enter the room, read and hear it, and send messages to it, Talk those who may speak there; who talks must be one of Join
	// too. Nil: everyone who may come in; empty: nobody.
	Join, Talk []access.Who
}

// Config is what a daemon is started with.
type Config struct {
	// Listen is the UDP address; port 0 lets the system choose.
	Listen netip.AddrPort
	// Socket is an open UDP socket to be served instead of one on Listen, which then is where it is. Run closes it.
	Socket *net.UDPConn
	// Identity is the daemon's key; it must be there.
	Identity *secure.Identity
	// Access says who may come in. Empty is access.Open when Listen is a loopback address, else access.Invite.
	Access access.Mode
	// AuthorizedKeys is the operator's file of keys that may come in; empty: none. It need not be there, is never written, and is read again when it changes.
	AuthorizedKeys string
	// Delay is the echo delay of rooms that are not in Rooms; zero is a live room.
	Delay time.Duration
	// Gather is how long a live room in which several talk may gather their packets, so that each listener gets them in one go; zero sends
	// each at once. It adds to the delay.
	Gather time.Duration
	// Grid is the step of the clock on which rooms with a delay play out: a packet leaves up to half of it before or after its time. Zero
	// is no grid.
	Grid time.Duration
	// Rooms are the rooms that are always there.
	Rooms map[string]RoomConfig
	// State is the folder in which the room log is kept. It must be there, and belongs to one daemon at a time.
	State string
	// Keep is what the log keeps of a room that has no rule of its own, and KeepTotal how many bytes of bodies of all rooms; zero is no limit.
	Keep      roomlog.Keep
	KeepTotal int64
	// Limits are how much there may be. The others are constants, in limits.go.
	Limits Limits
	// PublicAddress is where peers elsewhere find the daemon, HOST or HOST:PORT, for invites; empty: that is not known.
	PublicAddress string
	// LogMessages puts the text of messages into the log.
	LogMessages bool
	// ShowAddress says when addresses are shown; empty is AddressPrivate.
	ShowAddress AddressRule
	// Software names the program to peers.
	Software string
	// Logger gets what happens; nil drops it.
	Logger *slog.Logger
}

// check tells what is wrong with a configuration, and fills in what was left to it.
func (c *Config) check() error {
	if c.Identity == nil {
		return fmt.Errorf("%w: no identity", ErrConfig)
	}
	if c.Socket != nil {
		at := c.Socket.LocalAddr().(*net.UDPAddr).AddrPort()
		c.Listen = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	}
	if !c.Listen.IsValid() {
		return fmt.Errorf("%w: no address to listen on", ErrConfig)
	}
	if c.State == "" {
		return fmt.Errorf("%w: no folder for the room log", ErrConfig)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c.settle()
}

// Check tells what is wrong with the settings (ErrConfig). It does not look at Listen, Socket, Identity, State and AuthorizedKeys.
func (c *Config) Check() error {
	settled := *c
	return settled.settle()
}

// settle checks the settings and fills in those that were left open.
func (c *Config) settle() error {
	if c.Access == "" {
		c.Access = access.Invite
		if c.Listen.Addr().IsLoopback() {
			c.Access = access.Open
		}
	}
	if err := checkDelay(c.Delay); err != nil {
		return err
	}
	if c.Gather < 0 || c.Gather > maxStep || c.Grid < 0 || c.Grid > maxStep {
		return fmt.Errorf("%w: to gather for %v on a grid of %v: both must be from 0 to %v", ErrConfig, c.Gather, c.Grid, maxStep)
	}
	for name, room := range c.Rooms {
		if err := checkRoom(name, room); err != nil {
			return err
		}
	}
	if err := c.Limits.check(); err != nil {
		return err
	}
	if len(c.Rooms) > c.Limits.Rooms {
		return fmt.Errorf("%w: %d rooms that are always there, and at most %d in all", ErrConfig, len(c.Rooms), c.Limits.Rooms)
	}
	switch c.ShowAddress {
	case "":
		c.ShowAddress = AddressPrivate
	case AddressPrivate, AddressAlways, AddressNever:
	default:
		return fmt.Errorf("%w: presence address %q: private, always or never", ErrConfig, c.ShowAddress)
	}
	return nil
}

func checkRoom(name string, room RoomConfig) error {
	if err := wire.CheckRoom(name); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if err := checkDelay(room.Delay); err != nil {
		return fmt.Errorf("room %s: %w", name, err)
	}
	return nil
}

func checkDelay(d time.Duration) error {
	if d < 0 || d > wire.MaxDelay {
		return fmt.Errorf("%w: a delay of %v: it must be from 0 to %v", ErrConfig, d, wire.MaxDelay)
	}
	return nil
}
