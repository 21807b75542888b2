package secure

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/stun/v3"
)

// testRequest is a path request of a peer.
func testRequest(count uint64) PathRequest {
	return PathRequest{TxID: testTxid, Session: testSessionID, Count: count, Nonce: []byte(testNonce)}
}

func TestPathRequestIsReadAsItWasMade(t *testing.T) {
	for _, count := range []uint64{1, 9, 10, 1 << 32, 1<<64 - 1} {
		want := testRequest(count)
		request := AppendPathRequest([]byte("kept"), want, &testPathKey)
		if !bytes.HasPrefix(request, []byte("kept")) || len(request) != 4+pathLen {
			t.Fatalf("count %d: %d bytes", count, len(request))
		}
		got, ok := ParsePathRequest(request[4:])
		if diff := cmp.Diff(want, got); !ok || diff != "" || !PathAuthentic(request[4:], &testPathKey) {
			t.Errorf("count %d: %t (-want +got):\n%s", count, ok, diff)
		}

		question := AppendPathQuestion(nil, want, &testPathKey)
		if len(question) != pathLen {
			t.Errorf("count %d: a question of %d bytes", count, len(question))
		}
		want.Nonce = nil
		got, ok = ParsePathQuestion(question)
		if diff := cmp.Diff(want, got); !ok || diff != "" || !PathAuthentic(question, &testPathKey) {
			t.Errorf("question %d: %t (-want +got):\n%s", count, ok, diff)
		}
	}
}

// Both sides have one key: what one has sent must not be taken when it is sent back to it.
func TestPathRequestSentBackIsNotTaken(t *testing.T) {
	request := AppendPathRequest(nil, testRequest(7), &testPathKey)
	if r, ok := ParsePathQuestion(request); ok {
		t.Errorf("the peer takes its own request for a question: %+v", r)
	}
	question := AppendPathQuestion(nil, testRequest(7), &testPathKey)
	if r, ok := ParsePathRequest(question); ok {
		t.Errorf("the daemon takes its own question for a request: %+v", r)
	}
	v := newValidator(testSecret)
	if _, validated := v.Answer(nil, question, testIPv4, testTime); validated {
		t.Error("a question validates an address")
	}
	bare := AppendPathRequest(nil, PathRequest{TxID: testTxid, Session: testSessionID, Count: 7}, &testPathKey)
	if diff := cmp.Diff(BindingRequest(nil, testTxid, nil), bare); diff != "" {
		t.Errorf("without a nonce it is more than a binding request (-want +got):\n%s", diff)
	}
	for name, datagram := range map[string][]byte{"request": request, "question": question, "answer": AppendPathAnswer(nil, testTxid, testIPv4, &testPathKey)} {
		reply, err := ParsePathReply(datagram, testTxid, &testPathKey)
		if isAnswer := name == "answer"; (err == nil) != isAnswer {
			t.Errorf("%s as a reply: %+v, %v", name, reply, err)
		}
		if _, ok := ParseHint(datagram); ok {
			t.Errorf("%s is taken for a hint", name)
		}
	}
	empty := newMessage(testTxid, stun.BindingRequest)
	empty.Add(stun.AttrUsername, username(testSessionID, 1))
	empty.Add(stun.AttrNonce, nil)
	datagram := addIntegrity(nil, empty, &testPathKey)
	_, request2 := ParsePathRequest(datagram)
	if _, question2 := ParsePathQuestion(datagram); request2 || question2 {
		t.Errorf("an empty nonce: request %t, question %t", request2, question2)
	}
}

func TestTamperedPathRequestIsNotAuthentic(t *testing.T) {
	for name, request := range map[string][]byte{
		"request":  AppendPathRequest(nil, testRequest(12), &testPathKey),
		"question": AppendPathQuestion(nil, testRequest(12), &testPathKey),
		"answer":   AppendPathAnswer(nil, testTxid, testIPv6, &testPathKey),
	} {
		for bit := range 8 * len(request) {
			if forged := with(request, bit/8, request[bit/8]^1<<(bit%8)); PathAuthentic(forged, &testPathKey) {
				t.Errorf("%s with bit %d changed is authentic", name, bit)
			}
		}
		for n := range request {
			if PathAuthentic(request[:n], &testPathKey) {
				t.Errorf("the first %d bytes of the %s are authentic", n, name)
			}
		}
		for i := range testPathKey {
			other := testPathKey
			other[i] ^= 0x40
			if PathAuthentic(request, &other) {
				t.Errorf("%s is authentic under another key", name)
			}
		}
	}
}

// relength writes the length of a datagram into its header.
func relength(datagram []byte) []byte {
	n := len(datagram) - stunHeader
	return with(with(datagram, 2, byte(n>>8)), 3, byte(n))
}

