package secure

import "encoding/binary"

// Types of handshake messages (RFC 5246, 7.4).
const (
	typeClientHello        = 1
	typeServerHello        = 2
	typeCertificate        = 11
	typeServerKeyExchange  = 12
	typeCertificateRequest = 13
	typeServerHelloDone    = 14
	typeCertificateVerify  = 15
	typeClientKeyExchange  = 16
	typeFinished           = 20
)

// messageHeader is the length of the header of a handshake message (RFC 6347, 4.2.2).
const messageHeader = 12

// fromClient are the messages of a client in their order, which is also their message sequence: there is one order only, because a
// certificate is required and HelloVerifyRequest and resumption do not exist.
var fromClient = [...]struct {
	kind  byte
	epoch uint16
	most  int // bytes of its body
}{
	{typeClientHello, 0, 2 << 10},
	{typeCertificate, 0, 8 << 10},
	{typeClientKeyExchange, 0, 256},
	{typeCertificateVerify, 0, 256},
	{typeFinished, 1, verifyLen},
}

// assembly puts the handshake messages of a client together from fragments, in whatever order these come. What is not the message that
// belongs at its place is dropped.
type assembly struct {
	next     int // the message that comes next
	messages [len(fromClient)]partial
}

// partial is a message of which some fragments have come.
type partial struct {
	body    []byte
	have    []bool // for each byte; nil when all came at once
	missing int
}

// add takes the handshake messages and fragments of one record's content. It keeps parts of content. again tells that it is
// a ClientHello or Finished that was handed out before: the client asks for the flight that answers it.
func (a *assembly) add(epoch uint16, content []byte) (again bool) {
	for len(content) >= messageHeader {
		length, offset, size := int(uint24(content[1:])), int(uint24(content[6:])), int(uint24(content[9:]))
		sequence := int(binary.BigEndian.Uint16(content[4:]))
		if size > len(content)-messageHeader || size == 0 || offset+size > length || sequence >= len(fromClient) {
			return again
		}
		want := &fromClient[sequence]
		if content[0] != want.kind || epoch != want.epoch || length > want.most {
			return again
		}
		if sequence < a.next {
			again = again || offset == 0 && (want.kind == typeClientHello || want.kind == typeFinished)
		} else {
			a.messages[sequence].add(content[messageHeader:messageHeader+size], offset, length)
		}
		content = content[messageHeader+size:]
	}
	return again
}

// add takes a fragment of a message of that length.
func (p *partial) add(fragment []byte, offset, length int) {
	switch {
	case p.body == nil && len(fragment) == length:
		p.body = fragment
		return
	case p.body == nil:
		p.body, p.have, p.missing = make([]byte, length), make([]bool, length), length
	case p.missing == 0 || len(p.body) != length:
		return
	}
	for i, b := range fragment {
		if !p.have[offset+i] {
			p.body[offset+i], p.have[offset+i] = b, true
			p.missing--
		}
	}
}

// pop gives the message that comes next, when it is whole.
func (a *assembly) pop() (kind byte, body []byte, ok bool) {
	if a.next == len(fromClient) {
		return 0, nil, false
	}
	p := &a.messages[a.next]
	if p.body == nil || p.missing > 0 {
		return 0, nil, false
	}
	body = p.body
	*p = partial{}
	kind = fromClient[a.next].kind
	a.next++
	return kind, body, true
}

// appendMessage appends a handshake message in one piece.
func appendMessage(dst []byte, kind byte, sequence uint16, body ...[]byte) []byte {
	length := 0
	for _, b := range body {
		length += len(b)
	}
	dst = append(dst, kind)
	dst = appendUint24(dst, length)
	dst = binary.BigEndian.AppendUint16(dst, sequence)
	dst = appendUint24(dst, 0)
	dst = appendUint24(dst, length)
	for _, b := range body {
		dst = append(dst, b...)
	}
	return dst
}

func appendUint24(dst []byte, n int) []byte { return append(dst, byte(n>>16), byte(n>>8), byte(n)) }
