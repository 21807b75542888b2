package secure

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/stun/v3"
)

var (
	testTime   = time.Date(2026, time.January, 1, 0, 0, 30, 0, time.UTC)
	testIPv4   = netip.MustParseAddrPort("192.0.2.1:9635")
	testIPv6   = netip.MustParseAddrPort("[2001:db8::1]:40000")
	testTxid   = [12]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	testSecret = func() []byte {
		secret := make([]byte, 32)
		for i := range secret {
			secret[i] = byte(i)
		}
		return secret
	}()
)

func bytesOf(tb testing.TB, text string) []byte {
	tb.Helper()
	raw, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// nonceOf is what an address is given.
func nonceOf(v *Validator, from netip.AddrPort, now time.Time) []byte {
	nonce := v.nonce(from, now)
	return nonce[:]
}

// staleNonce is error 438 with any nonce, as the STUN library makes it.
func staleNonce(txid [12]byte, nonce []byte) *stun.Message {
	m := newMessage(txid, stun.BindingError)
	_ = stun.CodeStaleNonce.AddTo(m) // fails only for codes without a reason
	m.Add(stun.AttrNonce, nonce)
	return m
}

// The nonces were computed with Python's hmac over secret 00…1f, as nonce's doc says.
func TestValidatorGoldenBytes(t *testing.T) {
	v := newValidator(testSecret)
	for _, test := range []struct {
		from                    netip.AddrPort
		nonce, refusal, success string
	}{
		{
			testIPv4, "gfUZeVCTgCuotNXpoeIrBSov",
			`0111 0030 2112a442 0102030405060708090a0b0c
			 0009 000f 00000426 5374616c65204e6f6e6365 00
			 0015 0018 6766555a655643546743756f744e58706f6549724253 6f76`,
			`0101 000c 2112a442 0102030405060708090a0b0c
			 0020 0008 0001 04b1 e112a643`,
		},
		{
			testIPv6, "raJpcW392cTavOECDxe_BjFE",
			`0111 0030 2112a442 0102030405060708090a0b0c
			 0009 000f 00000426 5374616c65204e6f6e6365 00
			 0015 0018 72614a706357333932635461764f4543447865 5f426a4645`,
			`0101 0018 2112a442 0102030405060708090a0b0c
			 0020 0014 0002 bd52 0113a9fa 01020304 05060708 090a0b0d`,
		},
	} {
		bare := BindingRequest(nil, testTxid, nil)
		refusal, validated := v.Answer(nil, bare, test.from, testTime)
		if validated {
			t.Errorf("%s: validated without a nonce", test.from)
		}
		if diff := cmp.Diff(bytesOf(t, test.refusal), refusal); diff != "" {
			t.Errorf("%s: refusal (-want +got):\n%s", test.from, diff)
		}
		reply, err := ParseBindingReply(refusal, testTxid)
		if err != nil || string(reply.Nonce) != test.nonce || reply.Mapped.IsValid() {
			t.Errorf("%s: nonce %q, %v, want %q", test.from, reply.Nonce, err, test.nonce)
		}
		success, validated := v.Answer(nil, BindingRequest(nil, testTxid, reply.Nonce), test.from, testTime)
		if !validated {
			t.Errorf("%s: not validated with its nonce", test.from)
		}
		if diff := cmp.Diff(bytesOf(t, test.success), success); diff != "" {
			t.Errorf("%s: success (-want +got):\n%s", test.from, diff)
		}
		reply, err = ParseBindingReply(success, testTxid)
		if err != nil || reply.Mapped != test.from || reply.Nonce != nil {
			t.Errorf("%s: mapped %s, %v", test.from, reply.Mapped, err)
		}
	}
}

func TestBindingRequestGoldenBytes(t *testing.T) {
	bare := bytesOf(t, "0001 006c 2112a442 0102030405060708090a0b0c 0026 0068"+strings.Repeat("00", 104))
	if diff := cmp.Diff(bare, BindingRequest(nil, testTxid, nil)); diff != "" {
		t.Errorf("without nonce (-want +got):\n%s", diff)
	}
	withNonce := bytesOf(t, "ff 0001 006c 2112a442 0102030405060708090a0b0c 0015 0004 6e6f6e65 0026 0060"+strings.Repeat("00", 96))
	if diff := cmp.Diff(withNonce, BindingRequest([]byte{0xff}, testTxid, []byte("none"))); diff != "" {
		t.Errorf("with nonce, appended (-want +got):\n%s", diff)
	}
	if n := len(BindingRequest(nil, testTxid, make([]byte, maxNonce))); n != stunHeader+attributeHeader+128 {
		t.Errorf("with the longest nonce: %d bytes", n)
	}
}

func TestNonceIsGoodForItsAddressAndTime(t *testing.T) {
	v := newValidator(testSecret)
	nonce := nonceOf(v, testIPv4, testTime)
	request := BindingRequest(nil, testTxid, nonce)
	for name, test := range map[string]struct {
		v     *Validator
		from  string
		after time.Duration
		want  bool
	}{
		"at once":              {v, "192.0.2.1:9635", 0, true},
		"IPv4 in IPv6":         {v, "[::ffff:192.0.2.1]:9635", 0, true},
		"same minute":          {v, "192.0.2.1:9635", 29 * time.Second, true},
		"next minute":          {v, "192.0.2.1:9635", 89 * time.Second, true},
		"the minute after":     {v, "192.0.2.1:9635", 90 * time.Second, false},
		"an hour later":        {v, "192.0.2.1:9635", time.Hour, false},
		"the minute before":    {v, "192.0.2.1:9635", -31 * time.Second, false},
		"another port":         {v, "192.0.2.1:9636", 0, false},
		"another address":      {v, "192.0.2.2:9635", 0, false},
		"another secret":       {NewValidator(), "192.0.2.1:9635", 0, false},
		"IPv6 with same bytes": {v, "[::c000:201]:9635", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			reply, validated := test.v.Answer(nil, request, netip.MustParseAddrPort(test.from), testTime.Add(test.after))
			if validated != test.want {
				t.Errorf("validated %t, want %t", validated, test.want)
			}
			parsed, err := ParseBindingReply(reply, testTxid)
			if err != nil || (parsed.Nonce == nil) != test.want {
				t.Errorf("a stale nonce must get a fresh one: %q, %v", parsed.Nonce, err)
			}
		})
	}
}