func TestIntegrityMustBeTheLastAttribute(t *testing.T) {
	good := AppendPathRequest(nil, testRequest(1), &testPathKey)
	integrity := good[len(good)-attributeHeader-integrityLen:]
	before := good[:len(good)-len(integrity)]
	shorter := &stun.Message{Raw: bytes.Clone(before)}
	shorter.Raw = relength(shorter.Raw)
	if err := shorter.Decode(); err != nil {
		t.Fatal(err)
	}
	inside := newMessage(testTxid, stun.BindingRequest) // what looks like the attribute is part of another one
	inside.Add(stun.AttrUsername, username(testSessionID, 1))
	inside.Add(stun.AttrNonce, []byte(testNonce))
	inside.Add(stun.AttrPadding, append([]byte{0, 0x1c, 0, 0x20}, make([]byte, integrityLen)...))
	copy(inside.Raw[len(inside.Raw)-integrityLen:], integrityOf(inside.Raw, &testPathKey))
	short := newMessage(testTxid, stun.BindingRequest)
	short.Add(stun.AttrUsername, username(testSessionID, 1))
	short.Add(stun.AttrNonce, []byte(testNonce))
	short.Add(stun.AttrMessageIntegritySHA256, integrityOf(good, &testPathKey)[:16]) // RFC 8489, 14.6 allows it
	for name, datagram := range map[string][]byte{
		"FINGERPRINT behind it":       withFingerprint(good),
		"an attribute behind it":      relength(append(bytes.Clone(good), 0, 0x26, 0, 0)),
		"bytes behind it":             append(bytes.Clone(good), 0, 0, 0, 0),
		"none":                        shorter.Raw,
		"first":                       relength(bytes.Join([][]byte{before[:stunHeader], integrity, before[stunHeader:]}, nil)),
		"inside another attribute":    inside.Raw,
		"cut to 16 bytes":             short.Raw,
		"nothing but a header":        newMessage(testTxid, stun.BindingRequest).Raw,
		"empty":                       nil,
		"MESSAGE-INTEGRITY with SHA1": with(good, len(good)-len(integrity)+1, 8),
	} {
		if PathAuthentic(datagram, &testPathKey) {
			t.Errorf("%s: authentic", name)
		}
	}
}

func TestUsernameHasOneForm(t *testing.T) {
	const id = "101112131415161718191a1b1c1d1e1f"
	for name, want := range map[string]bool{
		id + ":1":                            true,
		id + ":18446744073709551615":         true,
		id + ":18446744073709551616":         false,
		id + ":0":                            false,
		id + ":01":                           false,
		id + ":+1":                           false,
		id + ":-1":                           false,
		id + ":1 ":                           false,
		id + ":1_0":                          false,
		id + ":1:2":                          false,
		id + ":":                             false,
		id + ":x":                            false,
		id:                                   false,
		id[1:] + ":1":                        false,
		id[2:] + ":1":                        false,
		id + "00:1":                          false,
		"g" + id[1:] + ":1":                  false,
		"101112131415161718191A1b1c1d1e1f:1": false,
		":1":                                 false,
		"":                                   false,
	} {
		r, ok := ParsePathRequest(named(t, name))
		if ok != want {
			t.Errorf("%q: %t, %+v", name, ok, r)
		}
		if ok && string(username(r.Session, r.Count)) != name {
			t.Errorf("%q was read as %x, %d", name, r.Session, r.Count)
		}
	}
}

func TestParsePathReply(t *testing.T) {
	for _, from := range []netip.AddrPort{testIPv4, testIPv6, netip.MustParseAddrPort("[::ffff:192.0.2.1]:9635"), netip.MustParseAddrPort("[fe80::1%eth0]:5")} {
		answer := AppendPathAnswer(nil, testTxid, from, &testPathKey)
		want := netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port())
		if reply, err := ParsePathReply(answer, testTxid, &testPathKey); err != nil || reply.Mapped != want {
			t.Errorf("%s: %+v, %v", from, reply, err)
		}
		if len(answer) > pathLen/2 {
			t.Errorf("%s: %d bytes answer %d", from, len(answer), pathLen)
		}
	}
	unknown := AppendPathUnknown(nil, testTxid)
	if reply, err := ParsePathReply(unknown, testTxid, &testPathKey); !errors.Is(err, ErrUnknownSession) || !errors.Is(err, ErrBindingRefused) {
		t.Errorf("401: %+v, %v", reply, err)
	}
	if _, err := ParsePathReply(unknown, [12]byte{}, &testPathKey); !errors.Is(err, ErrBindingReply) || errors.Is(err, ErrUnknownSession) {
		t.Errorf("401 of another transaction: %v", err)
	}
	stale := staleNonce(testTxid, []byte(testNonce)).Raw
	if reply, err := ParsePathReply(stale, testTxid, &testPathKey); err != nil || string(reply.Nonce) != testNonce {
		t.Errorf("438: %+v, %v", reply, err)
	}
	plain := mappedAddress(testTxid, testIPv4).Raw
	if reply, err := ParsePathReply(plain, testTxid, &testPathKey); !errors.Is(err, ErrBindingReply) || reply.Mapped.IsValid() {
		t.Errorf("a success that anyone can make: %+v, %v", reply, err)
	}
}

