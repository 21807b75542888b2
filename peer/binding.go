package peer

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

const (
	// firstRetry is the wait before a Binding Request is repeated; it grows to maxRetry (RFC 8489, 6.2.1 has 500 ms and no bound). With 40 %
	// loss each way 64 % of the requests fail: the 21 of 8 s leave 1 of 10,000 programs without an answer, the 10 with a wait of up to 1 s left 1 of 80.
	firstRetry = 250 * time.Millisecond
	maxRetry   = 400 * time.Millisecond
)

// binding is the client's side of the address validation: a Binding Request that is repeated until it was answered.
type binding struct {
	txid    [12]byte
	request []byte
	wait    time.Duration
	timer   *time.Timer // when to repeat

	renewals int
}

// newBinding makes a request; with a nonce it validates the address.
func newBinding(nonce []byte) *binding {
	b := &binding{wait: firstRetry}
	b.renew(nonce)
	b.timer = time.NewTimer(b.wait)
	return b
}

// renew makes another request, with a new nonce.
func (b *binding) renew(nonce []byte) {
	_, _ = rand.Read(b.txid[:]) // never fails: crypto/rand
	b.request = secure.BindingRequest(b.request[:0], b.txid, nonce)
}

// send sends the request, for the first time or again.
func (b *binding) send(l *link) {
	_ = l.write(b.request) // it is repeated
	b.timer.Reset(b.wait)
	b.wait = min(2*b.wait, maxRetry)
}

// probe asks an address until it answers with a nonce.
func probe(ctx context.Context, network *network, addr netip.AddrPort) (*contact, error) {
	l, err := network.link(addr)
	if err != nil {
		return nil, err
	}
	b := newBinding(nil)
	defer b.timer.Stop()
	b.send(l)
	strange := false
	for {
		select {
		case d := <-l.in:
			nonce, err := b.nonce(d)
			d.release()
			switch {
			case err != nil:
				l.close()
				return nil, err
			case nonce != nil:
				return &contact{l, nonce}, nil
			}
			strange = true
		case <-b.timer.C:
			b.send(l)
		case <-ctx.Done():
			l.close()
			if err := context.Cause(ctx); !strange || errors.Is(err, context.Canceled) {
				return nil, err
			}
			return nil, errNoDaemon
		}
	}
}

// nonce reads an answer to the request without a nonce. What is no answer gives neither nonce nor error.
func (b *binding) nonce(d datagram) ([]byte, error) {
	if d.err != nil {
		return nil, d.err
	}
	reply, err := secure.ParseBindingReply(d.bytes, b.txid)
	if err != nil {
		return nil, nil //nolint:nilnil // anyone may send anything
	}
	return reply.Nonce, nil
}

// take gives a datagram to whom it belongs while the handshake runs. A success ends the repetition of the
// request with the nonce. A new nonce is used at once, but the third and later ones when the request would have been repeated: otherwise a daemon that
// gives new ones for ever would be asked as fast as it answers.
func (b *binding) take(l *link, mem *secure.MemConn, d []byte) {
	switch wire.KindOf(d) {
	case wire.KindDTLS:
		_ = mem.Feed(d) // what is refused counts as lost
	case wire.KindSTUN:
		reply, err := secure.ParseBindingReply(d, b.txid)
		if err != nil {
			return
		}
		if reply.Nonce == nil {
			b.timer.Stop()
			return
		}
		b.renew(reply.Nonce)
		if b.renewals++; b.renewals <= freeRenewals {
			b.send(l)
		}
	default: // nothing else is expected before the keys are there
	}
}