func TestZoneOfALinkLocalAddressDoesNotMatter(t *testing.T) {
	v := NewValidator()
	nonce := nonceOf(v, netip.MustParseAddrPort("[fe80::1]:1000"), testTime)
	if _, validated := v.Answer(nil, BindingRequest(nil, testTxid, nonce), netip.MustParseAddrPort("[fe80::1%eth0]:1000"), testTime); !validated {
		t.Error("not validated")
	}
}

func TestAnswerDropsWhatIsNoBindingRequest(t *testing.T) {
	v := NewValidator()
	full := BindingRequest(nil, testTxid, nil)
	for name, datagram := range map[string][]byte{
		"empty":           nil,
		"bare header":     bytesOf(t, "0001 0000 2112a442 0102030405060708090a0b0c"),
		"4 bytes too few": paddedTo(64),
		"indication":      with(full, 1, 0x11),
		"success":         with(full, 0, 0x01),
		"other method":    with(full, 1, 0x03),
		"no magic cookie": with(full, 4, 0),
		"bytes behind it": append(bytes.Clone(full), 0, 0, 0, 0),
		"cut off":         full[:len(full)-4],
		"bad attribute":   with(full, 23, 0x69),
		"DTLS":            with(full, 0, 22),
	} {
		dst := []byte("kept")
		if reply, validated := v.Answer(dst, datagram, testIPv4, testTime); string(reply) != "kept" || validated {
			t.Errorf("%s: validated %t, answer %x", name, validated, reply[4:])
		}
	}
	if reply, _ := v.Answer(nil, paddedTo(68), testIPv4, testTime); len(reply) != 68 {
		t.Errorf("a request of 68 bytes got %d", len(reply))
	}
}

func with(datagram []byte, at int, value byte) []byte {
	changed := bytes.Clone(datagram)
	changed[at] = value
	return changed
}

