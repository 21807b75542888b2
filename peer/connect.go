package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"yodel/wire/secure"
)

// addressStagger is how long an address of a name is tried alone before the next one is tried too.
const addressStagger = 250 * time.Millisecond

// connect makes a secured link: it finds the address that answers first, and shakes hands with it. answered is called
// when the first answer is there. No goroutine but the link's reader remains.
func connect(ctx context.Context, cfg Config, to target, answered func()) (*link, error) {
	host, port, err := splitServer(cfg.Server)
	if err != nil {
		return nil, err
	}
	addrs, err := to.addresses(ctx, cfg.net, host, port)
	if err != nil {
		return nil, err
	}
	found, err := firstAnswer(ctx, cfg.net, addrs)
	if err != nil {
		return nil, err
	}
	answered()
	found.link.due = time.Now().Add(cfg.setupTimeout())
	name := net.JoinHostPort(host, strconv.Itoa(int(port)))
	if err := handshake(ctx, cfg, name, found); err != nil {
		found.link.close()
		return nil, err
	}
	return found.link, nil
}

// errNoDaemon is the end of the wait for an address that gave only answers of another kind.
var errNoDaemon = errors.New("not a daemon")

// contact is a link whose other end has answered with a nonce.
type contact struct {
	link  *link
	nonce []byte
}

// firstAnswer asks the addresses one after the other, 250 ms apart or as soon as one has failed, and keeps the first that answers.
func firstAnswer(ctx context.Context, network *network, addrs []netip.AddrPort) (*contact, error) {
	type answer struct {
		*contact
		err error
	}
	ctx, cancel := context.WithCancel(ctx)
	answers := make(chan answer, len(addrs))
	asked, open := 0, 0
	var found *contact
	defer func() {
		cancel()
		for range open {
			if a := <-answers; a.contact != nil {
				a.link.close()
			}
		}
	}()
	next := time.NewTimer(0)
	defer next.Stop()
	var failed error
	for asked < len(addrs) || open > 0 {
		select {
		case <-next.C:
			if asked < len(addrs) {
				addr := addrs[asked]
				asked, open = asked+1, open+1
				go func() {
					c, err := probe(ctx, network, addr)
					answers <- answer{c, err}
				}()
				next.Reset(addressStagger)
			}
		case a := <-answers:
			open--
			if a.err == nil {
				found = a.contact
				return found, nil
			}
			if failed == nil || errors.Is(failed, context.DeadlineExceeded) {
				failed = a.err
			}
			next.Reset(0)
		}
	}
	if failed == nil {
		failed = errors.New("the name has no address")
	}
	return nil, unreachable(failed)
}

// unreachable words an error of the network.
func unreachable(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case isRefused(err):
		return fmt.Errorf("%w: nothing listens there", ErrUnreachable)
	case errors.Is(err, errNoDaemon):
		return fmt.Errorf("%w: what answers there is not a Yodel daemon", ErrUnreachable)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: no answer", ErrUnreachable)
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

const (
	// attemptFor is how long one handshake may take before another is begun. With 40 % loss each way half take 1.3 s, and of 400 the slowest
	// took 6.9 s; longer than that none goes on that a damaged or forged datagram has ended at the other side, which says nothing.
	attemptFor = 7 * time.Second
	// attemptApart is the wait after a handshake that has failed at once.
	attemptApart = 300 * time.Millisecond
)

// handshake validates the address and agrees on keys. A handshake that fails, though nobody has refused anything, is begun anew until
// ctx ends.
func handshake(ctx context.Context, cfg Config, name string, c *contact) error {
	for {
		a := attempt{cfg: cfg, name: name, contact: c}
		actx, cancel := context.WithTimeout(ctx, attemptFor)
		err := a.run(actx)
		cancel()
		switch {
		case err == nil:
			return nil
		case a.socket != nil, a.refused != nil, ctx.Err() != nil:
			return a.failed(ctx, err)
		}
		cfg.Logger.Debug("handshake failed, and is begun anew", "error", err)
		select {
		case <-time.After(attemptApart):
		case <-ctx.Done():
		}
	}
}

// attempt is one handshake over a link.
type attempt struct {
	*contact
	cfg     Config
	name    string
	socket  error // what the socket said meanwhile
	refused error // why the daemon's key is not accepted
}

// run validates the address and shakes hands.
func (a *attempt) run(ctx context.Context) error {
	b := newBinding(a.nonce)
	defer b.timer.Stop()
	mem := secure.NewMemConn(func(d []byte) { _ = a.link.write(d) }) // DTLS repeats what is lost
	type outcome struct {
		secrets      *secure.Secrets
		err, refused error
	}
	done := make(chan outcome, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b.send(a.link)
	go func() {
		var o outcome
		o.secrets, o.err = secure.Handshake(ctx, mem, secure.Config{Identity: a.cfg.Identity, Client: true, Verify: func(fp secure.Fingerprint) error {
			o.refused = verify(ctx, a.cfg, a.name, fp)
			return o.refused
		}})
		done <- o
	}()
	for {
		select {
		case d := <-a.link.in:
			if d.err != nil && a.socket == nil {
				a.socket = unreachable(d.err)
				cancel()
			}
			if d.err == nil {
				b.take(a.link, mem, d.bytes)
			}
			d.release()
		case <-b.timer.C:
			b.send(a.link)
		case o := <-done:
			if a.refused = o.refused; o.err != nil {
				return o.err
			}
			o.secrets.Free()
			return a.link.protect(o.secrets)
		}
	}
}

// protect takes the keys of a handshake.
func (l *link) protect(s *secure.Secrets) (err error) {
	l.daemon, l.path = s.Remote, s.PathKey()
	l.tx, l.rx, err = s.Protect()
	return err
}

// verify compares the daemon's key with the one that was asked for, with that which this client has met, and with the one that is pinned. The file's lock may be another's for seconds, and knows no context: when
// ctx ends first, the look into the file ends by itself.
func verify(ctx context.Context, cfg Config, name string, fp secure.Fingerprint) error {
	if cfg.Daemon != (secure.Fingerprint{}) && fp != cfg.Daemon {
		return fmt.Errorf("%w: %s has the key %s, not %s", ErrOtherDaemon, name, fp, cfg.Daemon)
	}
	if cfg.pinned != (secure.Fingerprint{}) && fp != cfg.pinned {
		return fmt.Errorf("%w: %s is now %s, and was %s in the session before", secure.ErrHostKeyChanged, name, fp, cfg.pinned)
	}
	if cfg.KnownHosts == nil {
		return nil
	}
	checked := make(chan error, 1)
	go func() {
		added, err := cfg.KnownHosts.Check(name, fp)
		if added {
			cfg.Logger.Info("daemon's key pinned", "server", name, "fingerprint", fp)
		}
		checked <- err
	}()
	select {
	case err := <-checked:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// failed words why no handshake succeeded.
func (a *attempt) failed(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case a.socket != nil:
		return a.socket
	case errors.Is(cause, context.Canceled):
		return cause
	case cause != nil, errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: it answered, but the handshake was not finished in time", ErrUnreachable)
	}
	return err
}
