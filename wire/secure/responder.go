package secure

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"time"
)

const (
	// maxEarlyRecords and maxEarlyRecord bound the encrypted records that are kept until the keys are there: Finished is one of 61 bytes.
	maxEarlyRecords = 4
	maxEarlyRecord  = 128

	// repeatAfter is how soon a flight is sent again when the client asks for it. It asks with as little as 26 bytes, of which anyone can make
	// copies, and gets 700.
	repeatAfter = flightInterval / 4
)

// Responder is the daemon's side of a handshake (RFC 5246, 7.3; RFC 6347, 4.2): a state machine without clock and goroutine.
// It takes one order of messages only, and nothing that is optional. Its state is how many of them it has taken:
//
//	ClientHello        → ServerHello, Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone
//	Certificate        the client's key
//	ClientKeyExchange  → master secret and record keys
//	CertificateVerify  the client has that key; Config.Verify
//	Finished           → ChangeCipherSpec, Finished; Secrets
//
// A ChangeCipherSpec says nothing that the epoch of the record behind it does not say, and is ignored. One goroutine owns a Responder.
type Responder struct {
	cfg   Config
	send  func(datagram []byte)
	began time.Time
	spoke time.Time // when the flight was sent last; zero: not yet
	fed   budget
	err   error // why it has failed

	in         assembly
	early      [][]byte // records of epoch 1 that came before the keys
	transcript hash.Hash
	hello      *clientHello
	random     [32]byte
	key        *ecdh.PrivateKey // ephemeral
	remote     *ecdsa.PublicKey
	who        Fingerprint
	master     []byte
	records    recordCipher
	heard      uint64 // the sequence number after that of the newest authentic record

	first    []byte    // the flight that answers ClientHello, in one datagram
	sent     uint16    // messages
	sequence [2]uint64 // of the next record, by epoch
	verify   []byte    // verify_data of the own Finished
	secrets  *Secrets  // once it has finished
}

// NewResponder makes the daemon's side of a handshake with one address, which must have been validated. cfg is as for Handshake; cfg.Verify
// is called from Feed. send is given every datagram for the address and must not keep it. The only error is ErrConfig.
func NewResponder(cfg Config, now time.Time, send func(datagram []byte)) (*Responder, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return &Responder{cfg: cfg, send: send, began: now, transcript: sha256.New()}, nil
}

// Feed takes a datagram from the address and answers it with one at most; it keeps nothing of it. ErrNotDTLS and ErrBudget, which come bare, say that it was
// dropped. ErrHandshake, wrapped with the cause, says that the handshake has failed. When it has finished, Secrets are there, and Feed goes
// on answering what is repeated, until the client has shown to have the keys or HandshakeTimeout: then the owner drops the Responder.
// Two of the datagrams of a handshake cost signatures and key agreement: 0.1 ms each.
func (s *Responder) Feed(now time.Time, datagram []byte) error {
	if s.err != nil {
		return s.err
	}
	if err := s.fed.admit(datagram); err != nil {
		return err
	}
	again, err := s.take(bytes.Clone(datagram))
	if err != nil {
		s.err = fmt.Errorf("%w: %w", ErrHandshake, err)
		return s.err
	}
	if s.spoke.IsZero() || again && now.Sub(s.spoke) >= repeatAfter {
		s.speak(now)
	}
	return nil
}

// Secrets gives the keys of a handshake that has finished; before that nil.
func (s *Responder) Secrets() *Secrets { return s.secrets }

// Deadline is when Advance has something to do; zero for never.
func (s *Responder) Deadline() time.Time {
	end, due := s.began.Add(HandshakeTimeout), s.spoke.Add(flightInterval)
	switch {
	case s.secrets != nil, s.err != nil:
		return time.Time{}
	case s.spoke.IsZero() || end.Before(due):
		return end
	}
	return due
}

// Advance sends what was not answered in time again. After HandshakeTimeout the handshake has failed: ErrHandshake and
// context.DeadlineExceeded.
func (s *Responder) Advance(now time.Time) error {
	if s.secrets != nil || s.err != nil {
		return s.err
	}
	if !now.Before(s.began.Add(HandshakeTimeout)) {
		s.err = fmt.Errorf("%w: %w", ErrHandshake, context.DeadlineExceeded)
		return s.err
	}
	if !now.Before(s.Deadline()) {
		s.speak(now)
	}
	return nil
}

