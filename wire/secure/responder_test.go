package secure

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/elliptic"
	pionprf "github.com/pion/dtls/v3/pkg/crypto/prf"
)

func TestPRFIsTheLibrarys(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 100 {
		secret, seed := make([]byte, 32+n), make([]byte, n)
		for i := range secret {
			secret[i] = byte(rng.Uint32())
		}
		for i := range seed {
			seed[i] = byte(rng.Uint32())
		}
		want, err := pionprf.PHash(secret, append([]byte("label"), seed...), n, sha256.New)
		if err != nil {
			t.Fatal(err)
		}
		if got := prf(n, secret, "label", seed[:n/2], seed[n/2:]); !bytes.Equal(got, want) {
			t.Errorf("%d bytes: %x, want %x", n, got, want)
		}
	}
}

// libraryClient shakes hands with the library's client and a daemon, and gives both ends' keys.
func libraryClient(t *testing.T, p *pair, options ...dtls.ClientOption) (client *Secrets, server outcome) {
	t.Helper()
	atServer := start(p.server, p.serverConf)
	session, err := dtls.ClientWithOptions(p.client, memAddr{}, append(p.clientConf.options(), options...)...)
	if err != nil {
		t.Fatal(err)
	}
	held := &association{session: session, conn: p.client}
	ctx, cancel := context.WithTimeout(context.Background(), HandshakeTimeout)
	defer cancel()
	if err := session.HandshakeContext(ctx); err == nil {
		if client, err = exportSecrets(held); err != nil {
			t.Error(err)
		}
	}
	held.end()
	return client, <-atServer
}

func TestEverySuiteCurveAndProfile(t *testing.T) {
	for name, option := range map[string]dtls.ClientOption{
		"ChaCha20": dtls.WithCipherSuites(dtls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
		"GCM":      dtls.WithCipherSuites(dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
		"X25519":   dtls.WithEllipticCurves(elliptic.X25519),
		"P-256":    dtls.WithEllipticCurves(elliptic.P384, elliptic.P256),
		"CM":       dtls.WithSRTPProtectionProfiles(dtls.SRTP_AES128_CM_HMAC_SHA1_80),
		"small":    dtls.WithMTU(100), // in fragments
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, 1, 0)
				client, server := libraryClient(t, p, option)
				if client == nil || server.err != nil {
					t.Fatal(server.err)
				}
				if client.profile != server.secrets.profile || client.path != server.secrets.path ||
					!bytes.Equal(client.local.key, server.secrets.remote.key) || !bytes.Equal(client.remote.salt, server.secrets.local.salt) {
					t.Error("the keys differ")
				}
				server.secrets.Free()
			})
		})
	}
}

// helloBody gives the body of a ClientHello.
func helloBody(version uint16, suites []byte, extensions ...[]byte) []byte {
	all := slices.Concat(extensions...)
	b := []byte{byte(version >> 8), byte(version)}
	b = append(b, bytes.Repeat([]byte{7}, 32)...)
	b = append(b, 0, 0, 0, byte(len(suites)))
	b = append(b, suites...)
	b = append(b, 1, 0, 0, byte(len(all)))
	return append(b, all...)
}

