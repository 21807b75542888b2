package peer

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// Client is one peer of one daemon, over any number of sessions. Its methods may be called by any goroutine.
type Client struct {
	cfg    Config
	shared *shared
	engine *engine // the loop's

	commands chan func(now time.Time)
	frames   chan *frame
	events   chan Event
	groups   chan []Event
	nudge    chan struct{} // a Hearing has events

	closing   chan struct{} // Close was called
	closeOnce sync.Once
	over      chan struct{} // no session, and none is going to be
	ended     chan struct{} // no goroutine is left
}

// Dial makes a session with the daemon: address validation and handshake. It returns when the keys are there and Hello is on its way, so
// that what is asked next goes in the same flight. Errors: ErrUnreachable when the daemon does not
// answer in Config.Timeout, or nothing listens there; secure.ErrHostKeyChanged; ErrOtherDaemon; ErrServer and ErrConfig; ctx's. ctx is only for dialling.
//
// That the daemon refuses the nick, the version or access ends the client: all calls, and Err, give the *RefusedError. Welcomed waits until that
// is decided.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	cfg, err := cfg.checked()
	if err != nil {
		return nil, err
	}
	ctx, answered, cancel := setupContext(ctx, cfg)
	defer cancel()
	l, err := connect(ctx, cfg, target{}, answered)
	if err != nil {
		return nil, err
	}
	c := newClient(cfg)
	c.reached(l)
	go c.run(l)
	return c, nil
}

// reached tells others which daemon it is, and where.
func (c *Client) reached(l *link) {
	c.shared.set(func(s *shared) { s.daemon, s.addr = l.daemon, unmapped(l.addr) })
}

// Welcomed waits until the daemon has taken the first session: from then on Nick is what it gave. Errors: a *RefusedError for the nick, the
// version or access; ErrUnreachable when it does not say in 20 s, or in Config.Timeout when that is longer; ErrLost, ErrClosed, ctx's.
func (c *Client) Welcomed(ctx context.Context) error {
	_, err := call(ctx, c, func(_ time.Time, reply func(struct{}, error)) func() {
		c.engine.whenWelcome(func(err error) { reply(struct{}{}, err) })
		return nil
	})
	return err
}

// Succeed has the daemon give what this identity has there (its admission, its roles, its nicks) to another one, which the daemon must not know yet. When
// it returns nil the daemon has done that, and takes this identity no more: its sessions, this one among them, end with CODE_ACCESS. With any error
// but a *RefusedError it may have happened nevertheless.
func (c *Client) Succeed(ctx context.Context, next *secure.Identity) error {
	message, err := succeedMessage(next, c.Daemon(), c.Fingerprint())
	if err != nil {
		return err
	}
	_, err = ask(ctx, c, message, func(*wire.Message, time.Time) struct{} { return struct{}{} })
	return err
}

// succeedMessage makes the message of a request by which next takes the place of old.
func succeedMessage(next *secure.Identity, daemon, old secure.Fingerprint) (func(id uint64) []byte, error) {
	key, signature, err := next.ProveSuccession(daemon, old)
	return func(id uint64) []byte {
		return wire.Encode(&wire.Message_Succeed{Succeed: &wire.Succeed{Request: id, Key: key, Signature: signature}})
	}, err
}

// setupContext bounds the wait for the first answer, and from then on that for the rest.
func setupContext(ctx context.Context, cfg Config) (_ context.Context, answered, cancel func()) {
	ctx, cancelCause := context.WithCancelCause(ctx)
	timer := time.AfterFunc(cfg.Timeout, func() { cancelCause(context.DeadlineExceeded) })
	answered = func() { timer.Reset(cfg.setupTimeout()) }
	cancel = func() {
		timer.Stop()
		cancelCause(nil)
	}
	return ctx, answered, cancel
}

func newClient(cfg Config) *Client {
	c := &Client{
		cfg: cfg, shared: new(shared),
		commands: make(chan func(time.Time)), frames: make(chan *frame), events: make(chan Event), groups: make(chan []Event),
		nudge: make(chan struct{}, 1), closing: make(chan struct{}), over: make(chan struct{}), ended: make(chan struct{}),
	}
	c.engine = newEngine(cfg, c.shared)
	return c
}

// Close ends the session: it says BYE, three times within 100 ms, and returns when all goroutines of the client have ended. What
// waits in other goroutines gets ErrClosed. The error is always nil.
func (c *Client) Close() error {
	c.closeOnce.Do(func() { close(c.closing) })
	<-c.ended
	return nil
}

// Nick is the own nick as the daemon has it; empty: none.
func (c *Client) Nick() string { return read(c.shared, func(s *shared) string { return s.nick }) }

// Fingerprint is that of one's own identity.
func (c *Client) Fingerprint() secure.Fingerprint { return c.cfg.Identity.Fingerprint() }

// Daemon is the fingerprint of the daemon.
func (c *Client) Daemon() secure.Fingerprint {
	return read(c.shared, func(s *shared) secure.Fingerprint { return s.daemon })
}

// Addr is the daemon's address.
func (c *Client) Addr() netip.AddrPort {
	return read(c.shared, func(s *shared) netip.AddrPort { return s.addr })
}

// RTT is the smoothed round-trip time; 0 when it is not known yet.
func (c *Client) RTT() time.Duration {
	return read(c.shared, func(s *shared) time.Duration { return s.rtt })
}

// Events brings what happens. It is closed by Close, and after the loss of the session and the events before it: without Config.Reconnect
// after any loss, with it after one that is for good (a *RefusedError, ErrKicked, secure.ErrHostKeyChanged). Who
// joins a room must read it: what is not read holds back the messages of rooms, and nothing else. No message is lost; but when 1024 events
// wait, presence is told as differences when fewer do, and talks are left out.
func (c *Client) Events() <-chan Event { return c.events }

// EventGroups brings the same events, and ends in the same way, but all at once that wait: for who takes tens of thousands a second. An event comes
// by one of the two channels. A group is never empty, and the receiver's own.
func (c *Client) EventGroups() <-chan []Event { return c.groups }

// Err tells why Events was closed: nil after Close, else an error that is ErrLost, a *RefusedError, ErrKicked or secure.ErrHostKeyChanged.
func (c *Client) Err() error { return read(c.shared, func(s *shared) error { return s.err }) }

// overErr is what calls get when the client is over.
func (c *Client) overErr() error {
	if err := c.Err(); err != nil {
		return err
	}
	return ErrClosed
}

// post runs f on the loop.
func (c *Client) post(ctx context.Context, f func(now time.Time)) error {
	select {
	case c.commands <- f:
		return nil
	case <-c.over:
		return c.overErr()
	case <-ctx.Done():
		return ctx.Err()
	}
}
