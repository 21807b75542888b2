package secure

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"slices"
	"testing"

	"yodel/wire/internal/vector"
)

type successionCase struct {
	Name      string     `json:"name"`
	Private   vector.Hex `json:"private,omitempty"`
	Daemon    vector.Hex `json:"daemon"`
	Old       vector.Hex `json:"old"`
	Key       vector.Hex `json:"key"`
	Signature vector.Hex `json:"signature"`
	Refused   bool       `json:"refused,omitempty"`
	Hex       vector.Hex `json:"hex,omitempty"`
}

// successionCases is a good proof, and what is none.
func successionCases(t *testing.T) []successionCase {
	t.Helper()
	secret := bytes.Repeat([]byte{0x42}, 32)
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), secret)
	if err != nil {
		t.Fatal(err)
	}
	id, err := newIdentity(private)
	if err != nil {
		t.Fatal(err)
	}
	daemon, old := Fingerprint(bytes.Repeat([]byte{0xd0}, 32)), Fingerprint(bytes.Repeat([]byte{0x01}, 32))
	key, signature, err := id.ProveSuccession(daemon, old)
	if err != nil {
		t.Fatal(err)
	}
	name := id.Fingerprint()
	good := successionCase{Name: "a key takes the place of another", Private: secret, Daemon: daemon[:], Old: old[:], Key: key, Signature: signature, Hex: name[:]}
	bad := func(name string, change func(c *successionCase)) successionCase {
		c := good
		c.Name, c.Private, c.Hex, c.Refused = name, nil, nil, true
		change(&c)
		return c
	}
	compressed := slices.Concat(key[:1], []byte{0x39}, key[2:24], []byte{0x22}, key[25:26], []byte{2 + key[len(key)-1]&1}, key[27:59])
	return []successionCase{
		good,
		bad("at another daemon", func(c *successionCase) { c.Daemon = old[:] }),
		bad("of another old key", func(c *successionCase) { c.Old = daemon[:] }),
		bad("without a signature", func(c *successionCase) { c.Signature = nil }),
		bad("a compressed point", func(c *successionCase) { c.Key = compressed }),
		bad("something behind the key", func(c *successionCase) { c.Key = append(slices.Clone(key), 0) }),
	}
}

func TestVectorsSuccession(t *testing.T) {
	for _, c := range vector.Check(t, vectorPath+"succession.json", vector.File[successionCase]{
		About: "signature, of key (SubjectPublicKeyInfo, DER), is over \"yodel succeed\", a zero byte, daemon and old (fingerprints); made as in RFC 6979 by private; hex is key's fingerprint",
		Cases: successionCases(t),
	}) {
		got, err := CheckSuccession(c.Key, c.Signature, Fingerprint(c.Daemon), Fingerprint(c.Old))
		if c.Refused != errors.Is(err, ErrSuccession) || err == nil && !bytes.Equal(got[:], c.Hex) {
			t.Errorf("%s: %s, %v", c.Name, got, err)
		}
	}
}

// Who has not the new key cannot prove it, with whatever key of their own.
func TestASuccessionIsTheNewKeys(t *testing.T) {
	mallory, victim, daemon := mustIdentity(t), mustIdentity(t), mustIdentity(t).Fingerprint()
	_, signature, err := mallory.ProveSuccession(daemon, mallory.Fingerprint())
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := victim.ProveSuccession(daemon, victim.Fingerprint())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := CheckSuccession(key, signature, daemon, mallory.Fingerprint()); !errors.Is(err, ErrSuccession) {
		t.Errorf("%s, %v", got, err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, public := range []any{&p384.PublicKey, &rsaKey.PublicKey} {
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := CheckSuccession(der, signature, daemon, mallory.Fingerprint()); !errors.Is(err, ErrSuccession) {
			t.Errorf("%T: %v", public, err)
		}
	}
	if _, err := CheckSuccession(nil, nil, daemon, daemon); !errors.Is(err, ErrSuccession) {
		t.Error(err)
	}
}
