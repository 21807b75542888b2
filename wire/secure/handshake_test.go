package secure

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"
)

func TestHandshakeUnderLoss(t *testing.T) {
	for _, test := range []struct {
		loss    float64
		delay   time.Duration
		slowest time.Duration // of 40 handshakes
	}{
		{0, 30 * time.Millisecond, 120 * time.Millisecond}, // two round trips
		{0.2, 30 * time.Millisecond, 5 * time.Second},
		{0.4, 30 * time.Millisecond, 12 * time.Second},
		{0, 500 * time.Millisecond, 3 * time.Second},
		{0.1, time.Second, 12 * time.Second},
	} {
		t.Run(fmt.Sprintf("%.0f%% %s", test.loss*100, test.delay), func(t *testing.T) {
			var slowest time.Duration
			most := 0
			for seed := range uint64(40) {
				synctest.Test(t, func(t *testing.T) {
					p := newPair(t, seed, test.loss)
					p.up.delay, p.down.delay = test.delay, test.delay
					client, server := p.run()
					if client.err != nil || server.err != nil {
						t.Errorf("seed %d: client %v, server %v", seed, client.err, server.err)
					}
					slowest = max(slowest, client.took)
					most = max(most, p.up.sent+p.down.sent)
				})
			}
			t.Logf("slowest %s, most datagrams %d", slowest, most)
			if slowest > test.slowest {
				t.Errorf("slowest took %s, want at most %s", slowest, test.slowest)
			}
		})
	}
}

func TestHandshakeNamesBothSides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, 1, 0)
		var seenByServer, seenByClient []Fingerprint
		p.serverConf.Verify = func(f Fingerprint) error { seenByServer = append(seenByServer, f); return nil }
		p.clientConf.Verify = func(f Fingerprint) error { seenByClient = append(seenByClient, f); return nil }
		client, server := p.run()
		if client.err != nil || server.err != nil {
			t.Fatal(client.err, server.err)
		}
		atServer, atClient := p.clientConf.Identity.Fingerprint(), p.serverConf.Identity.Fingerprint()
		if server.secrets.Remote != atServer || len(seenByServer) != 1 || seenByServer[0] != atServer {
			t.Errorf("server saw %v and %v, want %v once", server.secrets.Remote, seenByServer, atServer)
		}
		if client.secrets.Remote != atClient || len(seenByClient) != 1 || seenByClient[0] != atClient {
			t.Errorf("client saw %v and %v, want %v once", client.secrets.Remote, seenByClient, atClient)
		}
	})
}

func TestVerifyRefuses(t *testing.T) {
	refusal := errors.New("not this one")
	for _, side := range []string{"client", "server"} {
		t.Run(side, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, 1, 0)
				refusing := &p.clientConf
				if side == "server" {
					refusing = &p.serverConf
				}
				refusing.Verify = func(Fingerprint) error { return refusal }
				client, server := p.run()
				who, other := client, server
				if side == "server" {
					who, other = server, client
				}
				if !errors.Is(who.err, refusal) || !errors.Is(who.err, ErrHandshake) {
					t.Errorf("the refusing side got %v", who.err)
				}
				if !errors.Is(other.err, context.DeadlineExceeded) || other.took != HandshakeTimeout {
					t.Errorf("the refused side got %v after %s", other.err, other.took)
				}
			})
		})
	}
}

func TestConfigIsChecked(t *testing.T) {
	id := mustIdentity(t)
	for name, cfg := range map[string]Config{
		"no identity": {Verify: anyone},
		"no verify":   {Identity: id},
	} {
		if _, err := Handshake(t.Context(), NewMemConn(func([]byte) {}), cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v, want ErrConfig", name, err)
		}
	}
}

// foreignClient handshakes with the library alone, as a client that is not ours.
func foreignClient(conn *MemConn, options ...dtls.ClientOption) error {
	quiet := &logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled}
	options = append([]dtls.ClientOption{dtls.WithInsecureSkipVerify(true), dtls.WithLoggerFactory(quiet)}, options...)
	session, err := dtls.ClientWithOptions(conn, memAddr{}, options...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), HandshakeTimeout)
	defer cancel()
	err = session.HandshakeContext(ctx)
	conn.Mute()
	return errors.Join(err, session.Close())
}

func TestServerWantsWhatTheProtocolWants(t *testing.T) {
	srtp := dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM)
	ours := dtls.WithCertificates(mustIdentity(t).certificate)
	_, ed25519Key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		options []dtls.ClientOption
		want    error // wrapped by the server's error
	}{
		"no certificate":    {[]dtls.ClientOption{srtp}, ErrHandshake},
		"no SRTP":           {[]dtls.ClientOption{ours}, ErrHandshake},
		"SRTP with _32":     {[]dtls.ClientOption{ours, dtls.WithSRTPProtectionProfiles(dtls.SRTP_AES128_CM_HMAC_SHA1_32)}, ErrHandshake},
		"no master secret":  {[]dtls.ClientOption{ours, srtp, dtls.WithExtendedMasterSecret(dtls.DisableExtendedMasterSecret)}, ErrHandshake},
		"P-384 certificate": {[]dtls.ClientOption{srtp, dtls.WithCertificates(selfSigned(t, p384, &p384.PublicKey))}, ErrHandshake},
		"Ed25519":           {[]dtls.ClientOption{srtp, dtls.WithCertificates(selfSigned(t, ed25519Key, ed25519Key.Public()))}, ErrHandshake},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, 1, 0)
				p.serverConf.Verify = func(f Fingerprint) error { t.Errorf("%s was asked for", f); return nil }
				if name == "no SRTP" || name == "SRTP with _32" {
					p.serverConf.Verify = anyone
				}
				atServer := start(p.server, p.serverConf)
				_ = foreignClient(p.client, test.options...)
				server := <-atServer
				if !errors.Is(server.err, test.want) {
					t.Errorf("server: %v, want %v", server.err, test.want)
				}
			})
		})
	}
}