// take takes a datagram that belongs into a handshake. It keeps parts of it and may change it. again tells that the client asks for the
// flight that it has not got.
func (s *Responder) take(datagram []byte) (again bool, err error) {
	for record, rest, ok := nextRecord(datagram); ok; record, rest, ok = nextRecord(rest) {
		switch {
		case epoch(record) == 1:
			repeated, err := s.protected(record)
			if err != nil {
				return false, err
			}
			again = again || repeated
		case epoch(record) == 0 && record[0] == recordHandshake && s.secrets == nil:
			again = s.in.add(0, record[recordHeader:]) || again
		}
	}
	for kind, body, ok := s.in.pop(); ok; kind, body, ok = s.in.pop() {
		if err := s.message(kind, body); err != nil {
			return false, err
		}
	}
	return again, nil
}

// protected takes a record of epoch 1. What is not authentic, or older than the newest that was, is dropped.
func (s *Responder) protected(record []byte) (again bool, err error) {
	if s.records == nil {
		if len(s.early) < maxEarlyRecords && len(record) <= maxEarlyRecord {
			s.early = append(s.early, record)
		}
		return false, nil
	}
	number := recordSequence(record)
	if number < s.heard {
		return false, nil
	}
	content, ok := open(s.records, record)
	if !ok {
		return false, nil
	}
	s.heard = number + 1
	switch {
	case record[0] == recordHandshake:
		again = s.in.add(1, content)
	case record[0] == recordAlert && s.secrets == nil && len(content) == 2 && content[0] == fatalAlert:
		err = fmt.Errorf("the client ended it with alert %d", content[1])
	}
	return again, err
}

// message takes the message that is next.
func (s *Responder) message(kind byte, body []byte) (err error) {
	soFar := s.transcript.Sum(nil)
	s.transcript.Write(appendMessage(nil, kind, uint16(s.in.next-1), body))
	switch kind {
	case typeClientHello:
		err = s.clientHello(body)
	case typeCertificate:
		err = s.certificate(body)
	case typeClientKeyExchange:
		err = s.keyExchange(body)
	case typeCertificateVerify:
		err = s.certificateVerify(body, soFar)
	case typeFinished:
		err = s.finish(body, soFar)
	}
	return err
}

func (s *Responder) clientHello(body []byte) (err error) {
	if s.hello, err = parseClientHello(body); err != nil {
		return err
	}
	_, _ = rand.Read(s.random[:]) // never fails
	curve := ecdh.P256()
	if s.hello.curve == curveX25519 {
		curve = ecdh.X25519()
	}
	if s.key, err = curve.GenerateKey(rand.Reader); err != nil {
		return err
	}
	exchange, err := s.serverKeyExchange()
	if err != nil {
		return err
	}
	leaf := s.cfg.Identity.certificate.Certificate[0]
	s.say(typeServerHello, s.hello.serverHello(&s.random))
	s.say(typeCertificate, appendUint24(appendUint24(nil, len(leaf)+3), len(leaf)), leaf)
	s.say(typeServerKeyExchange, exchange)
	s.say(typeCertificateRequest, []byte{1, 64, 0, 2, signatureP256 >> 8, signatureP256 & 0xff, 0, 0}) // ecdsa_sign; no authorities
	s.say(typeServerHelloDone)
	return nil
}

// serverKeyExchange gives the ephemeral key, signed together with both randoms (RFC 8422, 5.4).
func (s *Responder) serverKeyExchange() ([]byte, error) {
	point := s.key.PublicKey().Bytes()
	params := append([]byte{3, byte(s.hello.curve >> 8), byte(s.hello.curve), byte(len(point))}, point...)
	digest := sha256.New()
	digest.Write(s.hello.random[:])
	digest.Write(s.random[:])
	digest.Write(params)
	key, ok := s.cfg.Identity.certificate.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, ErrIdentity
	}
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest.Sum(nil))
	if err != nil {
		return nil, err
	}
	params = binary.BigEndian.AppendUint16(params, signatureP256)
	params = binary.BigEndian.AppendUint16(params, uint16(len(signature)))
	return append(params, signature...), nil
}

// say adds a message to the first flight.
func (s *Responder) say(kind byte, body ...[]byte) {
	message := appendMessage(nil, kind, s.sent, body...)
	s.sent++
	s.transcript.Write(message)
	s.first = appendRecord(s.first, recordHandshake, message)
}

