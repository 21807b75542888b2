package secure

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// Identity is a P-256 key and the self-signed certificate that carries it through a handshake. It is
// never changed after it was made and may be used by any number of goroutines.
type Identity struct {
	certificate tls.Certificate
	fingerprint Fingerprint
}

// The certificate says nothing but the key, so it is valid for ever (RFC 5280, 4.1.2.5).
var (
	validFrom  = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)
	validUntil = time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)
)

// NewIdentity makes an identity that lives in memory only.
func NewIdentity() (*Identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	return newIdentity(key)
}

// Fingerprint names the identity's key.
func (id *Identity) Fingerprint() Fingerprint { return id.fingerprint }

// newIdentity derives the certificate: only the key is kept in files.
func newIdentity(key *ecdsa.PrivateKey) (*Identity, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "yodel"},
		NotBefore:    validFrom,
		NotAfter:     validUntil,
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	chain := [][]byte{der}
	fingerprint, err := fingerprintOf(chain)
	if err != nil {
		return nil, err
	}
	return &Identity{tls.Certificate{Certificate: chain, PrivateKey: key}, fingerprint}, nil
}

// parseKey reads a P-256 key in PKCS #8 (RFC 5958).
func parseKey(der []byte) (*ecdsa.PrivateKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("the key is not P-256")
	}
	return key, nil
}