func TestParseClientHello(t *testing.T) {
	gcm, ems := []byte{0xc0, 0x2b}, []byte{0, 23, 0, 0}
	srtp := []byte{0, 14, 0, 7, 0, 4, 0, 1, 0, 7, 0}
	for name, test := range map[string]struct {
		body []byte
		want *clientHello // nil: refused
	}{
		"least": {helloBody(0xfefd, gcm, ems, srtp), &clientHello{suite: suiteGCM, curve: curveP256, profile: 7, masterSecret: true}},
		"much": {
			helloBody(0xfefd, []byte{0x13, 1, 0xcc, 0xa9, 0xc0, 0x2b, 0, 0xff}, []byte{0, 10, 0, 6, 0, 4, 0, 29, 0, 23}, []byte{0, 13, 0, 4, 0, 2, 4, 3},
				ems, []byte{0, 11, 0, 2, 1, 0}, []byte{0x7a, 0x7a, 0, 1, 9}, []byte{0, 14, 0, 6, 0, 2, 0, 1, 1, 5}),
			&clientHello{suite: suiteChaCha, curve: curveX25519, profile: 1, masterSecret: true, renegotiation: true, pointFormats: true},
		},
		"no master secret":   {helloBody(0xfefd, gcm, srtp), nil},
		"no SRTP":            {helloBody(0xfefd, gcm, ems), nil},
		"SRTP with _32":      {helloBody(0xfefd, gcm, ems, []byte{0, 14, 0, 5, 0, 2, 0, 2, 0}), nil},
		"no suite":           {helloBody(0xfefd, []byte{0xc0, 0x2c}, ems, srtp), nil},
		"DTLS 1.0":           {helloBody(0xfeff, gcm, ems, srtp), nil},
		"other curves":       {helloBody(0xfefd, gcm, ems, srtp, []byte{0, 10, 0, 4, 0, 2, 0, 24}), nil},
		"no curves":          {helloBody(0xfefd, gcm, ems, srtp, []byte{0, 10, 0, 2, 0, 0}), nil},
		"other signatures":   {helloBody(0xfefd, gcm, ems, srtp, []byte{0, 13, 0, 4, 0, 2, 8, 4}), nil},
		"compressed points":  {helloBody(0xfefd, gcm, ems, srtp, []byte{0, 11, 0, 2, 1, 1}), nil},
		"half a suite":       {helloBody(0xfefd, []byte{0xc0, 0x2b, 0}, ems, srtp), nil},
		"no extensions":      {helloBody(0xfefd, gcm)[:43], nil},
		"too long":           {append(helloBody(0xfefd, gcm, ems, srtp), 0), nil},
		"extension too long": {helloBody(0xfefd, gcm, ems, srtp, []byte{0, 99, 0, 9}), nil},
	} {
		got, err := parseClientHello(test.body)
		if test.want != nil {
			copy(test.want.random[:], bytes.Repeat([]byte{7}, 32))
		}
		if (err == nil) != (test.want != nil) || err == nil && *got != *test.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	whole := helloBody(0xfefd, gcm, ems, srtp)
	for n := range whole {
		if _, err := parseClientHello(whole[:n]); err == nil {
			t.Errorf("%d of %d bytes are accepted", n, len(whole))
		}
	}
}

// Fragments may come in any order, doubled and overlapping.
func TestAssembly(t *testing.T) {
	lengths := []int{150, 400, 66, 75, verifyLen}
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 3))
		var a assembly
		var fragments [][]byte
		var bodies [][]byte
		for i, n := range lengths {
			body := make([]byte, n)
			for k := range body {
				body[k] = byte(rng.Uint32())
			}
			bodies = append(bodies, body)
			whole := appendMessage(nil, fromClient[i].kind, uint16(i), body)
			for at := 0; at < n; at += 1 + rng.IntN(60) {
				size := min(n-at, 60+rng.IntN(60))
				f := append([]byte(nil), whole[:messageHeader]...)
				copy(f[6:], appendUint24(appendUint24(nil, at), size))
				fragments = append(fragments, append(f, body[at:at+size]...))
			}
		}
		rng.Shuffle(len(fragments), func(i, k int) { fragments[i], fragments[k] = fragments[k], fragments[i] })
		var got [][]byte
		for _, f := range fragments {
			epoch := uint16(0)
			if f[0] == typeFinished {
				epoch = 1
			}
			a.add(1-epoch, f) // of the wrong epoch: dropped
			a.add(epoch, f)
			for {
				_, body, ok := a.pop()
				if !ok {
					break
				}
				got = append(got, body)
			}
		}
		if !slices.EqualFunc(got, bodies, bytes.Equal) {
			t.Errorf("seed %d: %d messages, or other ones", seed, len(got))
		}
	}
}

func TestAssemblyDropsWhatDoesNotBelong(t *testing.T) {
	for name, content := range map[string][]byte{
		"other message":   appendMessage(nil, typeCertificate, 0, []byte{1}),
		"later sequence":  appendMessage(nil, typeFinished, 5, []byte{1}),
		"too long":        appendMessage(nil, typeClientHello, 0, make([]byte, fromClient[0].most+1)),
		"empty":           appendMessage(nil, typeClientHello, 0),
		"cut":             appendMessage(nil, typeClientHello, 0, []byte{1, 2})[:messageHeader+1],
		"beyond its end":  {typeClientHello, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 2, 1, 2},
		"header cut":      {typeClientHello, 0, 0},
		"server's":        appendMessage(nil, typeServerHello, 0, []byte{1}),
		"skipped message": appendMessage(nil, typeClientKeyExchange, 1, []byte{1}),
	} {
		var a assembly
		again := a.add(0, content)
		if _, _, ok := a.pop(); ok || again {
			t.Errorf("%s: taken", name)
		}
		for _, m := range a.messages {
			if m.body != nil {
				t.Errorf("%s: kept", name)
			}
		}
	}
}

