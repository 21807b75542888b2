package secure

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"testing"

	"github.com/pion/srtp/v3"
)

// Packet protection written down from the RFCs, beside the library's.

const (
	gcm = srtp.ProtectionProfileAeadAes128Gcm
	cm  = srtp.ProtectionProfileAes128CmHmacSha1_80
)

// sessionKeys are those of SRTP or of SRTCP (RFC 3711, 4.3; RFC 7714, 11).
type sessionKeys struct {
	encryption, authentication, salt []byte
}

// derive is the key derivation of SRTP with a rate of 0 (RFC 3711, 4.3.1 and 4.3.3).
func derive(tb testing.TB, master masterKey, label byte, n int) []byte {
	tb.Helper()
	iv := make([]byte, aes.BlockSize)
	copy(iv, master.salt)
	iv[7] ^= label
	return keystream(tb, master.key, iv, make([]byte, n))
}

// deriveAll gives the session keys of a profile; first is the label of the encryption key: 0 of SRTP, 3 of SRTCP.
func deriveAll(tb testing.TB, profile srtp.ProtectionProfile, master masterKey, first byte) sessionKeys {
	tb.Helper()
	k := sessionKeys{encryption: derive(tb, master, first, 16), salt: derive(tb, master, first+2, len(master.salt))}
	if profile == cm {
		k.authentication = derive(tb, master, first+1, sha1.Size)
	}
	return k
}

func keystream(tb testing.TB, key, iv, plain []byte) []byte {
	tb.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		tb.Fatal(err)
	}
	out := make([]byte, len(plain))
	cipher.NewCTR(block, iv).XORKeyStream(out, plain)
	return out
}

// gcm encrypts with AES-GCM; the nonce is the salt with the index xored onto its end.
func (k sessionKeys) gcm(tb testing.TB, index, plain, additional []byte) []byte {
	tb.Helper()
	block, err := aes.NewCipher(k.encryption)
	if err != nil {
		tb.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		tb.Fatal(err)
	}
	return aead.Seal(nil, xorEnd(k.salt, index), plain, additional)
}

func (k sessionKeys) tag(parts ...[]byte) []byte {
	mac := hmac.New(sha1.New, k.authentication)
	mac.Write(bytes.Join(parts, nil))
	return mac.Sum(nil)[:10]
}

// xorEnd is the salt with the bytes xored onto its end.
func xorEnd(salt, b []byte) []byte {
	iv := bytes.Clone(salt)
	for i := range b {
		iv[len(iv)-len(b)+i] ^= b[i]
	}
	return iv
}

// rtp protects an RTP packet without extensions as RFC 7714, 8 and RFC 3711, 4.1.1 and 4.2 say.
func (k sessionKeys) rtp(tb testing.TB, packet []byte, roc uint32) []byte {
	tb.Helper()
	rocBytes := binary.BigEndian.AppendUint32(nil, roc)
	index := bytes.Join([][]byte{packet[8:12], rocBytes, packet[2:4]}, nil) // SSRC, counter, sequence number
	header, payload := packet[:minRTP], packet[minRTP:]
	if k.authentication == nil {
		return append(bytes.Clone(header), k.gcm(tb, index, payload, header)...)
	}
	sealed := append(bytes.Clone(header), keystream(tb, k.encryption, append(xorEnd(k.salt, index), 0, 0), payload)...)
	return append(sealed, k.tag(sealed, rocBytes)...)
}

// rtcp protects an RTCP packet as RFC 7714, 9 and RFC 3711, 3.4 and 4.1.1 say.
func (k sessionKeys) rtcp(tb testing.TB, packet []byte, index uint32) []byte {
	tb.Helper()
	head, rest := packet[:minRTCP], packet[minRTCP:]
	encrypted := binary.BigEndian.AppendUint32(nil, 1<<31|index) // E
	number := binary.BigEndian.AppendUint32(nil, index)
	iv := bytes.Join([][]byte{packet[4:8], {0, 0}, number}, nil) // SSRC, index
	if k.authentication == nil {
		sealed := k.gcm(tb, iv, rest, append(bytes.Clone(head), encrypted...))
		return bytes.Join([][]byte{head, sealed, encrypted}, nil)
	}
	sealed := append(bytes.Clone(head), keystream(tb, k.encryption, append(xorEnd(k.salt, iv), 0, 0), rest)...)
	sealed = append(sealed, encrypted...)
	return append(sealed, k.tag(sealed)...)
}

// RFC 7714, 16.1.1 and 17.1: the sample packets, under session keys.
func TestTheSamplesOfRFC7714(t *testing.T) {
	k := sessionKeys{encryption: bytesOf(t, "000102030405060708090a0b0c0d0e0f"), salt: []byte("Quid pro quo")}
	packet := append(bytesOf(t, "8040f17b 8041f8d3 5501a0b2"), "Gallia est omnis divisa in partes tres"...)
	want := bytesOf(t, `8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a
		51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce`)
	if got := k.rtp(t, packet, 0); !bytes.Equal(got, want) {
		t.Errorf("SRTP %x", got)
	}
	report := bytesOf(t, `81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
		deadbeef deadbeef deadbeef deadbeef deadbeef`)
	want = bytesOf(t, `81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda
		4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4`)
	if got := k.rtcp(t, report, 0x5d4); !bytes.Equal(got, want) {
		t.Errorf("SRTCP %x", got)
	}
}

// RFC 3711, B.3: the sample of key derivation.
func TestTheSampleOfRFC3711(t *testing.T) {
	k := deriveAll(t, cm, masterKey{bytesOf(t, rfc3711Key), bytesOf(t, rfc3711Salt)}, 0)
	for name, c := range map[string]struct {
		got  []byte
		want string
	}{
		"cipher key":         {k.encryption, "C61E7A93744F39EE10734AFE3FF7A087"},
		"cipher salt":        {k.salt, "30CBBC08863D8C85D49DB34A9AE1"},
		"authentication key": {k.authentication, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"},
	} {
		if !bytes.Equal(c.got, bytesOf(t, c.want)) {
			t.Errorf("%s %x", name, c.got)
		}
	}
}

const (
	rfc3711Key  = "E1F97A0D3E018BE0D64FA32C06DE4139"
	rfc3711Salt = "0EC675AD498AFEEBB6960B3AABE6"
)

func TestSealIsThatOfTheRFCs(t *testing.T) {
	for _, profile := range profiles {
		t.Run(profile.String(), func(t *testing.T) {
			tx, _ := direction(t, profile)
			keys := deriveAll(t, profile, testKey(profile), 0)
			for _, step := range []struct {
				index uint64
				roc   uint32
			}{{7<<16 + 65534, 0}, {7<<16 + 65535, 0}, {8 << 16, 1}, {8<<16 + 1, 1}, {7<<16 + 65535, 0}, {8<<16 + 1<<14, 1}} {
				want := keys.rtp(t, rtpPacket(testSSRC, step.index), step.roc)
				if got := mustSeal(t, tx, testSSRC, step.index); !bytes.Equal(got, want) {
					t.Errorf("index %d: %x, want %x", step.index, got, want)
				}
			}
		})
	}
}
