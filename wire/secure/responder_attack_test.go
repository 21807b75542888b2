package secure

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"
)

// counter is a daemon's side with what it has sent and whom it was asked about.
type counter struct {
	*Responder
	identity *Identity
	sent     [][]byte
	asked    []Fingerprint
}

func newCounter(tb testing.TB, identity *Identity) *counter {
	tb.Helper()
	c := &counter{identity: identity}
	verify := func(f Fingerprint) error { c.asked = append(c.asked, f); return nil }
	var err error
	c.Responder, err = NewResponder(Config{Identity: identity, Verify: verify}, testTime, func(b []byte) { c.sent = append(c.sent, bytes.Clone(b)) })
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// greet has the ClientHello answered.
func (c *counter) greet(tb testing.TB, h *byHand) {
	tb.Helper()
	if err := c.Feed(testTime, h.record(h.hello())); err != nil || len(c.sent) != 1 {
		tb.Fatalf("%v, %d datagrams", err, len(c.sent))
	}
	if err := h.answer(c.sent[0], c.identity); err != nil {
		tb.Fatal(err)
	}
}

func certificateList(certificates ...[]byte) []byte {
	var list []byte
	for _, c := range certificates {
		list = append(appendUint24(list, len(c)), c...)
	}
	return append(appendUint24(nil, len(list)), list...)
}

// What a client may say wrongly. refused: the handshake fails at once; else it gives keys.
func TestWhatAClientProves(t *testing.T) {
	ours, other := mustIdentity(t), mustIdentity(t)
	key, ok := ours.certificate.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		t.Fatal("no key")
	}
	otherKey, ok := other.certificate.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		t.Fatal("no key")
	}
	leaf := ours.certificate.Certificate[0]
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: validFrom, NotAfter: validFrom.Add(time.Hour)}
	expired, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	offCurve := append([]byte{4}, bytes.Repeat([]byte{5}, 64)...)
	compressed := elliptic.MarshalCompressed(elliptic.P256(), key.X, key.Y)
	for name, test := range map[string]struct {
		wrong   func(*byHand)
		refused error // nil: the handshake gives keys
		asked   int   // questions to Verify
	}{
		"nothing":                  {func(*byHand) {}, nil, 1},
		"expired":                  {func(h *byHand) { h.list = certificateList(expired) }, nil, 1}, // the key counts, not the certificate
		"junk behind the leaf":     {func(h *byHand) { h.list = certificateList(leaf, []byte("junk")) }, nil, 1},
		"no certificate":           {func(h *byHand) { h.list = certificateList() }, ErrCertificate, 0},
		"an empty certificate":     {func(h *byHand) { h.list = certificateList(nil) }, ErrCertificate, 0},
		"an RSA key":               {func(h *byHand) { h.list = certificateList(selfSigned(t, rsaKey, rsaKey.Public()).Certificate[0]) }, ErrCertificate, 0},
		"a P-384 key":              {func(h *byHand) { h.list = certificateList(selfSigned(t, p384, p384.Public()).Certificate[0]) }, ErrCertificate, 0},
		"a list that is cut":       {func(h *byHand) { h.list = certificateList(leaf)[:40] }, ErrCertificate, 0},
		"a list with a tail":       {func(h *byHand) { h.list = append(certificateList(leaf), 0) }, ErrCertificate, 0},
		"half of a second":         {func(h *byHand) { h.list = appendUint24(nil, 1); h.list = append(h.list, 0) }, ErrCertificate, 0},
		"another's certificate":    {func(h *byHand) { h.list = certificateList(other.certificate.Certificate[0]) }, ErrCertificate, 0},
		"the daemon's certificate": {func(h *byHand) { h.list = nil; h.signs = otherKey }, ErrCertificate, 0},
		"a signature of less":      {func(h *byHand) { h.signd = make([]byte, 32) }, ErrCertificate, 0},
		"another scheme":           {func(h *byHand) { h.other = 1 }, ErrHandshake, 0},
		"a point off the curve":    {func(h *byHand) { h.point = offCurve }, ErrHandshake, 0},
		"the point at infinity":    {func(h *byHand) { h.point = []byte{0} }, ErrHandshake, 0},
		"a compressed point":       {func(h *byHand) { h.point = compressed }, ErrHandshake, 0},
		"no point":                 {func(h *byHand) { h.point = []byte{} }, ErrHandshake, 0},
		"another handshake":        {func(h *byHand) { h.wrong = 1 }, ErrHandshake, 1},
	} {
		t.Run(name, func(t *testing.T) {
			c, h := newCounter(t, mustIdentity(t)), newByHand(t, ours.certificate)
			test.wrong(h)
			c.greet(t, h)
			err := c.Feed(testTime, h.flight())
			if !errors.Is(err, test.refused) || len(c.asked) != test.asked {
				t.Fatalf("%v, want %v; asked about %d keys, want %d", err, test.refused, len(c.asked), test.asked)
			}
			if test.refused == nil {
				if !h.agrees(c.Secrets()) || c.Secrets().Remote != ours.Fingerprint() || len(c.sent) != 2 || !h.confirmed(c.sent[1]) {
					t.Error("the keys, the name or the last flight are other ones")
				}
				return
			}
			if err := c.Feed(testTime, h.record(h.hello())); !errors.Is(err, ErrHandshake) || c.Secrets() != nil || len(c.sent) != 1 {
				t.Errorf("after the end: %v, %d datagrams", err, len(c.sent)-1)
			}
		})
	}
}

