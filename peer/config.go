package peer

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// Times of setting up a session.
const (
	defaultTimeout = 8 * time.Second  // until the daemon's first answer
	setupTimeout   = 20 * time.Second // from that answer to Welcome
)

// Config says how to reach the daemon and as whom.
type Config struct {
	// Server is host, host:port, v6 or [v6]:port; without a port it is 9635.
	Server string
	// Identity is the peer's own key; it must be given.
	Identity *secure.Identity
	// KnownHosts is where the daemon's key is pinned on first use and looked up later. Nil accepts any daemon and pins nothing. Whatever it says,
	// one client goes on with the key alone that it has met first.
	KnownHosts *secure.KnownHosts
	// Daemon is the key that the daemon must have, as an invite names it; zero: KnownHosts alone decides. Another one is ErrOtherDaemon.
	Daemon secure.Fingerprint
	// Invite is the token of an invite (wire.Invite), 16 bytes, which every Hello carries until the first Welcome; empty: none. A daemon that knows the
	// key, or lets everybody in, does not look at it.
	Invite []byte
	// Nick is the wished nick; empty: none yet, see Client.SetNick.
	Nick string
	// Software is name/version, for the daemon's log; empty: "yodel".
	Software string
	// Timeout bounds the wait for the daemon's first answer; zero or negative: 8 s. What follows the answer may take 20 s,
	// or Timeout when that is longer.
	Timeout time.Duration
	// Reconnect makes a lost session come back for ever, once the first one has been there.
	Reconnect bool
	// Logger gets what is of use for finding faults, at debug level; nil: none.
	Logger *slog.Logger

	pinned secure.Fingerprint // of the daemon as this client has met it; zero: not yet
	net    *network           // nil: the system's
	limits *wire.KeyLimits    // nil: the usual ones
}

// setupTimeout is the time from the daemon's first answer to Welcome.
func (cfg Config) setupTimeout() time.Duration { return max(setupTimeout, cfg.Timeout) }

// checked gives the configuration with its defaults filled in.
func (cfg Config) checked() (Config, error) {
	if cfg.Identity == nil {
		return cfg, fmt.Errorf("%w: Identity is nil", ErrConfig)
	}
	if _, _, err := splitServer(cfg.Server); err != nil {
		return cfg, err
	}
	if n := len(cfg.Invite); n != 0 && n != wire.InviteToken {
		return cfg, fmt.Errorf("%w: Invite has %d bytes, want %d", ErrConfig, n, wire.InviteToken)
	}
	if cfg.Nick != "" {
		nick, err := checkNick(cfg.Nick)
		if err != nil {
			return cfg, err
		}
		cfg.Nick = nick
	}
	if cfg.Software == "" {
		cfg.Software = "yodel"
	}
	cfg.Software = wire.Printable(strings.ToValidUTF8(cfg.Software, "?"))
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.limits == nil {
		cfg.limits = &wire.RekeyLimits
	}
	if cfg.net == nil {
		cfg.net = system
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return cfg, nil
}
