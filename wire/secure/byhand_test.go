package secure

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/pion/dtls/v3/pkg/crypto/ciphersuite"
	"github.com/pion/dtls/v3/pkg/protocol"
	"github.com/pion/dtls/v3/pkg/protocol/recordlayer"
)

// byHand is the client's side of a handshake, message by message, so that a test can say any of them wrongly or at the wrong time. It offers
// GCM, P-256 and both SRTP profiles. What is nil is said as a client says it.
type byHand struct {
	certificate tls.Certificate
	greeting    []byte // the body of ClientHello

	list  []byte            // the body of Certificate
	point []byte            // of ClientKeyExchange
	signs *ecdsa.PrivateKey // who signs CertificateVerify
	signd []byte            // the digest that is signed
	wrong byte              // is added to Finished
	other byte              // is added to the scheme of CertificateVerify

	sequence   [2]uint64
	transcript []byte
	secrets    *Secrets // what the daemon must have in the end
	master     []byte
	cipher     recordCipher
	messages   [][]byte // in their order; the last is Finished
}

func newByHand(tb testing.TB, certificate tls.Certificate) *byHand {
	tb.Helper()
	h := &byHand{certificate: certificate, greeting: helloBody(0xfefd, []byte{0xc0, 0x2b}, []byte{0, 23, 0, 0}, []byte{0, 14, 0, 7, 0, 4, 0, 1, 0, 7, 0})}
	_, _ = rand.Read(h.greeting[2:34])
	return h
}

// hello gives the message ClientHello.
func (h *byHand) hello() []byte { return appendMessage(nil, typeClientHello, 0, h.greeting) }

// record puts a message, or a part of one, into a record of its own.
func (h *byHand) record(message []byte) []byte {
	if message[0] == typeFinished {
		return h.sealed(recordHandshake, message)
	}
	r := appendRecord(nil, recordHandshake, message)
	putSequence(r, 0, h.sequence[0])
	h.sequence[0]++
	return r
}

// sealed puts content into a record under keys.
func (h *byHand) sealed(kind byte, content []byte) []byte {
	raw := appendRecord(nil, kind, content)
	putSequence(raw, 1, h.sequence[1])
	header := recordlayer.Header{
		ContentType: protocol.ContentType(kind), Version: protocol.Version1_2,
		ContentLen: uint16(len(content)), Epoch: 1, SequenceNumber: h.sequence[1],
	}
	h.sequence[1]++
	sealed, err := h.cipher.Encrypt(&recordlayer.RecordLayer{Header: header}, raw)
	if err != nil {
		panic(err) // the library has no way to fail
	}
	return sealed
}

// flight gives all that follows ClientHello, in one datagram.
func (h *byHand) flight() []byte {
	var all []byte
	for _, m := range h.messages[1:] {
		all = append(all, h.record(m)...)
	}
	return all
}

// answer takes the daemon's first flight and prepares the rest of the messages.
func (h *byHand) answer(flight []byte, daemon *Identity) error {
	h.transcript = h.hello()
	var bodies [][]byte
	for record, rest, ok := nextRecord(flight); ok; record, rest, ok = nextRecord(rest) {
		h.transcript = append(h.transcript, record[recordHeader:]...)
		bodies = append(bodies, record[recordHeader+messageHeader:])
	}
	if len(bodies) != 5 {
		return fmt.Errorf("%d messages", len(bodies))
	}
	clientRandom, serverRandom := h.greeting[2:34], bodies[0][2:34]
	params, signature := bodies[2][:4+65], bodies[2][4+65+4:]
	digest := sha256.Sum256(bytes.Join([][]byte{clientRandom, serverRandom, params}, nil))
	if !ecdsa.VerifyASN1(&daemon.certificate.PrivateKey.(*ecdsa.PrivateKey).PublicKey, digest[:], signature) {
		return errors.New("the key exchange is not signed")
	}
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	public, err := ecdh.P256().NewPublicKey(params[4:])
	if err != nil {
		return err
	}
	shared, err := key.ECDH(public)
	if err != nil {
		return err
	}
	return h.prepare(key.PublicKey().Bytes(), shared, clientRandom, serverRandom)
}

func (h *byHand) prepare(point, shared, clientRandom, serverRandom []byte) (err error) {
	if h.list == nil {
		leaf := h.certificate.Certificate[0]
		h.list = append(appendUint24(appendUint24(nil, len(leaf)+3), len(leaf)), leaf...)
	}
	if h.point == nil {
		h.point = point
	}
	h.messages = [][]byte{h.hello()}
	h.say(typeCertificate, h.list)
	h.say(typeClientKeyExchange, append([]byte{byte(len(h.point))}, h.point...))
	h.master = prf(masterLen, shared, "extended master secret", h.digest())
	keys := prf(40, h.master, "key expansion", serverRandom, clientRandom)
	if h.cipher, err = ciphersuite.NewGCM(keys[:16], keys[32:36], keys[16:32], keys[36:]); err != nil {
		return err
	}
	if h.signd == nil {
		h.signd = h.digest()
	}
	if h.signs == nil {
		h.signs, _ = h.certificate.PrivateKey.(*ecdsa.PrivateKey)
	}
	if h.signs != nil { // else it has no P-256 key, and can only go on without
		signature, err := ecdsa.SignASN1(rand.Reader, h.signs, h.signd)
		if err != nil {
			return err
		}
		h.say(typeCertificateVerify, append(binary.BigEndian.AppendUint16([]byte{4, 3 + h.other}, uint16(len(signature))), signature...))
	}
	verify := prf(verifyLen, h.master, "client finished", h.digest())
	verify[0] += h.wrong
	h.say(typeFinished, verify)
	h.secrets, err = newSecrets(7, true, func(label string, n int) ([]byte, error) {
		return prf(n, h.master, label, clientRandom, serverRandom), nil
	})
	return err
}

// say adds the next message.
func (h *byHand) say(kind byte, body []byte) {
	m := appendMessage(nil, kind, uint16(len(h.messages)), body)
	h.messages = append(h.messages, m)
	h.transcript = append(h.transcript, m...)
}

func (h *byHand) digest() []byte {
	sum := sha256.Sum256(h.transcript)
	return sum[:]
}

// confirmed tells whether a datagram is the daemon's last flight, with the right Finished.
func (h *byHand) confirmed(datagram []byte) bool {
	_, rest, _ := nextRecord(bytes.Clone(datagram)) // ChangeCipherSpec
	record, _, ok := nextRecord(rest)
	if !ok {
		return false
	}
	content, ok := open(h.cipher, record)
	want := appendMessage(nil, typeFinished, 5, prf(verifyLen, h.master, "server finished", h.digest()))
	return ok && bytes.Equal(content, want)
}

// agrees tells whether the daemon has the client's keys and its name.
func (h *byHand) agrees(s *Secrets) bool {
	return h.secrets != nil && s.path == h.secrets.path && bytes.Equal(s.local.key, h.secrets.remote.key) &&
		bytes.Equal(s.remote.key, h.secrets.local.key) && bytes.Equal(s.remote.salt, h.secrets.local.salt)
}
