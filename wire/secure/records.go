package secure

import "encoding/binary"

// Layout of a DTLS record and of the start of a handshake message (RFC 6347, 4.1 and 4.2.2):
//
//	 0      content type
//	 1 -  2 version, fe fd (1.2) or fe ff (1.0, which some first ClientHellos carry)
//	 3 -  4 epoch, 0 until keys are agreed on
//	 5 - 10 sequence number
//	11 - 12 length of what follows
//	13      message type, 1 for ClientHello
//	14 - 16 length of the message
//	17 - 18 message sequence
//	19 - 21 offset of this fragment
//	22 - 24 length of this fragment
//	25 - 26 version of ClientHello
//	27 - 58 random of ClientHello (RFC 5246, 7.4.1.2)
const (
	recordHeader = 13
	helloRandom  = 27
	helloKnown   = helloRandom + 32 // the bytes of a ClientHello that tell whose it is
)

// Content types (RFC 5246, 6.2.1).
const (
	recordChangeCipherSpec = 20
	recordAlert            = 21
	recordHandshake        = 22
	recordData             = 23
)

const fatalAlert = 2 // RFC 5246, 7.2

// nextRecord splits the first record off a datagram. ok is false if it is not well-formed.
func nextRecord(datagram []byte) (record, rest []byte, ok bool) {
	if len(datagram) < recordHeader || datagram[1] != 0xfe || (datagram[2] != 0xfd && datagram[2] != 0xff) {
		return nil, nil, false
	}
	end := recordHeader + int(binary.BigEndian.Uint16(datagram[11:]))
	if end == recordHeader || end > len(datagram) {
		return nil, nil, false
	}
	return datagram[:end], datagram[end:], true
}

func epoch(record []byte) uint16 { return binary.BigEndian.Uint16(record[3:]) }

// acceptable reports whether a datagram consists of records that belong into a handshake. One that does not
// costs the whole datagram: honest senders send none such.
func acceptable(datagram []byte) bool {
	if len(datagram) == 0 {
		return false
	}
	for len(datagram) > 0 {
		record, rest, ok := nextRecord(datagram)
		if !ok || !belongs(record) {
			return false
		}
		datagram = rest
	}
	return true
}

// belongs reports whether the record is one that the library may see. In the clear (epoch 0) that is a handshake message
// and ChangeCipherSpec. Alerts and data in the clear would end the handshake, so that anyone could.
func belongs(record []byte) bool {
	inClear := epoch(record) == 0
	switch record[0] {
	case recordHandshake:
		return true
	case recordChangeCipherSpec:
		return !inClear || (len(record) == recordHeader+1 && record[recordHeader] == 1)
	case recordAlert, recordData:
		return !inClear
	}
	return false
}

// ClientHelloRandom gives the random of the ClientHello with which a datagram starts, be it whole or the first
// fragment. Repetitions carry the same random; another one is another handshake.
func ClientHelloRandom(datagram []byte) (random [32]byte, ok bool) {
	record, _, ok := nextRecord(datagram)
	if !ok || len(record) < helloKnown || record[0] != recordHandshake || epoch(record) != 0 {
		return random, false
	}
	const messageType, fragmentOffset, fragmentLength = 13, 19, 22
	if record[messageType] != typeClientHello || uint24(record[fragmentOffset:]) != 0 {
		return random, false
	}
	if int(uint24(record[fragmentLength:])) < helloKnown-recordHeader-12 {
		return random, false
	}
	return [32]byte(record[helloRandom:helloKnown]), true
}

func uint24(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }
