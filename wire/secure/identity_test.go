package secure

import (
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A key made by `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`, and its fingerprint by
// `openssl pkey -pubout -outform DER | openssl dgst -sha256 -binary | base64`.
const (
	knownKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjB8NAks7v4mD1rhi
bBbsDCC7qAjkhjJomfsQeabf7EChRANCAASq0ZrymvBzvc5SjKAAzYZqPoHI73vj
I/XlAXdHrNbDzcsytPAQIfVYoYH4KM2y7MSsJB8yTDqxVFiP0mY1kK4a
-----END PRIVATE KEY-----
`
	knownFingerprint = "SHA256:4xt2KAEzzfeKMW2Pb+Y/rBJpVUsU9h9MNOuPcq0jpiU"
	ed25519Key       = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIB58B1ZGSt0RXumiAJJYSG8zBie2wz77oIRud20g6X1o
-----END PRIVATE KEY-----
`
	p384Key = `-----BEGIN PRIVATE KEY-----
MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDDXshWalYVRNPJ/cDFV
shmpQyroUk6bGplrZqlmhWSNywtNntsAI58Np2BLmzxIP8uhZANiAARCV3zZ8dcu
1yRu/FsXjn86XevIAAWZFJEwVefApQbZ9hNdmy2xJ1cTO3SwBY05OQvsaBSEqq2E
wErvA4gCZC9mU/pErTXlLeEB3GMHbmMYRSM5JrCUZ9dUgc+UM5gvBmY=
-----END PRIVATE KEY-----
`
)

func writeFile(tb testing.TB, content string, mode fs.FileMode) (path string) {
	tb.Helper()
	path = filepath.Join(tb.TempDir(), "identity.pem")
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		tb.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		tb.Fatal(err)
	}
	return path
}

func TestLoadIdentityKnowsAKey(t *testing.T) {
	for range 2 { // the certificate differs each time, the fingerprint does not
		id, err := LoadIdentity(writeFile(t, knownKey, 0o600))
		if err != nil {
			t.Fatal(err)
		}
		if got := id.Fingerprint().String(); got != knownFingerprint {
			t.Errorf("fingerprint %s, want %s", got, knownFingerprint)
		}
	}
}

func TestLoadIdentityRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		content string
		mode    fs.FileMode
		want    error
	}{
		"empty":          {"", 0o600, ErrIdentity},
		"junk":           {"not a key\n", 0o600, ErrIdentity},
		"broken":         {strings.Replace(knownKey, "MIGH", "MIGG", 1), 0o600, ErrIdentity},
		"certificate":    {strings.ReplaceAll(knownKey, "PRIVATE KEY", "CERTIFICATE"), 0o600, ErrIdentity},
		"Ed25519":        {ed25519Key, 0o600, ErrIdentity},
		"P-384":          {p384Key, 0o600, ErrIdentity},
		"huge":           {knownKey + strings.Repeat("\n", maxKeyFile), 0o600, ErrIdentity},
		"group readable": {knownKey, 0o640, ErrPermissions},
		"world readable": {knownKey, 0o604, ErrPermissions},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeFile(t, test.content, test.mode)
			_, created, err := LoadOrCreateIdentity(path)
			if !errors.Is(err, test.want) || created {
				t.Errorf("created %t, %v, want %v", created, err, test.want)
			}
			if err != nil && !strings.Contains(err.Error(), path) {
				t.Errorf("%q does not name %s", err, path)
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != test.content {
				t.Errorf("the file was changed to %q, %v", after, err)
			}
		})
	}
	if _, err := LoadIdentity(t.TempDir()); !errors.Is(err, ErrIdentity) {
		t.Errorf("a folder: %v, want ErrIdentity", err)
	}
	if _, err := LoadIdentity(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v, want fs.ErrNotExist", err)
	}
}

func TestCreatedIdentityIsPrivateAndStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "identity.pem")
	first, created, err := LoadOrCreateIdentity(path)
	if err != nil || !created {
		t.Fatalf("created %t, %v", created, err)
	}
	for name, want := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700, filepath.Dir(filepath.Dir(path)): 0o700} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, want %v, %v", name, info.Mode().Perm(), want, err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if block, rest := pem.Decode(text); block == nil || block.Type != "PRIVATE KEY" || len(rest) > 0 {
		t.Errorf("the file is %q", text)
	}
	second, created, err := LoadOrCreateIdentity(path)
	if err != nil || created || second.Fingerprint() != first.Fingerprint() {
		t.Errorf("second load: created %t, %v, fingerprint %s, want %s", created, err, second.Fingerprint(), first.Fingerprint())
	}
	onlyFile(t, path)
}

