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

// handshake validates the address and agrees on keys.
func handshake(ctx context.Context, cfg Config, name string, c *contact) error {
	b := newBinding(c.nonce)
	mem := secure.NewMemConn(func(d []byte) { _ = c.link.write(d) }) // DTLS repeats what is lost
	type outcome struct {
		secrets *secure.Secrets
		err     error
	}
	done := make(chan outcome, 1)
	hctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b.send(c.link)
	go func() {
		s, err := secure.Handshake(hctx, mem, secure.Config{
			Identity: cfg.Identity, Client: true, Verify: func(fp secure.Fingerprint) error { return verify(hctx, cfg, name, fp) },
		})
		done <- outcome{s, err}
	}()
	failure := error(nil)
	for {
		select {
		case d := <-c.link.in:
			if d.err != nil && failure == nil {
				failure = unreachable(d.err)
				cancel()
			}
			if d.err == nil {
				b.take(c.link, mem, d.bytes)
			}
			d.release()
		case <-b.timer.C:
			b.send(c.link)
		case o := <-done:
			b.timer.Stop()
			if o.err != nil {
				return handshakeError(ctx, o.err, failure)
			}
			o.secrets.Free()
			return c.link.protect(o.secrets)
		}
	}
}

// protect takes the keys of a handshake.
func (l *link) protect(s *secure.Secrets) (err error) {
	l.daemon, l.path = s.Remote, s.PathKey()
	l.tx, l.rx, err = s.Protect()
	return err
}

// verify compares the daemon's key with the one that is pinned. The file's lock may be another's for seconds, and knows no context: when
// ctx ends first, the look into the file ends by itself.
func verify(ctx context.Context, cfg Config, name string, fp secure.Fingerprint) error {
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

// handshakeError words why a handshake failed; failure is what the socket said meanwhile.
func handshakeError(ctx context.Context, err, failure error) error {
	switch cause := context.Cause(ctx); {
	case failure != nil:
		return failure
	case errors.Is(cause, context.Canceled):
		return cause
	case cause != nil, errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: it answered, but the handshake was not finished in time", ErrUnreachable)
	}
	return err
}
