package secure

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"yodel/wire/internal/vector"
)

// vectorPath is where the vectors are.
const vectorPath = "../testdata/vectors/"

// stunCase is a case of stun.json. Which fields are set depends on the kind.
type stunCase struct {
	Name    string     `json:"name"`
	Kind    string     `json:"kind"`
	TxID    vector.Hex `json:"txid,omitempty"`
	Nonce   string     `json:"nonce,omitempty"`
	Address string     `json:"address,omitempty"`
	Session vector.Hex `json:"session,omitempty"`
	Count   uint64     `json:"count,omitempty"`
	Key     vector.Hex `json:"key,omitempty"`
	Secret  vector.Hex `json:"secret,omitempty"`
	Unix    int64      `json:"unix,omitempty"`
	Came    vector.Hex `json:"came,omitempty"` // what a hint answers
	Hex     vector.Hex `json:"hex,omitempty"`
}

var (
	testPathKey   = PathKey(testSecret)
	testSessionID = SessionID{16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31}
)

const (
	testNonce  = "gfUZeVCTgCuotNXpoeIrBSov"
	testNonce6 = "raJpcW392cTavOECDxe_BjFE"
)

// stunBytes makes the datagram of a case; nil for kinds of which the bytes are given.
func stunBytes(c stunCase) []byte {
	var txid [12]byte
	copy(txid[:], c.TxID)
	var key PathKey
	copy(key[:], c.Key)
	var from netip.AddrPort
	if c.Address != "" {
		from = netip.MustParseAddrPort(c.Address)
	}
	request := PathRequest{TxID: txid, Count: c.Count, Nonce: []byte(c.Nonce)}
	copy(request.Session[:], c.Session)
	switch c.Kind {
	case "binding request":
		return BindingRequest(nil, txid, []byte(c.Nonce))
	case "stale nonce":
		return staleNonce(txid, []byte(c.Nonce)).Raw
	case "success":
		return mappedAddress(txid, from).Raw
	case "path request":
		return AppendPathRequest(nil, request, &key)
	case "path question":
		return AppendPathQuestion(nil, request, &key)
	case "path success":
		return AppendPathAnswer(nil, txid, from, &key)
	case "unknown session":
		return AppendPathUnknown(nil, txid)
	case "hint":
		return newValidator(c.Secret).Hint(nil, c.Came, from, time.Unix(c.Unix, 0))
	}
	return nil
}

// rfc8489 is the sample request of RFC 8489, B.1. Its key is SHA-256 of
// "マトリックス:example.org:TheMatrIX".
const rfc8489 = `0001 0090 2112a442 78ad3433c6ad72c029da412e
	001e 0020 4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704
	0015 0029 6f624d61744a6f733241414143662f2f3439396b39353464364f4c33346f4c39465354767936347341 000000
	0014 000b 6578616d706c652e6f7267 00
	001d 0004 0002 0000
	001c 0020 b5c7bf005b6c52a21c51c5e892f81924136296cb927c43149309278cc6518e65`

// rfc8489Key is the SHA-256 of "マトリックス:example.org:TheMatrIX", by sha256sum.
const rfc8489Key = "dd295a613b9058c3c23d6dc7165bda072304d989c9d0af3a8c7e184b4f9bb4a1"