// onlyFile checks that no temporary file was left beside path.
func onlyFile(tb testing.TB, paths ...string) {
	tb.Helper()
	entries, err := os.ReadDir(filepath.Dir(paths[0]))
	if err != nil || len(entries) != len(paths) {
		tb.Errorf("%d files in the folder, want %d: %v %v", len(entries), len(paths), entries, err)
	}
}

func TestCreateIdentityWithoutAPlace(t *testing.T) {
	path := filepath.Join(writeFile(t, "a file, not a folder", 0o600), "identity.pem")
	if _, _, err := LoadOrCreateIdentity(path); err == nil || !strings.Contains(err.Error(), filepath.Dir(path)) {
		t.Errorf("%v, want an error that names %s", err, filepath.Dir(path))
	}
}

func TestAllWhoStartAtOnceGetOneIdentity(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "identity.pem")
	const starters = 16
	var wg sync.WaitGroup
	fingerprints := make([]Fingerprint, starters)
	made := make([]bool, starters)
	for i := range starters {
		wg.Go(func() {
			id, created, err := LoadOrCreateIdentity(path)
			if err != nil {
				t.Error(err)
				return
			}
			fingerprints[i], made[i] = id.Fingerprint(), created
		})
	}
	wg.Wait()
	makers := 0
	for i := range starters {
		if fingerprints[i] != fingerprints[0] {
			t.Errorf("%s and %s", fingerprints[i], fingerprints[0])
		}
		if made[i] {
			makers++
		}
	}
	if makers != 1 {
		t.Errorf("%d say that they made it, want 1", makers)
	}
	onlyFile(t, path)
}

// children runs the test binary several times at once in a role of TestMain, and gives what they printed.
func children(tb testing.TB, role, path string) []string {
	tb.Helper()
	program, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	var wg sync.WaitGroup
	outputs := make([]string, 4)
	for i := range outputs {
		wg.Go(func() {
			command := exec.Command(program)
			command.Env = append(os.Environ(), childVar+"="+role, childPath+"="+path)
			output, err := command.CombinedOutput()
			if err != nil {
				tb.Errorf("%v: %s", err, output)
			}
			outputs[i] = strings.TrimSpace(string(output))
		})
	}
	wg.Wait()
	return outputs
}

// tally splits what children printed into how many said true, and the distinct rest.
func tally(outputs []string) (yes int, rest map[string]bool) {
	rest = map[string]bool{}
	for _, output := range outputs {
		what, flag, _ := strings.Cut(output, " ")
		rest[what] = true
		if flag == "true" {
			yes++
		}
	}
	return yes, rest
}

func TestProcessesThatStartAtOnceGetOneIdentity(t *testing.T) {
	path := filepath.Join(t.TempDir(), "identity.pem")
	outputs := children(t, "identity", path)
	if made, fingerprints := tally(outputs); made != 1 || len(fingerprints) != 1 {
		t.Errorf("made %d times, fingerprints %v", made, fingerprints)
	}
	onlyFile(t, path)
}

func TestParseFingerprint(t *testing.T) {
	f, err := ParseFingerprint(knownFingerprint)
	if err != nil || f.String() != knownFingerprint || f.Short() != "4xt2KAEz" {
		t.Errorf("%s %s %v", f, f.Short(), err)
	}
	for _, bad := range []string{
		"", "SHA256:", knownFingerprint + "=", knownFingerprint + "\n", knownFingerprint[:49],
		strings.ToLower(knownFingerprint[:6]) + knownFingerprint[6:], "MD5:" + knownFingerprint[7:],
		knownFingerprint[:49] + "V", // unused bits set
		knownFingerprint[:20] + "*" + knownFingerprint[21:], knownFingerprint[:20] + "_" + knownFingerprint[21:],
	} {
		if f, err := ParseFingerprint(bad); !errors.Is(err, ErrFingerprint) || f != (Fingerprint{}) {
			t.Errorf("ParseFingerprint(%q) = %s, %v", bad, f, err)
		}
	}
}