// paddedTo is a Binding Request of that many bytes, a multiple of 4.
func paddedTo(n int) []byte {
	m := newMessage(testTxid, stun.BindingRequest)
	m.Add(stun.AttrPadding, make([]byte, n-stunHeader-attributeHeader))
	return m.Raw
}

// checkAnswer holds for every datagram whatsoever: never more bytes out than in, dst is kept, and an answer
// is one that our own client understands.
func checkAnswer(tb testing.TB, v *Validator, datagram []byte) {
	tb.Helper()
	before := bytes.Clone(datagram)
	reply, validated := v.Answer([]byte("dst"), datagram, testIPv4, testTime)
	if !bytes.HasPrefix(reply, []byte("dst")) || !bytes.Equal(before, datagram) {
		tb.Fatal("dst or the datagram was changed")
	}
	reply = reply[len("dst"):]
	if len(reply) > len(datagram) {
		tb.Fatalf("%d bytes out for %d in", len(reply), len(datagram))
	}
	if len(reply) == 0 {
		return
	}
	parsed, err := ParseBindingReply(reply, [12]byte(datagram[8:20]))
	if err != nil || parsed.Mapped.IsValid() != validated {
		tb.Fatalf("validated %t, but the answer is %+v, %v", validated, parsed, err)
	}
}

func TestNeverMoreBytesOutThanIn(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	v := newValidator(testSecret)
	good := BindingRequest(nil, testTxid, nonceOf(v, testIPv4, testTime))
	for range 20000 {
		m := newMessage(testTxid, stun.BindingRequest)
		for range rng.IntN(4) {
			kind := []stun.AttrType{stun.AttrNonce, stun.AttrPadding, stun.AttrUsername, stun.AttrType(rng.IntN(1 << 16))}[rng.IntN(4)]
			m.Add(kind, make([]byte, rng.IntN(60)))
		}
		datagram := m.Raw
		if rng.IntN(2) == 0 {
			datagram = bytes.Clone(good)[:20+rng.IntN(len(good)-19)]
		}
		for range rng.IntN(3) {
			datagram[rng.IntN(len(datagram))] = byte(rng.IntN(256))
		}
		checkAnswer(t, v, datagram)
	}
}

func FuzzAnswer(f *testing.F) {
	v := newValidator(testSecret)
	f.Add(BindingRequest(nil, testTxid, nil))
	f.Add(BindingRequest(nil, testTxid, nonceOf(v, testIPv4, testTime)))
	f.Add(paddedTo(68))
	f.Add(paddedTo(64))
	f.Fuzz(func(t *testing.T, datagram []byte) { checkAnswer(t, v, datagram) })
}

func TestParseBindingReply(t *testing.T) {
	v := NewValidator()
	refusal, _ := v.Answer(nil, BindingRequest(nil, testTxid, nil), testIPv4, testTime)
	other := newMessage(testTxid, stun.BindingError)
	if err := stun.CodeUnauthorized.AddTo(other); err != nil {
		t.Fatal(err)
	}
	longNonce := newMessage(testTxid, stun.BindingError)
	if err := stun.CodeStaleNonce.AddTo(longNonce); err != nil {
		t.Fatal(err)
	}
	longNonce.Add(stun.AttrNonce, make([]byte, maxNonce+1))
	for name, test := range map[string]struct {
		datagram []byte
		want     error
	}{
		"empty":               {nil, ErrBindingReply},
		"another transaction": {with(refusal, 8, 99), ErrBindingReply},
		"cut off":             {refusal[:40], ErrBindingReply},
		"bytes behind it":     {append(bytes.Clone(refusal), 0, 0, 0, 0), ErrBindingReply},
		"a request":           {BindingRequest(nil, testTxid, nil), ErrBindingReply},
		"438 without nonce":   {staleNonce(testTxid, nil).Raw, ErrBindingReply},
		"438 with long nonce": {longNonce.Raw, ErrBindingReply},
		"error without code":  {newMessage(testTxid, stun.BindingError).Raw, ErrBindingReply},
		"success without any": {newMessage(testTxid, stun.BindingSuccess).Raw, ErrBindingReply},
		"mapped port 0":       {mappedAddress(testTxid, netip.MustParseAddrPort("192.0.2.1:0")).Raw, ErrBindingReply},
		"401":                 {other.Raw, ErrBindingRefused},
	} {
		reply, err := ParseBindingReply(test.datagram, testTxid)
		if !errors.Is(err, test.want) || reply.Nonce != nil || reply.Mapped.IsValid() {
			t.Errorf("%s: %+v, %v, want %v", name, reply, err, test.want)
		}
	}
}