// tampering changes what the client says on its way, and expects the handshake to fail, or to go on as if nothing had come.
func TestTamperedHandshakesGiveNoKeys(t *testing.T) {
	for _, test := range []struct {
		kind byte
		at   int // from the end of the message
	}{
		{typeCertificateVerify, 1}, {typeClientKeyExchange, 1}, {typeCertificate, 1}, {typeClientHello, 1}, {typeClientHello, 60},
	} {
		t.Run(fmt.Sprintf("message %d at -%d", test.kind, test.at), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, 1, 0)
				p.serverConf.Verify = func(Fingerprint) error {
					if test.kind == typeCertificateVerify {
						t.Error("asked about a key that was not proved")
					}
					return nil
				}
				p.up.tap = func(datagram []byte) {
					for record, rest, ok := nextRecord(datagram); ok; record, rest, ok = nextRecord(rest) {
						if epoch(record) == 0 && record[0] == recordHandshake && record[recordHeader] == test.kind {
							record[len(record)-test.at] ^= 1
						}
					}
				}
				client, server := p.run()
				if server.err == nil || client.err == nil {
					t.Errorf("client %v, server %v", client.err, server.err)
				}
			})
		})
	}
}

// All of it is done by Feed and Advance, at the times that the owner says.
func TestResponderHasNoClock(t *testing.T) {
	now := testTime
	var sent [][]byte
	r, err := NewResponder(Config{Identity: mustIdentity(t), Verify: anyone}, now, func(b []byte) { sent = append(sent, bytes.Clone(b)) })
	if err != nil {
		t.Fatal(err)
	}
	if d := r.Deadline(); !d.Equal(now.Add(HandshakeTimeout)) {
		t.Errorf("deadline %v before ClientHello", d.Sub(now))
	}
	body := helloBody(0xfefd, []byte{0xc0, 0x2b}, []byte{0, 23, 0, 0}, []byte{0, 14, 0, 5, 0, 2, 0, 7, 0})
	datagram := appendRecord(nil, recordHandshake, appendMessage(nil, typeClientHello, 0, body))
	if err := r.Feed(now, datagram); err != nil || len(sent) != 1 || len(sent[0]) > handshakeMTU {
		t.Fatalf("%v, %d datagrams", err, len(sent))
	}
	soon := now.Add(repeatAfter - 1)
	if err := r.Feed(soon, datagram); err != nil || len(sent) != 1 { // a copy of ClientHello
		t.Fatalf("%v, %d datagrams", err, len(sent))
	}
	now = now.Add(repeatAfter)
	if err := r.Feed(now, datagram); err != nil || len(sent) != 2 { // a repeated ClientHello
		t.Fatalf("%v, %d datagrams", err, len(sent))
	}
	if d := r.Deadline(); !d.Equal(now.Add(flightInterval)) {
		t.Errorf("deadline %v after the flight", d.Sub(now))
	}
	for n := 3; r.Advance(r.Deadline()) == nil; n++ {
		if len(sent) != n || !slices.ContainsFunc(sent[:n-1], func(b []byte) bool { return len(b) == len(sent[n-1]) }) {
			t.Fatalf("%d datagrams", len(sent))
		}
	}
	numbers := map[uint64]bool{}
	for _, b := range sent {
		for record, rest, ok := nextRecord(b); ok; record, rest, ok = nextRecord(rest) {
			if numbers[recordSequence(record)] {
				t.Fatal("a record number was used twice")
			}
			numbers[recordSequence(record)] = true
		}
	}
	if err := r.Feed(now, datagram); !errors.Is(err, ErrHandshake) || !errors.Is(err, context.DeadlineExceeded) || r.Secrets() != nil {
		t.Errorf("after the end: %v", err)
	}
	if want := int(HandshakeTimeout/flightInterval) + 2; len(sent) != want {
		t.Errorf("%d datagrams in %s, want %d", len(sent), HandshakeTimeout, want)
	}
	if !r.Deadline().IsZero() {
		t.Error("a deadline after the end")
	}
}

// FuzzResponder: whatever comes, nothing panics and nothing but a handshake gives keys.
func FuzzResponder(f *testing.F) {
	body := helloBody(0xfefd, []byte{0xc0, 0x2b}, []byte{0, 23, 0, 0}, []byte{0, 14, 0, 5, 0, 2, 0, 7, 0})
	f.Add(appendRecord(nil, recordHandshake, appendMessage(nil, typeClientHello, 0, body)), []byte{22, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 1, 0})
	identity := mustIdentity(f)
	f.Fuzz(func(t *testing.T, first, second []byte) {
		r, err := NewResponder(Config{Identity: identity, Verify: anyone}, testTime, func([]byte) {})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = r.Feed(testTime, first), r.Feed(testTime.Add(time.Second), second)
		if r.Secrets() != nil {
			t.Error("keys without a handshake")
		}
	})
}
