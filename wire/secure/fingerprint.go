package secure

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
)

// Fingerprint names a key: the SHA-256 of its SubjectPublicKeyInfo (RFC 5280, 4.1.2.7).
type Fingerprint [sha256.Size]byte

const fingerprintPrefix = "SHA256:"

// shortLen is enough of a fingerprint for people to tell a few keys apart; 48 bits, never for decisions.
const shortLen = 8

// String gives "SHA256:" and 43 characters of base64 (RFC 4648, 4) without padding.
func (f Fingerprint) String() string {
	return fingerprintPrefix + base64.RawStdEncoding.EncodeToString(f[:])
}

// Short gives the first 8 characters of the base64, for people to look at. Never decide by it.
func (f Fingerprint) Short() string {
	return f.String()[len(fingerprintPrefix):][:shortLen]
}

// ParseFingerprint reads what String wrote and nothing else, or returns ErrFingerprint.
func ParseFingerprint(s string) (Fingerprint, error) {
	var f Fingerprint
	digits, ok := strings.CutPrefix(s, fingerprintPrefix)
	if !ok || len(digits) != base64.RawStdEncoding.EncodedLen(len(f)) {
		return Fingerprint{}, fmt.Errorf("%w: %q is not SHA256: and 43 characters", ErrFingerprint, s)
	}
	n, err := base64.RawStdEncoding.Strict().Decode(f[:], []byte(digits))
	if err != nil {
		return Fingerprint{}, fmt.Errorf("%w: %q: %w", ErrFingerprint, s, err)
	}
	if n != len(f) { // the decoder skips line ends
		return Fingerprint{}, fmt.Errorf("%w: %q has line ends", ErrFingerprint, s)
	}
	return f, nil
}

// fingerprintOf names the key of the first certificate (DER) of a chain. It must be P-256.
func fingerprintOf(chain [][]byte) (Fingerprint, error) {
	_, fingerprint, err := parseLeaf(chain)
	return fingerprint, err
}

// parseLeaf gives the key of the first certificate (DER) of a chain, and its name. It must be P-256.
func parseLeaf(chain [][]byte) (*ecdsa.PublicKey, Fingerprint, error) {
	if len(chain) == 0 {
		return nil, Fingerprint{}, fmt.Errorf("%w: none was shown", ErrCertificate)
	}
	cert, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return nil, Fingerprint{}, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	key, ok := cert.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, Fingerprint{}, fmt.Errorf("%w: its key is %s, not P-256", ErrCertificate, cert.PublicKeyAlgorithm)
	}
	return key, sha256.Sum256(cert.RawSubjectPublicKeyInfo), nil
}
