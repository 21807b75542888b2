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

// derive is the key derivation of SRTP with a rate of 0 (RFC 3711, 4.3.1 and 4.3.3), written down from there.
func derive(tb testing.TB, master masterKey, label byte, n int) []byte {
	tb.Helper()
	iv := make([]byte, aes.BlockSize)
	copy(iv, master.salt)
	iv[7] ^= label
	return keystream(tb, master.key, iv, make([]byte, n))
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

// sealByRFC protects an RTP packet without extensions as RFC 7714, 8 and RFC 3711, 4.1.1 and 4.2.1 say, written down from there.
func sealByRFC(tb testing.TB, profile srtp.ProtectionProfile, packet []byte, roc uint32) []byte {
	tb.Helper()
	master := testKey(profile)
	key, salt := derive(tb, master, 0, 16), derive(tb, master, 2, len(master.salt))
	rocBytes := binary.BigEndian.AppendUint32(nil, roc)
	index := bytes.Join([][]byte{packet[8:12], rocBytes, packet[2:4]}, nil) // SSRC, counter, sequence number
	iv := bytes.Clone(salt)
	for i, b := range index {
		iv[len(iv)-len(index)+i] ^= b
	}
	header, payload := packet[:minRTP], packet[minRTP:]
	if profile == srtp.ProtectionProfileAeadAes128Gcm {
		block, err := aes.NewCipher(key)
		if err != nil {
			tb.Fatal(err)
		}
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			tb.Fatal(err)
		}
		return gcm.Seal(bytes.Clone(header), iv, payload, header)
	}
	sealed := append(bytes.Clone(header), keystream(tb, key, append(iv, 0, 0), payload)...)
	mac := hmac.New(sha1.New, derive(tb, master, 1, 20))
	mac.Write(sealed)
	mac.Write(rocBytes)
	return append(sealed, mac.Sum(nil)[:10]...)
}

func TestSealIsThatOfTheRFCs(t *testing.T) {
	for _, profile := range profiles {
		t.Run(profile.String(), func(t *testing.T) {
			tx, _ := direction(t, profile)
			for _, step := range []struct {
				index uint64
				roc   uint32
			}{{7<<16 + 65534, 0}, {7<<16 + 65535, 0}, {8 << 16, 1}, {8<<16 + 1, 1}, {7<<16 + 65535, 0}, {8<<16 + 1<<14, 1}} {
				packet := rtpPacket(testSSRC, step.index)
				want := sealByRFC(t, profile, packet, step.roc)
				if got := mustSeal(t, tx, testSSRC, step.index); !bytes.Equal(got, want) {
					t.Errorf("index %d: %x, want %x", step.index, got, want)
				}
			}
		})
	}
}
