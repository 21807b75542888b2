package secure

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/elliptic"
	"github.com/pion/logging"
)

// HandshakeTimeout bounds a handshake, and how long the daemon repeats its last flight afterwards.
const HandshakeTimeout = 15 * time.Second

const (
	// handshakeMTU is the most bytes of a handshake datagram.
	handshakeMTU = 1200
	// flightInterval is the wait before a flight is sent again, and it does not grow. RFC 6347, 4.2.4.1 starts with 1 s
	// and doubles, against congestion; here HandshakeTimeout bounds a handshake to 38 datagrams each way, less than a
	// voice of one second. With 40 % loss each way and 60 ms round trip, of 400 handshakes the slowest took
	// 6.9 s; with doubling 8 % of them failed.
	flightInterval = 400 * time.Millisecond
)

// Config says who one is in a handshake and whom one accepts.
type Config struct {
	Identity *Identity // required
	Client   bool      // who sends the ClientHello
	// Verify decides about the other side's key; required. It is called, of a client by a goroutine of the DTLS library, after the other
	// side has proved to have the key, and at most once. Its error ends the handshake and is returned by it. The other
	// side learns nothing, and times out.
	Verify func(Fingerprint) error
}

func (cfg Config) check() error {
	if cfg.Identity == nil || cfg.Verify == nil {
		return fmt.Errorf("%w: identity and Verify are required", ErrConfig)
	}
	return nil
}

// Handshake runs a DTLS 1.2 handshake (RFC 6347) over conn and blocks until it has succeeded, failed, or ctx or
// HandshakeTimeout has ended it. Both sides must show a P-256 certificate; extended master secret (RFC 7627)
// and use_srtp (RFC 5764) are required; there are no cookies, sessions, tickets, renegotiation or connection ids.
//
// After an error conn is closed and no goroutine remains. After success conn must be fed on until Secrets.Free.
// Errors wrap ErrHandshake and the cause: what Verify returned, context.DeadlineExceeded, ErrCertificate.
func Handshake(ctx context.Context, conn *MemConn, cfg Config) (*Secrets, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, HandshakeTimeout)
	defer cancel()
	run := respond
	if cfg.Client {
		run = initiate
	}
	secrets, err := run(ctx, conn, cfg)
	if err != nil {
		if !errors.Is(err, ErrHandshake) {
			err = fmt.Errorf("%w: %w", ErrHandshake, err)
		}
		return nil, errors.Join(err, conn.Close())
	}
	return secrets, nil
}

// respond is the server's side: a Responder with a clock.
func respond(ctx context.Context, conn *MemConn, cfg Config) (*Secrets, error) {
	s, err := NewResponder(cfg, time.Now(), func(b []byte) { _, _ = conn.WriteTo(b, nil) }) // what is lost is sent again
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(HandshakeTimeout)
	defer timer.Stop()
	for s.Secrets() == nil && err == nil {
		timer.Reset(time.Until(s.Deadline()))
		select {
		case datagram := <-conn.in:
			if err = s.Feed(time.Now(), datagram); !errors.Is(err, ErrHandshake) {
				err = nil // it was dropped
			}
		case <-timer.C:
			err = s.Advance(time.Now())
		case <-conn.closed:
			err = net.ErrClosed
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err != nil {
		return nil, err
	}
	secrets := s.Secrets()
	secrets.held.Store(&association{conn: conn})
	conn.done.Store(s)
	return secrets, nil
}

// initiate is the client's side.
func initiate(ctx context.Context, conn *MemConn, cfg Config) (*Secrets, error) {
	session, err := dtls.ClientWithOptions(conn, memAddr{}, cfg.options()...)
	if err != nil {
		return nil, err
	}
	held := &association{session: session, conn: conn}
	if err = session.HandshakeContext(ctx); err == nil {
		err = ctx.Err()
	}
	var secrets *Secrets
	if err == nil {
		secrets, err = exportSecrets(held)
	}
	if err != nil {
		held.end()
	}
	return secrets, err
}

// options are those of the library's client.
func (cfg Config) options() []dtls.ClientOption {
	return []dtls.ClientOption{
		dtls.WithCertificates(cfg.Identity.certificate),
		dtls.WithCipherSuites(
			dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
			dtls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
		),
		dtls.WithSignatureSchemes(tls.ECDSAWithP256AndSHA256),
		dtls.WithEllipticCurves(elliptic.P256, elliptic.X25519),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80),
		dtls.WithInsecureSkipVerify(true), // there are no authorities: Verify decides by the key
		dtls.WithVerifyPeerCertificate(cfg.verifyChain),
		dtls.WithMTU(handshakeMTU),
		dtls.WithFlightInterval(flightInterval),
		dtls.WithDisableRetransmitBackoff(true),
		dtls.WithLoggerFactory(&logging.DefaultLoggerFactory{
			Writer:          io.Discard,
			DefaultLogLevel: logging.LogLevelDisabled,
		}),
	}
}

// verifyChain is the library's question about the daemon's certificate.
func (cfg Config) verifyChain(chain [][]byte, _ [][]*x509.Certificate) error {
	fingerprint, err := fingerprintOf(chain)
	if err != nil {
		return err
	}
	return cfg.Verify(fingerprint)
}
