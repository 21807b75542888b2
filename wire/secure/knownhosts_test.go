package secure

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestKnownHostsTrustsTheFirstKeyOnly(t *testing.T) {
	known := KnownHosts{filepath.Join(t.TempDir(), "new", "known_hosts")}
	first, second := Fingerprint{1}, Fingerprint{2}
	for i, want := range []bool{true, false, false} {
		added, err := known.Check("example.org:9635", first)
		if err != nil || added != want {
			t.Errorf("check %d: added %t, %v", i, added, err)
		}
	}
	if added, err := known.Check("example.org:9636", second); err != nil || !added {
		t.Errorf("another port: added %t, %v", added, err)
	}
	_, err := known.Check("example.org:9635", second)
	if !errors.Is(err, ErrHostKeyChanged) {
		t.Fatalf("another key: %v", err)
	}
	for _, part := range []string{"example.org:9635", first.String(), second.String(), "line 1 of " + known.Path} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not name %q", err, part)
		}
	}
	want := "example.org:9635 " + first.String() + "\nexample.org:9636 " + second.String() + "\n"
	if got, err := os.ReadFile(known.Path); err != nil || string(got) != want {
		t.Errorf("the file is %q, want %q; %v", got, want, err)
	}
	if info, err := os.Stat(known.Path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	onlyFile(t, known.Path, known.Path+lockSuffix)
}

func TestKnownHostsSpellsAHostInOneWay(t *testing.T) {
	for _, names := range [][]string{
		{"Example.ORG:9635", "example.org:9635", "example.org.:09635"},
		{"[2001:DB8::0:1]:9635", "[2001:db8:0:0::1]:9635"},
		{"192.0.2.1:9635", "[::ffff:192.0.2.1]:9635"},
		{"[fe80::1%eth0]:9635"},
	} {
		known := KnownHosts{filepath.Join(t.TempDir(), "known_hosts")}
		for i, name := range names {
			if added, err := known.Check(name, Fingerprint{1}); err != nil || added != (i == 0) {
				t.Errorf("%q: added %t, %v", name, added, err)
			}
		}
	}
	for _, bad := range []string{"", "example.org", ":9635", ".:1", "a b:1", "a\nb:1", "#x:1", "a\u202eb:1", "h:0", "h:65536", "h:port", "::1:9635"} {
		known := KnownHosts{filepath.Join(t.TempDir(), "known_hosts")}
		if _, err := known.Check(bad, Fingerprint{1}); !errors.Is(err, ErrHost) {
			t.Errorf("%q: %v, want ErrHost", bad, err)
		}
		if _, err := os.Stat(known.Path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q was written down", bad)
		}
	}
}

// What is known needs neither the lock nor a folder that can be written.
func TestKnownHostNeedsNoLock(t *testing.T) {
	known := KnownHosts{filepath.Join(t.TempDir(), "known_hosts")}
	if _, err := known.Check("h:1", Fingerprint{1}); err != nil {
		t.Fatal(err)
	}
	unlock, err := LockFile(known.Path + lockSuffix)
	if err != nil {
		t.Fatal(err)
	}
	if added, err := known.Check("h:1", Fingerprint{1}); added || err != nil {
		t.Errorf("known host under a foreign lock: %t, %v", added, err)
	}
	if _, err := known.Check("h:1", Fingerprint{2}); !errors.Is(err, ErrHostKeyChanged) {
		t.Errorf("changed host under a foreign lock: %v", err)
	}
	if _, err := known.Check("new:1", Fingerprint{2}); !errors.Is(err, ErrLocked) {
		t.Errorf("new host under a foreign lock: %v", err)
	}
	unlock()
	if added, err := known.Check("new:1", Fingerprint{2}); !added || err != nil {
		t.Errorf("new host when the lock is free: %t, %v", added, err)
	}
}

