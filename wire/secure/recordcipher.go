package secure

import (
	"encoding/binary"

	"github.com/pion/dtls/v3/pkg/crypto/ciphersuite"
	"github.com/pion/dtls/v3/pkg/protocol"
	"github.com/pion/dtls/v3/pkg/protocol/recordlayer"
)

// recordCipher protects records of DTLS (RFC 6347, 4.1.2). Both methods take whole records; Decrypt works in place.
type recordCipher interface {
	Encrypt(record *recordlayer.RecordLayer, raw []byte) ([]byte, error)
	Decrypt(header recordlayer.Header, raw []byte) ([]byte, error)
}

// newRecordCipher derives the keys of a server (RFC 5246, 6.3).
func newRecordCipher(suite uint16, master, serverRandom, clientRandom []byte) (recordCipher, error) {
	keyLen, ivLen := 16, 4 // RFC 5288, 3
	if suite == suiteChaCha {
		keyLen, ivLen = 32, 12 // RFC 7905, 2
	}
	keys := reader{rest: prf(2*(keyLen+ivLen), master, "key expansion", serverRandom, clientRandom)}
	remoteKey, localKey := keys.take(keyLen), keys.take(keyLen)
	remoteIV, localIV := keys.take(ivLen), keys.take(ivLen)
	if suite == suiteChaCha {
		return ciphersuite.NewChaCha20Poly1305(localKey, localIV, remoteKey, remoteIV)
	}
	return ciphersuite.NewGCM(localKey, localIV, remoteKey, remoteIV)
}

// open gives the content of a record of epoch 1, which it overwrites; ok is false if it is not authentic.
func open(c recordCipher, record []byte) (content []byte, ok bool) {
	if record[0] == recordChangeCipherSpec {
		return nil, false // there is none in this epoch, and the library would let it through as it is
	}
	plain, err := c.Decrypt(recordlayer.Header{}, record)
	if err != nil || len(plain) < recordHeader {
		return nil, false
	}
	return plain[recordHeader:], true
}

// seal gives a record of epoch 1 with handshake messages.
func seal(c recordCipher, sequence uint64, content []byte) ([]byte, error) {
	raw := appendRecord(nil, recordHandshake, content)
	putSequence(raw, 1, sequence)
	return c.Encrypt(&recordlayer.RecordLayer{Header: recordlayer.Header{
		ContentType: protocol.ContentTypeHandshake, Version: protocol.Version1_2,
		ContentLen: uint16(len(content)), Epoch: 1, SequenceNumber: sequence,
	}}, raw)
}

// appendRecord appends a record of epoch 0 without its sequence number.
func appendRecord(dst []byte, kind byte, content []byte) []byte {
	dst = append(dst, kind, versionDTLS12>>8, versionDTLS12&0xff, 0, 0, 0, 0, 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(content)))
	return append(dst, content...)
}

// putSequence writes epoch and sequence number of a record.
func putSequence(record []byte, epoch uint16, sequence uint64) {
	binary.BigEndian.PutUint64(record[3:], uint64(epoch)<<48|sequence)
}

// recordSequence is the sequence number of a record within its epoch.
func recordSequence(record []byte) uint64 {
	return binary.BigEndian.Uint64(record[3:]) & (1<<48 - 1)
}