func stunCases(t *testing.T) []stunCase {
	t.Helper()
	tx, secret := vector.Hex(testTxid[:]), vector.Hex(testSecret)
	id, key := vector.Hex(testSessionID[:]), vector.Hex(testPathKey[:])
	v4, v6 := testIPv4.String(), testIPv6.String()
	came := vector.Hex(append(bytesOf(t, "80c9000d00000001f0f1f2f3"), make([]byte, 64)...))
	at := testTime.Unix()
	cases := []stunCase{
		{Name: "nonce of IPv4", Kind: "nonce", Secret: secret, Address: v4, Unix: at, Nonce: testNonce},
		{Name: "nonce of IPv6", Kind: "nonce", Secret: secret, Address: v6, Unix: at, Nonce: testNonce6},
		{Name: "request without nonce", Kind: "binding request", TxID: tx},
		{Name: "error 438", Kind: "stale nonce", TxID: tx, Nonce: testNonce},
		{Name: "request with nonce", Kind: "binding request", TxID: tx, Nonce: testNonce},
		{Name: "success to IPv4", Kind: "success", TxID: tx, Address: v4},
		{Name: "success to IPv6", Kind: "success", TxID: tx, Address: v6},
		{Name: "path request", Kind: "path request", TxID: tx, Session: id, Count: 1, Nonce: testNonce, Key: key},
		{Name: "path request with the highest count", Kind: "path request", TxID: tx, Session: id, Count: 1<<64 - 1, Nonce: testNonce6, Key: key},
		{Name: "path question", Kind: "path question", TxID: tx, Session: id, Count: 1, Key: key},
		{Name: "path success to IPv4", Kind: "path success", TxID: tx, Address: v4, Key: key},
		{Name: "path success to IPv6", Kind: "path success", TxID: tx, Address: v6, Key: key},
		{Name: "error 401", Kind: "unknown session", TxID: tx},
		{Name: "hint", Kind: "hint", Secret: secret, Address: v4, Unix: at, Nonce: testNonce, Came: came},
		{Name: "RFC 8489, B.1", Kind: "integrity", Key: bytesOf(t, rfc8489Key), Hex: bytesOf(t, rfc8489)},
	}
	for i := range cases {
		if made := stunBytes(cases[i]); made != nil {
			cases[i].Hex = made
		}
	}
	return append(cases, refusedSTUN(t)...)
}

// refusedSTUN are datagrams that are to be ignored.
func refusedSTUN(t *testing.T) []stunCase {
	t.Helper()
	good := AppendPathRequest(nil, PathRequest{TxID: testTxid, Session: testSessionID, Count: 1, Nonce: []byte(testNonce)}, &testPathKey)
	answer := AppendPathAnswer(nil, testTxid, testIPv4, &testPathKey)
	refused := func(name, kind string, datagram []byte) stunCase {
		return stunCase{Name: name, Kind: kind, TxID: testTxid[:], Key: testPathKey[:], Hex: datagram}
	}
	return []stunCase{
		refused("a bit of the transaction id", "path request not authentic", with(good, 8, good[8]^1)),
		refused("a bit of the count", "path request not authentic", with(good, 57, '2')),
		refused("a bit of the integrity", "path request not authentic", with(good, len(good)-1, good[len(good)-1]^0x80)),
		refused("FINGERPRINT behind the integrity", "path request not authentic", withFingerprint(good)),
		refused("no colon", "no path request", with(good, 56, ';')),
		refused("upper case", "no path request", named(t, "101112131415161718191A1B1C1D1E1F:1")),
		refused("count 0", "no path request", named(t, "101112131415161718191a1b1c1d1e1f:0")),
		refused("leading zero", "no path request", named(t, "101112131415161718191a1b1c1d1e1f:01")),
		refused("count overflows", "no path request", named(t, "101112131415161718191a1b1c1d1e1f:18446744073709551616")),
		refused("cut off", "no path request", good[:len(good)-4]),
		refused("success without integrity", "no path reply", mappedAddress(testTxid, testIPv4).Raw),
		refused("success for another address", "no path reply", with(answer, 31, answer[31]^1)),
		refused("success of another transaction", "no path reply", AppendPathAnswer(nil, [12]byte{}, testIPv4, &testPathKey)),
		refused("success under another key", "no path reply", AppendPathAnswer(nil, testTxid, testIPv4, &PathKey{})),
	}
}

// named is an authentic path request with any USERNAME.
func named(tb testing.TB, name string) []byte {
	tb.Helper()
	m := newMessage(testTxid, stun.BindingRequest)
	m.Add(stun.AttrUsername, []byte(name))
	m.Add(stun.AttrNonce, []byte(testNonce))
	return addIntegrity(nil, m, &testPathKey)
}