func selfSigned(tb testing.TB, key, public any) tls.Certificate {
	tb.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: validFrom, NotAfter: validUntil}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		tb.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestFingerprintOfWantsP256(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, chain := range map[string][][]byte{
		"none":  nil,
		"junk":  {[]byte("junk")},
		"P-384": selfSigned(t, p384, &p384.PublicKey).Certificate,
	} {
		if _, err := fingerprintOf(chain); !errors.Is(err, ErrCertificate) {
			t.Errorf("%s: %v, want ErrCertificate", name, err)
		}
	}
}

func TestClientRestartsOnTheSamePort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The daemon's side of one address: a MemConn per ClientHello random, and the newest gets all else.
		conns := map[[32]byte]*MemConn{}
		var current *MemConn
		var servers []<-chan outcome
		up, down := newLink(1, 0), newLink(2, 0)
		serverConf := Config{Identity: mustIdentity(t), Verify: anyone}
		up.tap = func(datagram []byte) {
			if random, ok := ClientHelloRandom(datagram); ok && conns[random] == nil {
				current = NewMemConn(down.send)
				conns[random] = current
				servers = append(servers, start(current, serverConf))
			}
			_ = current.Feed(datagram)
		}
		clientConf := Config{Identity: mustIdentity(t), Client: true, Verify: anyone}
		for range 3 {
			client := NewMemConn(up.send)
			down.mu.Lock()
			down.to = client // the one before is gone without a word
			down.mu.Unlock()
			got := <-start(client, clientConf)
			if got.err != nil || got.took > 200*time.Millisecond {
				t.Errorf("client: %v after %s", got.err, got.took)
				continue
			}
			got.secrets.Free()
		}
		if len(servers) != 3 {
			t.Fatalf("%d handshakes at the server, want 3", len(servers))
		}
		for _, done := range servers {
			if server := <-done; server.err != nil {
				t.Error(server.err)
			} else {
				server.secrets.Free()
			}
		}
	})
}

func TestServerRepeatsItsLastFlightUntilFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, 1, 0)
		lost := 0
		p.down.tap = func([]byte) {
			if p.down.sent > 1 && lost < 5 { // all but the first flight
				lost++
				p.down.to = nil
			} else {
				p.down.to = p.client
			}
		}
		atServer := start(p.server, p.serverConf)
		atClient := start(p.client, p.clientConf)
		server := <-atServer
		if server.err != nil {
			t.Fatal(server.err)
		}
		client := <-atClient
		if client.err != nil || lost != 5 {
			t.Fatalf("client: %v after %d lost flights", client.err, lost)
		}
		synctest.Wait()
		before, beforeUp := p.down.sent, p.up.sent
		client.secrets.Free()
		server.secrets.Free()
		server.secrets.Free() // once more does nothing
		synctest.Wait()
		p.up.mu.Lock()
		_ = p.server.Feed([]byte{22, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 1, 0})
		p.up.mu.Unlock()
		<-time.After(time.Minute) // the bubble's minute
		if p.down.sent != before || p.up.sent != beforeUp {
			t.Errorf("after Free the server sent %d and the client %d datagrams", p.down.sent-before, p.up.sent-beforeUp)
		}
	})
}

func TestForgedDatagramsDoNotEndAHandshake(t *testing.T) {
	record := func(kind byte, body ...byte) []byte {
		return append([]byte{kind, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 200, 0, byte(len(body))}, body...)
	}
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, 1, 0)
		forge := func(l *link) func([]byte) {
			return func([]byte) {
				for _, forged := range [][]byte{
					record(recordAlert, 2, 40), record(recordAlert, 1, 0), record(recordData, 1, 2, 3),
					record(recordChangeCipherSpec, 7), record(recordChangeCipherSpec, 1, 1), record(99, 1),
					append(record(recordHandshake, 1, 2, 3), record(recordAlert, 2, 40)...),
				} {
					if err := l.to.Feed(forged); !errors.Is(err, ErrNotDTLS) {
						t.Errorf("Feed(%x): %v", forged, err)
					}
				}
			}
		}
		p.up.tap, p.down.tap = forge(p.up), forge(p.down)
		client, server := p.run()
		if client.err != nil || server.err != nil {
			t.Errorf("client %v, server %v", client.err, server.err)
		}
	})
}

func TestHandshakeEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		conn := NewMemConn(func([]byte) {})
		begin := time.Now()
		_, err := Handshake(ctx, conn, Config{Identity: mustIdentity(t), Client: true, Verify: anyone})
		if !errors.Is(err, context.Canceled) || time.Since(begin) != time.Second {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
		if err := conn.Feed([]byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1}); err == nil {
			t.Error("the conn of a failed handshake still takes datagrams")
		}
	})
}

func TestKeysProtectOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := newPair(t, 1, 0).run()
		if client.err != nil || server.err != nil {
			t.Fatal(client.err, server.err)
		}
		if _, _, err := client.secrets.Protect(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := client.secrets.Protect(); !errors.Is(err, ErrProtected) {
			t.Errorf("second Protect: %v, want ErrProtected", err)
		}
	})
}