func TestKnownHostsReadsWhatPeopleWrite(t *testing.T) {
	pinned := Fingerprint{1}
	text := "# my daemons\n\n  Example.org:9635\t" + pinned.String() + "  \r\nother:1 " + Fingerprint{9}.String()
	path := writeFile(t, text, 0o600)
	known := KnownHosts{path}
	if added, err := known.Check("example.org:9635", pinned); err != nil || added {
		t.Errorf("added %t, %v", added, err)
	}
	if _, err := known.Check("other:1", pinned); !errors.Is(err, ErrHostKeyChanged) || !strings.Contains(err.Error(), "line 4") {
		t.Errorf("changed: %v", err)
	}
	if added, err := known.Check("third:1", pinned); err != nil || !added {
		t.Errorf("added %t, %v", added, err)
	}
	want := text + "\nthird:1 " + pinned.String() + "\n"
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("the file is %q, want %q; %v", got, want, err)
	}
}

func TestKnownHostsTrustsNothingFromABrokenFile(t *testing.T) {
	good := "host:1 " + Fingerprint{1}.String() + "\n"
	for _, bad := range []string{
		"host:1", "host:1 SHA256:AAAA", "host " + Fingerprint{1}.String(), "host:1 " + Fingerprint{1}.String() + " x", "\x00",
	} {
		text := good + bad + "\n"
		path := writeFile(t, text, 0o600)
		for _, host := range []string{"host:1", "new:1"} {
			_, err := KnownHosts{path}.Check(host, Fingerprint{1})
			if !errors.Is(err, ErrKnownHosts) || !strings.Contains(err.Error(), "line 2 of "+path) {
				t.Errorf("%q: %v, want ErrKnownHosts of line 2", bad, err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("the file was changed to %q, %v", got, err)
		}
	}
}

func TestKnownHostsMayHaveTwoKeysOfAHost(t *testing.T) {
	path := writeFile(t, "h:1 "+Fingerprint{1}.String()+"\nh:1 "+Fingerprint{2}.String()+"\n", 0o600)
	for _, fp := range []Fingerprint{{1}, {2}} {
		if added, err := (KnownHosts{path}).Check("h:1", fp); err != nil || added {
			t.Errorf("%s: added %t, %v", fp, added, err)
		}
	}
	if _, err := (KnownHosts{path}).Check("h:1", Fingerprint{3}); !errors.Is(err, ErrHostKeyChanged) {
		t.Errorf("third key: %v", err)
	}
}

func TestKnownHostsFollowsALink(t *testing.T) {
	target := writeFile(t, "", 0o600)
	link := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if _, err := (KnownHosts{link}).Check("h:1", Fingerprint{1}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link became %v, %v", info.Mode(), err)
	}
	if got, err := os.ReadFile(target); err != nil || !strings.HasPrefix(string(got), "h:1 ") {
		t.Errorf("the file is %q, %v", got, err)
	}
}

func TestKnownHostsLosesNothingWhenManyWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known_hosts")
	const writers = 16
	var wg sync.WaitGroup
	added := make([]bool, 2*writers)
	for i := range added { // two of them about each host
		wg.Go(func() {
			var err error
			host := string(rune('a'+i%writers)) + ":1"
			if added[i], err = (KnownHosts{path}).Check(host, Fingerprint{byte(i % writers)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range writers {
		if added[i] == added[i+writers] {
			t.Errorf("host %d was added by both or none: %t", i, added[i])
		}
	}
	if text, err := os.ReadFile(path); err != nil || strings.Count(string(text), "\n") != writers {
		t.Errorf("%d lines, want %d; %v", strings.Count(string(text), "\n"), writers, err)
	}
}

func TestOneOfTwoImpostorsIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known_hosts")
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i := range errs {
		wg.Go(func() { _, errs[i] = KnownHosts{path}.Check("h:1", Fingerprint{byte(i)}) })
	}
	wg.Wait()
	if errors.Is(errs[0], ErrHostKeyChanged) == errors.Is(errs[1], ErrHostKeyChanged) {
		t.Errorf("two keys for one host: %v and %v", errs[0], errs[1])
	}
}

func TestKnownHostsOfSeveralProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known_hosts")
	outputs := children(t, "known", path)
	if added, rest := tally(outputs); added != 1 || len(rest) != 1 {
		t.Errorf("added %d times; %v", added, outputs)
	}
}