// Nothing of a flight can be left out, be it the proof of the key, and Finished counts only under keys.
func TestNoMessageCanBeLeftOut(t *testing.T) {
	ours := mustIdentity(t)
	for skip := 1; skip < len(fromClient); skip++ {
		c, h := newCounter(t, mustIdentity(t)), newByHand(t, ours.certificate)
		c.greet(t, h)
		for i := range h.messages[1:] {
			if i+1 == skip {
				continue
			}
			if err := c.Feed(testTime, h.record(h.messages[i+1])); err != nil {
				t.Fatal(err)
			}
		}
		inClear := appendRecord(nil, recordHandshake, h.messages[4])
		if err := c.Feed(testTime, inClear); err != nil || c.Secrets() != nil || len(c.sent) != 1 {
			t.Errorf("without message %d: %v, keys %t", skip, err, c.Secrets() != nil)
		}
		if err := c.Feed(testTime, h.record(h.messages[skip])); err != nil || c.Secrets() == nil || !h.agrees(c.Secrets()) {
			t.Errorf("message %d last: %v, keys %t", skip, err, c.Secrets() != nil)
		}
	}
}

// Between the keys and Finished: what is not authentic moves nothing, and what is authentic is taken for what it says it is.
func TestRecordsBeforeFinished(t *testing.T) {
	forged := func(kind byte) func(*byHand) []byte {
		return func(*byHand) []byte {
			r := appendRecord(nil, kind, bytes.Repeat([]byte{1}, 50))
			putSequence(r, 1, 1<<48-1) // the replay window must not move
			return r
		}
	}
	for name, test := range map[string]struct {
		record func(*byHand) []byte
		ends   bool
	}{
		"forged handshake":        {forged(recordHandshake), false},
		"forged alert":            {forged(recordAlert), false},
		"forged ChangeCipherSpec": {forged(recordChangeCipherSpec), false},
		"forged data":             {forged(recordData), false},
		"a warning":               {func(h *byHand) []byte { return h.sealed(recordAlert, []byte{1, 0}) }, false},
		"half an alert":           {func(h *byHand) []byte { return h.sealed(recordAlert, []byte{fatalAlert}) }, false},
		"a fatal alert":           {func(h *byHand) []byte { return h.sealed(recordAlert, []byte{fatalAlert, 42}) }, true},
		"Finished as data":        {func(h *byHand) []byte { return h.sealed(recordData, h.messages[4]) }, false},
		"a message of epoch 0":    {func(h *byHand) []byte { return h.sealed(recordHandshake, h.messages[3]) }, false},
		"nothing":                 {func(h *byHand) []byte { return h.sealed(recordHandshake, nil) }, false},
	} {
		for _, early := range []bool{true, false} {
			c, h := newCounter(t, mustIdentity(t)), newByHand(t, mustIdentity(t).certificate)
			c.greet(t, h)
			datagrams := [][]byte{h.record(h.messages[1]), h.record(h.messages[2]), test.record(h)}
			if early {
				slices.Reverse(datagrams[1:])
			}
			var err error
			for _, b := range datagrams {
				err = c.Feed(testTime, b)
			}
			if (err != nil) != test.ends || c.Secrets() != nil {
				t.Errorf("%s, early %t: %v", name, early, err)
			}
			if test.ends {
				continue
			}
			err = c.Feed(testTime, append(h.record(h.messages[3]), h.record(h.messages[4])...))
			if err != nil || c.Secrets() == nil {
				t.Errorf("%s, early %t: Finished: %v", name, early, err)
			}
		}
	}
}