// withFingerprint adds FINGERPRINT (RFC 8489, 14.7) to a message.
func withFingerprint(datagram []byte) []byte {
	m := &stun.Message{Raw: bytes.Clone(datagram)}
	if err := m.Decode(); err != nil {
		panic(err) // a fault of the test
	}
	if err := stun.Fingerprint.AddTo(m); err != nil {
		panic(err)
	}
	return m.Raw
}

func TestVectorsSTUN(t *testing.T) {
	for _, c := range vector.Check(t, vectorPath+"stun.json", vector.File[stunCase]{
		About: "STUN datagrams; kind says which and what the fields mean", Cases: stunCases(t),
	}) {
		t.Run(c.Name, func(t *testing.T) {
			if made := stunBytes(c); made != nil && !bytes.Equal(made, c.Hex) {
				t.Errorf("made %x, want %x", made, []byte(c.Hex))
			}
			checkSTUN(t, c)
		})
	}
}

// checkSTUN reads the datagram of a case.
func checkSTUN(t *testing.T, c stunCase) {
	t.Helper()
	var key PathKey
	copy(key[:], c.Key)
	var txid [12]byte
	copy(txid[:], c.TxID)
	switch c.Kind {
	case "nonce":
		if got := nonceOf(newValidator(c.Secret), netip.MustParseAddrPort(c.Address), time.Unix(c.Unix, 0)); string(got) != c.Nonce {
			t.Errorf("nonce %s", got)
		}
	case "binding request":
		v := newValidator(testSecret)
		if _, validated := v.Answer(nil, c.Hex, testIPv4, testTime); validated != (c.Nonce == testNonce) {
			t.Errorf("validated %t", validated)
		}
	case "stale nonce", "hint":
		if nonce, ok := ParseHint(c.Hex); !ok || string(nonce) != c.Nonce {
			t.Errorf("nonce %s, %t", nonce, ok)
		}
	case "success":
		if reply, err := ParseBindingReply(c.Hex, txid); err != nil || reply.Mapped.String() != c.Address {
			t.Errorf("%+v, %v", reply, err)
		}
	case "path success":
		if reply, err := ParsePathReply(c.Hex, txid, &key); err != nil || reply.Mapped.String() != c.Address {
			t.Errorf("%+v, %v", reply, err)
		}
	case "unknown session":
		if _, err := ParsePathReply(c.Hex, txid, &key); !errors.Is(err, ErrUnknownSession) {
			t.Error(err)
		}
	case "integrity":
		if !hasIntegrity(c.Hex, &key) {
			t.Error("not authentic")
		}
	default:
		checkPathVector(t, c, &key)
	}
}

// checkPathVector reads path requests, and what is to be refused.
func checkPathVector(t *testing.T, c stunCase, key *PathKey) {
	t.Helper()
	request, isRequest := ParsePathRequest(c.Hex)
	question, isQuestion := ParsePathQuestion(c.Hex)
	authentic := PathAuthentic(c.Hex, key)
	switch c.Kind {
	case "path request":
		if !isRequest || isQuestion || !authentic || request.Count != c.Count || !bytes.Equal(request.Session[:], c.Session) || string(request.Nonce) != c.Nonce {
			t.Errorf("%+v, request %t, question %t, authentic %t", request, isRequest, isQuestion, authentic)
		}
	case "path question":
		if isRequest || !isQuestion || !authentic || question.Count != c.Count || !bytes.Equal(question.Session[:], c.Session) {
			t.Errorf("%+v, request %t, question %t, authentic %t", question, isRequest, isQuestion, authentic)
		}
	case "path request not authentic":
		if !isRequest || authentic {
			t.Errorf("request %t, authentic %t", isRequest, authentic)
		}
	case "no path request":
		if isRequest || isQuestion {
			t.Errorf("taken for %+v", request)
		}
	case "no path reply":
		if reply, err := ParsePathReply(c.Hex, [12]byte(c.TxID), key); err == nil {
			t.Errorf("taken for %+v", reply)
		}
	default:
		t.Errorf("unknown kind %q", c.Kind)
	}
}
