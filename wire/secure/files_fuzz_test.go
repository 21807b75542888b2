package secure

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzKnownHosts has Check read any file: one that it cannot read it says so of, and what it adds it knows afterwards, beside all that was known.
func FuzzKnownHosts(f *testing.F) {
	id, err := NewIdentity()
	if err != nil {
		f.Fatal(err)
	}
	fp := id.Fingerprint()
	f.Add("", "localhost:9635")
	f.Add("# pinned\n\nlocalhost:9635 "+fp.String()+"\n", "LOCALHOST.:9635")
	f.Add("[::1]:9635 "+fp.String(), "[0:0::1]:9635")
	f.Add("a:1 SHA256:AAAA\n", "a:1")
	f.Add("a:1 b:2 c:3\x00\n", "a:65536")
	f.Fuzz(func(t *testing.T, text, host string) {
		k := KnownHosts{Path: filepath.Join(t.TempDir(), "known_hosts")}
		if err := os.WriteFile(k.Path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		added, err := k.Check(host, fp)
		if err != nil {
			if added {
				t.Fatalf("added, and %v", err)
			}
			return
		}
		if again, err := k.Check(host, fp); again || err != nil {
			t.Fatalf("%q is known now: %v, %v", host, again, err)
		}
		if _, err := k.Check(host, Fingerprint{1}); !errors.Is(err, ErrHostKeyChanged) {
			t.Fatalf("another key of %q: %v", host, err)
		}
	})
}

// FuzzIdentityFile has LoadIdentity read any file: what it takes is a key that can be stored and read again.
func FuzzIdentityFile(f *testing.F) {
	path := filepath.Join(f.TempDir(), "identity.pem")
	if _, _, err := LoadOrCreateIdentity(path); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(append([]byte("# mine\n"), good...))
	f.Add(good[:len(good)/2])
	f.Add([]byte("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "identity.pem")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		id, err := LoadIdentity(path)
		if err != nil {
			return
		}
		copied := filepath.Join(t.TempDir(), "identity.pem")
		if err := id.store(copied); err != nil {
			t.Fatal(err)
		}
		if again, err := LoadIdentity(copied); err != nil || again.Fingerprint() != id.Fingerprint() {
			t.Fatalf("read again: %v", err)
		}
	})
}

// FuzzFingerprint holds that a fingerprint has one spelling.
func FuzzFingerprint(f *testing.F) {
	f.Add(Fingerprint{1, 2, 3}.String())
	f.Add("SHA256:")
	f.Add("SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n")
	f.Add("sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	f.Fuzz(func(t *testing.T, text string) {
		fp, err := ParseFingerprint(text)
		if err == nil && fp.String() != text {
			t.Fatalf("%q is %s", text, fp)
		}
	})
}
