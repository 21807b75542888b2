package secure

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
)

// successionLabel is what a proof of succession begins with, so that the signature is good for nothing else.
const successionLabel = "yodel succeed\x00"

// ProveSuccession gives this identity's SubjectPublicKeyInfo (DER, RFC 5480) and its signature (ECDSA with SHA-256, DER, RFC 3279, 2.2.3; made as in
// RFC 6979) that it is to take the place of the key old at a daemon. The error is ErrSuccession.
func (id *Identity) ProveSuccession(daemon, old Fingerprint) (key, signature []byte, err error) {
	private := id.certificate.PrivateKey.(*ecdsa.PrivateKey) // of newIdentity
	if key, err = x509.MarshalPKIXPublicKey(&private.PublicKey); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrSuccession, err)
	}
	if signature, err = private.Sign(nil, succession(daemon, old), crypto.SHA256); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrSuccession, err)
	}
	return key, signature, nil
}

// CheckSuccession names the key of a proof of succession, after it has checked that the key's owner wants it to take the place of old at the daemon. The
// error is ErrSuccession.
func CheckSuccession(key, signature []byte, daemon, old Fingerprint) (Fingerprint, error) {
	parsed, err := x509.ParsePKIXPublicKey(key)
	if err != nil {
		return Fingerprint{}, fmt.Errorf("%w: %w", ErrSuccession, err)
	}
	public, ok := parsed.(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() {
		return Fingerprint{}, fmt.Errorf("%w: the key is not P-256", ErrSuccession)
	}
	// One key has one name: in another form it would have another.
	if plain, err := x509.MarshalPKIXPublicKey(public); err != nil || !bytes.Equal(plain, key) {
		return Fingerprint{}, fmt.Errorf("%w: the key is not in its plain form", ErrSuccession)
	}
	if !ecdsa.VerifyASN1(public, succession(daemon, old), signature) {
		return Fingerprint{}, fmt.Errorf("%w: the signature is not the new key's", ErrSuccession)
	}
	return sha256.Sum256(key), nil
}

// succession is the hash of what is signed.
func succession(daemon, old Fingerprint) []byte {
	h := sha256.New()
	h.Write([]byte(successionLabel))
	h.Write(daemon[:])
	h.Write(old[:])
	return h.Sum(nil)
}