// A finished Responder answers a Finished under a new record number, and nothing else.
func TestAFinishedResponderOnlyRepeats(t *testing.T) {
	c, h := newCounter(t, mustIdentity(t)), newByHand(t, mustIdentity(t).certificate)
	c.greet(t, h)
	whole := h.flight()
	if err := c.Feed(testTime, whole); err != nil || c.Secrets() == nil {
		t.Fatal(err)
	}
	secrets, another := c.Secrets(), newByHand(t, mustIdentity(t).certificate)
	alert := appendRecord(nil, recordAlert, []byte{fatalAlert, 40})
	putSequence(alert, 1, 900)
	for name, datagram := range map[string][]byte{
		"the same records":     whole,
		"its ClientHello":      h.record(h.hello()),
		"another ClientHello":  another.record(another.hello()),
		"a forged alert":       alert,
		"a forged Finished":    with(h.record(h.messages[4]), 40, 0),
		"epoch 2":              with(h.record(h.messages[4]), 4, 2),
		"Finished in epoch 0":  appendRecord(nil, recordHandshake, h.messages[4]),
		"one that is too long": slices.Concat(h.record(h.messages[4])[:13], []byte{1}),
	} {
		before := len(c.sent)
		if err := c.Feed(testTime.Add(repeatAfter), datagram); errors.Is(err, ErrHandshake) || len(c.sent) != before || c.Secrets() != secrets {
			t.Errorf("%s: %v, %d datagrams", name, err, len(c.sent)-before)
		}
	}
	if err := c.Feed(testTime, h.sealed(recordAlert, []byte{fatalAlert, 42})); err != nil || c.Secrets() != secrets {
		t.Errorf("an alert: %v", err)
	}
	before := len(c.sent)
	if err := c.Feed(testTime.Add(repeatAfter-1), h.record(h.messages[4])); err != nil || len(c.sent) != before {
		t.Errorf("Finished too soon: %v, %d datagrams", err, len(c.sent)-before)
	}
	again := h.record(h.messages[4])
	for range 2 {
		if err := c.Feed(testTime.Add(repeatAfter), again); err != nil || len(c.sent) != before+1 || !h.confirmed(c.sent[before]) {
			t.Errorf("Finished again: %v, %d datagrams", err, len(c.sent)-before)
		}
	}
	if len(c.asked) != 1 || !bytes.Equal(c.master, make([]byte, masterLen)) {
		t.Errorf("asked %d times, master secret %x", len(c.asked), c.master)
	}
}

// RFC 5246, 7.4.1.2 and RFC 5746, 3.6: what a ClientHello may offer beside, and what must end the handshake.
func TestParseClientHelloStrictly(t *testing.T) {
	gcm, ems, srtp := []byte{0xc0, 0x2b}, []byte{0, 23, 0, 0}, []byte{0, 14, 0, 5, 0, 2, 0, 7, 0}
	least := helloBody(0xfefd, gcm, ems, srtp)
	deflateOnly := bytes.Clone(least)
	deflateOnly[41] = 1
	both := slices.Concat(least[:40], []byte{2, 1, 0}, least[42:])
	for name, test := range map[string]struct {
		body []byte
		ok   bool
	}{
		"deflate":                 {deflateOnly, false},
		"deflate or nothing":      {both, true},
		"first handshake":         {helloBody(0xfefd, gcm, ems, srtp, []byte{0xff, 1, 0, 1, 0}), true},
		"renegotiation":           {helloBody(0xfefd, gcm, ems, srtp, []byte{0xff, 1, 0, 2, 1, 9}), false},
		"master secret with data": {helloBody(0xfefd, gcm, srtp, []byte{0, 23, 0, 1, 0}), false},
		"an extension twice":      {helloBody(0xfefd, gcm, ems, srtp, srtp), false},
		"an unknown one twice":    {helloBody(0xfefd, gcm, ems, srtp, []byte{0, 99, 0, 0}, []byte{0, 99, 0, 0}), false},
	} {
		if _, err := parseClientHello(test.body); (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The first fragment says how long the message is. Those that say otherwise are dropped, wherever they would reach.
func TestFragmentsOfAnotherLengthAreDropped(t *testing.T) {
	whole := appendMessage(nil, typeClientHello, 0, []byte("four"))
	longer := appendMessage(nil, typeClientHello, 0, []byte("much longer"))
	var a assembly
	for _, f := range [][]byte{part(whole, 0, 0), part(longer, 255, 0), part(longer, 128, 9), longer, part(whole, 64, 9)} {
		if _, _, ok := a.pop(); ok {
			t.Error("a message before all of it was there")
		}
		a.add(0, f)
	}
	if _, body, ok := a.pop(); !ok || string(body) != "four" {
		t.Errorf("%q, %t", body, ok)
	}
}
