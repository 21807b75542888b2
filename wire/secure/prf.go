package secure

import (
	"crypto/hmac"
	"crypto/sha256"
)

// Lengths of TLS 1.2 (RFC 5246, 8.1 and 7.4.9) in bytes.
const (
	masterLen = 48
	verifyLen = 12
)

// prf is the pseudorandom function of TLS 1.2 with SHA-256 (RFC 5246, 5): n bytes from a secret, a label and the seeds one after another.
func prf(n int, secret []byte, label string, seeds ...[]byte) []byte {
	seed := []byte(label)
	for _, s := range seeds {
		seed = append(seed, s...)
	}
	mac := hmac.New(sha256.New, secret)
	digest := func(dst []byte, parts ...[]byte) []byte {
		mac.Reset()
		for _, p := range parts {
			mac.Write(p)
		}
		return mac.Sum(dst)
	}
	out := make([]byte, 0, n+sha256.Size)
	for a := digest(nil, seed); len(out) < n; a = digest(nil, a) {
		out = digest(out, a, seed)
	}
	return out[:n]
}