// A path request is answered by who has the session; the validator says only that the nonce is good.
func TestValidatorLeavesPathRequestsAlone(t *testing.T) {
	v := newValidator(testSecret)
	request := AppendPathRequest(nil, testRequest(1), &testPathKey)
	if reply, validated := v.Answer(nil, request, testIPv4, testTime); len(reply) > 0 || !validated {
		t.Errorf("%x, %t", reply, validated)
	}
	reply, validated := v.Answer(nil, request, testIPv6, testTime) // a copy from elsewhere
	if got, err := ParseBindingReply(reply, testTxid); validated || err != nil || string(got.Nonce) != testNonce6 {
		t.Errorf("from another address: %t, %+v, %v", validated, got, err)
	}
}

func TestHintIsNeverLongerThanTheDatagram(t *testing.T) {
	v := newValidator(testSecret)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for n := range 1201 {
		datagram := make([]byte, n)
		for i := range datagram {
			datagram[i] = byte(random.Uint32())
		}
		hint := v.Hint([]byte("kept"), datagram, testIPv6, testTime)
		if !bytes.HasPrefix(hint, []byte("kept")) {
			t.Fatalf("%d bytes: dst was changed", n)
		}
		hint = hint[4:]
		if len(hint) > n || (len(hint) > 0) != (n >= 68) {
			t.Fatalf("%d bytes of hint for %d", len(hint), n)
		}
		if len(hint) == 0 {
			continue
		}
		if nonce, ok := ParseHint(hint); !ok || string(nonce) != testNonce6 || !bytes.Equal(hint[8:20], datagram[:12]) {
			t.Fatalf("%x is read as %s, %t", hint, nonce, ok)
		}
	}
}

func TestParseHintTakesNothingElse(t *testing.T) {
	good := staleNonce(testTxid, []byte(testNonce)).Raw
	for name, datagram := range map[string][]byte{
		"empty":         nil,
		"a request":     BindingRequest(nil, testTxid, []byte(testNonce)),
		"401":           AppendPathUnknown(nil, testTxid),
		"a success":     mappedAddress(testTxid, testIPv4).Raw,
		"without nonce": staleNonce(testTxid, nil).Raw,
		"cut off":       good[:len(good)-4],
		"bytes behind":  append(bytes.Clone(good), 0, 0, 0, 0),
		"SRTCP":         with(good, 0, 0x81),
	} {
		if nonce, ok := ParseHint(datagram); ok {
			t.Errorf("%s: %q", name, nonce)
		}
	}
}

// What can be read is the same after it was made and read again, and authentic then.
func FuzzPathRequest(f *testing.F) {
	f.Add(AppendPathRequest(nil, testRequest(1), &testPathKey))
	f.Add(AppendPathRequest(nil, testRequest(1<<64-1), &testPathKey))
	f.Add(AppendPathQuestion(nil, testRequest(3), &testPathKey))
	f.Add(AppendPathAnswer(nil, testTxid, testIPv4, &testPathKey))
	f.Add(named(f, "101112131415161718191a1b1c1d1e1f:01"))
	f.Add(named(f, "101112131415161718191A1B1C1D1E1F:1"))
	f.Add(withFingerprint(AppendPathRequest(nil, testRequest(1), &testPathKey)))
	f.Fuzz(func(t *testing.T, datagram []byte) {
		before := bytes.Clone(datagram)
		request, isRequest := ParsePathRequest(datagram)
		question, isQuestion := ParsePathQuestion(datagram)
		_ = PathAuthentic(datagram, &testPathKey)
		_, _ = ParsePathReply(datagram, testTxid, &testPathKey)
		_, _ = ParseHint(datagram)
		if !bytes.Equal(before, datagram) {
			t.Fatal("the datagram was changed")
		}
		var made []byte
		var again PathRequest
		var ok bool
		switch {
		case isRequest && isQuestion:
			t.Fatal("both a request and a question")
		case isRequest:
			made = AppendPathRequest(nil, request, &testPathKey)
			again, ok = ParsePathRequest(made)
		case isQuestion:
			request = question
			made = AppendPathQuestion(nil, request, &testPathKey)
			again, ok = ParsePathQuestion(made)
		default:
			return
		}
		if diff := cmp.Diff(request, again); !ok || diff != "" || !PathAuthentic(made, &testPathKey) {
			t.Errorf("%t (-first +again):\n%s", ok, diff)
		}
	})
}