func FuzzParseBindingReply(f *testing.F) {
	v := newValidator(testSecret)
	for _, nonce := range [][]byte{nil, nonceOf(v, testIPv4, testTime)} {
		reply, _ := v.Answer(nil, BindingRequest(nil, testTxid, nonce), testIPv4, testTime)
		f.Add(reply)
	}
	f.Fuzz(func(t *testing.T, datagram []byte) {
		reply, err := ParseBindingReply(datagram, testTxid)
		if err == nil && (len(reply.Nonce) == 0) != reply.Mapped.IsValid() {
			t.Errorf("%x: neither or both of nonce and address: %+v", datagram, reply)
		}
		if err != nil && !errors.Is(err, ErrBindingReply) && !errors.Is(err, ErrBindingRefused) {
			t.Errorf("%x: unnamed error %v", datagram, err)
		}
	})
}

func BenchmarkAnswer(b *testing.B) {
	v := newValidator(testSecret)
	request := BindingRequest(nil, testTxid, nil)
	dst := make([]byte, 0, 128)
	b.ReportAllocs()
	for b.Loop() {
		v.Answer(dst, request, testIPv4, testTime)
	}
}

// What strangers send costs no memory, and what the reader of a request says is what the STUN library says.
func TestStrangersCostNoMemory(t *testing.T) {
	v := NewValidator()
	from, now := testIPv4, testTime
	good := BindingRequest(nil, testTxid, nonceOf(v, from, now))
	wrong := BindingRequest(nil, testTxid, nonceOf(v, testIPv6, now))
	buf := make([]byte, 0, 128)
	allocs := testing.AllocsPerRun(100, func() {
		for _, b := range [][]byte{good, wrong} {
			k, ok := ParseKnock(b)
			if !ok || v.Knows(k, from, now) != (&b[0] == &good[0]) {
				t.Fatal("a request is not known")
			}
			if got := v.Refuse(buf[:0], k, from, now); len(got) != staleLen {
				t.Fatalf("%d bytes", len(got))
			}
		}
		_ = v.Hint(buf[:0], good, from, now)
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func FuzzParseKnock(f *testing.F) {
	f.Add(BindingRequest(nil, testTxid, []byte("abcdefghijklmnopqrstuvwx")))
	f.Add(AppendPathRequest(nil, PathRequest{Nonce: []byte("n")}, new(PathKey)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		k, ok := ParseKnock(b)
		m := stun.Message{Raw: bytes.Clone(b)}
		want := m.Decode() == nil && m.Type == stun.BindingRequest && isWhole(&m)
		if ok != want {
			t.Fatalf("%x: %v, want %v", b, ok, want)
		}
		if !ok {
			return
		}
		nonce, _ := m.Get(stun.AttrNonce)
		if !bytes.Equal(k.Nonce, nonce) || k.TxID != m.TransactionID || k.Path != m.Contains(stun.AttrUsername) {
			t.Fatalf("%x: %+v", b, k)
		}
	})
}

func BenchmarkStrangersRequest(b *testing.B) {
	v := NewValidator()
	bare := BindingRequest(nil, testTxid, nil)
	wrong := BindingRequest(nil, testTxid, nonceOf(v, testIPv6, testTime))
	buf := make([]byte, 0, 128)
	b.Run("wrong nonce", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			k, _ := ParseKnock(wrong)
			_ = v.Knows(k, testIPv4, testTime)
		}
	})
	b.Run("answer", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			k, _ := ParseKnock(bare)
			_ = v.Refuse(buf[:0], k, testIPv4, testTime)
		}
	})
}