// speak sends the flight that it is the client's turn to answer, each time under new record numbers (RFC 6347, 4.2.4); before
// ClientHello nothing.
func (s *Responder) speak(now time.Time) {
	switch {
	case s.secrets != nil:
		s.last()
	case len(s.first) > 0:
		s.stamp(s.first)
		s.send(s.first)
	default:
		return
	}
	s.spoke = now
}

// stamp gives records of epoch 0 their sequence numbers.
func (s *Responder) stamp(records []byte) {
	for record, rest, ok := nextRecord(records); ok; record, rest, ok = nextRecord(rest) {
		putSequence(record, 0, s.sequence[0])
		s.sequence[0]++
	}
}

// certificate takes the client's key (RFC 5246, 7.4.6). Certificates behind the first are not looked at.
func (s *Responder) certificate(body []byte) (err error) {
	r := reader{rest: body}
	list := reader{rest: r.vector24()}
	var chain [][]byte
	for len(list.rest) > 0 && !list.failed {
		chain = append(chain, list.vector24())
	}
	if r.failed || list.failed || len(r.rest) > 0 {
		return fmt.Errorf("%w: malformed list", ErrCertificate)
	}
	s.remote, s.who, err = parseLeaf(chain)
	return err
}

// keyExchange takes the client's ephemeral key (RFC 8422, 5.7) and derives the master secret (RFC 7627, 4) and the keys of records
// (RFC 5246, 6.3).
func (s *Responder) keyExchange(body []byte) error {
	r := reader{rest: body}
	point := r.vector8()
	if r.failed || len(r.rest) > 0 {
		return errors.New("malformed ClientKeyExchange")
	}
	public, err := s.key.Curve().NewPublicKey(point)
	if err != nil {
		return err
	}
	shared, err := s.key.ECDH(public)
	s.key = nil
	if err != nil {
		return err
	}
	s.master = prf(masterLen, shared, "extended master secret", s.transcript.Sum(nil))
	clear(shared)
	if s.records, err = newRecordCipher(s.hello.suite, s.master, s.random[:], s.hello.random[:]); err != nil {
		return err
	}
	early := s.early
	s.early = nil
	for _, record := range early {
		if _, err := s.protected(record); err != nil {
			return err
		}
	}
	return nil
}

// certificateVerify checks that the client has the key of its certificate (RFC 5246, 7.4.8): it has signed all that was said before.
func (s *Responder) certificateVerify(body, soFar []byte) error {
	r := reader{rest: body}
	scheme, signature := r.uint16(), r.vector16()
	if r.failed || len(r.rest) > 0 || scheme != signatureP256 {
		return fmt.Errorf("malformed CertificateVerify, or signature scheme %#04x", scheme)
	}
	if !ecdsa.VerifyASN1(s.remote, soFar, signature) {
		return fmt.Errorf("%w: the client does not have its key", ErrCertificate)
	}
	return s.cfg.Verify(s.who)
}

// finish checks that both sides have seen the same messages (RFC 5246, 7.4.9), and answers.
func (s *Responder) finish(body, soFar []byte) error {
	if !hmac.Equal(body, prf(verifyLen, s.master, "client finished", soFar)) {
		return errors.New("the client has seen another handshake")
	}
	s.verify = prf(verifyLen, s.master, "server finished", s.transcript.Sum(nil))
	secrets, err := newSecrets(s.hello.profile, false, s.export)
	if err != nil {
		return err
	}
	clear(s.master)
	secrets.Remote = s.who
	s.secrets = secrets
	s.spoke = time.Time{} // there is another flight to send
	return nil
}

// last sends the last flight.
func (s *Responder) last() {
	flight := appendRecord(nil, recordChangeCipherSpec, []byte{1})
	s.stamp(flight)
	sealed, err := seal(s.records, s.sequence[1], appendMessage(nil, typeFinished, s.sent, s.verify))
	if err != nil {
		return // the library has no way to fail
	}
	s.sequence[1]++
	s.send(append(flight, sealed...))
}

// export gives keys for other protocols (RFC 5705, 4), without context.
func (s *Responder) export(label string, n int) ([]byte, error) {
	return prf(n, s.master, label, s.hello.random[:], s.random[:]), nil
}
