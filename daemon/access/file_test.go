package access

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// full is a book with one of everything that is stored.
func full(t testing.TB) *Book {
	t.Helper()
	b := matrixBook(t, Invite)
	if _, err := b.Ban(epoch, Ban{Prefix: netip.MustParsePrefix("2001:db8::/32"), Reason: "a \"quoted\"\nreason"}); err != nil {
		t.Fatal(err)
	}
	for i, nick := range []string{"zoe", "Ann", "Ζωή"} {
		if _, _, err := b.Claim(epoch.Add(time.Duration(i)*time.Second), nick, number(i)); err != nil {
			t.Fatal(err)
		}
	}
	b.Arrive("ann")
	return b
}

func TestABookOutlivesARestart(t *testing.T) {
	dir, b := t.TempDir(), full(t)
	if err := Write(dir, b.Snapshot(epoch.Add(time.Minute), true)); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, fileName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	text, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil || strings.Contains(string(text), hex.EncodeToString(good[:])) {
		t.Errorf("the file has a token, or %v", err)
	}
	again, err := Load(dir, Invite)
	if err != nil {
		t.Fatal(err)
	}
	again.Grant([]Key{b.granted[granted], {Fingerprint: both}, {Fingerprint: banned}, {Fingerprint: replaced}})
	if got, want := again.Keys().List(), b.Keys().List(); !reflect.DeepEqual(got, want) {
		t.Errorf("keys %+v\nwant %+v", got, want)
	}
	if got, want := again.Bans(epoch), b.Bans(epoch); !reflect.DeepEqual(got, want) {
		t.Errorf("bans %+v\nwant %+v", got, want)
	}
	if !reflect.DeepEqual(again.invites, b.invites) {
		t.Errorf("invites %+v\nwant %+v", again.invites, b.invites)
	}
	if again.Holders() != 3 || !again.Keeps(epoch, "zoe", number(0)) || again.Keeps(epoch, "ζωή", number(0)) {
		t.Errorf("%d holders", again.Holders())
	}
	if h := again.nicks.order.Back().Value.(*holder); h.look != "ann" || !h.used.Equal(epoch.Add(time.Minute)) { // a session has it
		t.Errorf("%q was used last, at %v", h.look, h.used)
	}
}

func TestAFolderWithoutTheFile(t *testing.T) {
	dir := t.TempDir()
	if b, err := Load(dir, Open); err != nil || len(b.Keys().List()) != 0 {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, fileName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading has made it: %v", err)
	}
}

// A daemon that is killed while it writes leaves the old file, and perhaps some of a new one beside it.
func TestKilledWhileItWrites(t *testing.T) {
	whole, err := full(t).Snapshot(epoch, true).encode()
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n <= len(whole); n += 1 + len(whole)/40 {
		dir, b := t.TempDir(), NewBook(Open)
		if _, err := b.Allow(epoch, Key{Fingerprint: allowed}); err != nil {
			t.Fatal(err)
		}
		if err := Write(dir, b.Snapshot(epoch, true)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, newName), whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := Load(dir, Open)
		if err != nil || !reflect.DeepEqual(again.Keys().List(), b.Keys().List()) {
			t.Fatalf("%d bytes of a new file beside it: %v", n, err)
		}
		if _, err := os.Stat(filepath.Join(dir, newName)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it stays: %v", err)
		}
	}
}

func TestADamagedFileNamesItself(t *testing.T) {
	fp := stranger.String()
	tests := map[string]string{
		"":                                 "line 1",
		"{\n\"version\": 1,\n\"keys\": [}": "line 3",
		"{\n\"version\": 1,\n\"keys\": [":  "line 3: it ends too early",
		"{\n\n\"version\": \"1\"}":         "line 3",
		`{"version": 2}`:                   "version 2, not 1",
		`{"version": 1} {}`:                "behind the end",
		`{"version": 1, "more": 1}`:        "more",
		`{"version": 1, "keys": [{"fingerprint": "` + fp + `", "source": "enrolled"}, {"fingerprint": "x"}]}`:               "keys[1]: ",
		`{"version": 1, "keys": [{"fingerprint": "` + fp + `", "source": "other"}]}`:                                        `the source "other"`,
		`{"version": 1, "keys": [{"fingerprint": "` + fp + `", "source": "replaced"}]}`:                                     "keys[0]: successor",
		`{"version": 1, "keys": [{"fingerprint": "` + fp + `", "source": "allowed", "roles": ["A"]}]}`:                      "no role",
		`{"version": 1, "bans": [{"since": "2030-01-01T00:00:00Z"}]}`:                                                       "bans[0]: ",
		`{"version": 1, "bans": [{"prefix": "10.0.0.0", "since": "2030-01-01T00:00:00Z"}]}`:                                 "bans[0]: ",
		`{"version": 1, "invites": [{"token_sha256": "00", "uses": 1, "used": 0}]}`:                                         "a hash of 1 bytes",
		`{"version": 1, "nicks": [{"nick": "a", "fingerprint": "` + fp + `"}, {"nick": "a", "fingerprint": "` + fp + `"}]}`: "nicks[1]: ",
	}
	for text, want := range tests {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, fileName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(dir, Open)
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), filepath.Join(dir, fileName)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestAFileOfAnotherKind(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, fileName), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir, Open); !errors.Is(err, ErrFile) {
		t.Error(err)
	}
}

// Each snapshot that is given to a store is on the disk when its outcome comes; what cannot be written is told, and the next one may be.
func TestStore(t *testing.T) {
	dir := t.TempDir()
	told := make(chan func(), 1)
	s := NewStore(dir, func(f func()) { told <- f })
	save := func(b *Book) (err error) {
		s.Save(b.Snapshot(epoch, true), func(e error) { err = e })
		(<-told)()
		return err
	}
	b := full(t)
	if err := save(b); err != nil {
		t.Fatal(err)
	}
	beside := filepath.Join(dir, newName)
	if err := os.MkdirAll(filepath.Join(beside, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Deny(epoch, stranger, ""); err != nil {
		t.Fatal(err)
	}
	if err := save(b); err == nil {
		t.Error("written where nothing can be")
	}
	if err := os.RemoveAll(beside); err != nil {
		t.Fatal(err)
	}
	if again, err := Load(dir, Open); err != nil || again.Standing(epoch, stranger, home) != nil {
		t.Errorf("after a failure: %v", err)
	}
	if err := save(b); err != nil {
		t.Error(err)
	}
	s.Close()
	if again, err := Load(dir, Open); err != nil || again.Standing(epoch, stranger, home) == nil {
		t.Errorf("after the end: %v", err)
	}
}

// What is read is what would be written, whatever stands in the file.
func FuzzState(f *testing.F) {
	text, err := full(f).Snapshot(epoch, true).encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"version": 1, "keys": null, "bans": [], "invites": [{}], "nicks": []}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		st, err := decode(text)
		if err != nil {
			return
		}
		b := NewBook(Known)
		if b.restore(st) != nil {
			return
		}
		once, err := b.Snapshot(epoch, true).encode()
		if err != nil {
			return // a year beyond 9999
		}
		st, err = decode(once)
		if err != nil {
			t.Fatalf("%v: %s", err, once)
		}
		again := NewBook(Known)
		if err := again.restore(st); err != nil {
			t.Fatalf("%v: %s", err, once)
		}
		if twice, err := again.Snapshot(epoch, true).encode(); err != nil || string(once) != string(twice) {
			t.Errorf("%s\n%s\n%v", once, twice, err)
		}
	})
}

// A snapshot of a book in which is all that may be.
func BenchmarkSnapshot(b *testing.B) {
	book := NewBook(Open)
	for i := range maxKeys {
		book.put(number(i), &entry{source: Enrolled, since: epoch})
	}
	for i := range maxHolders {
		book.nicks.add(&holder{fmt.Sprint("nick", i), number(i), epoch})
	}
	for _, fresh := range []bool{false, true} {
		b.Run(fmt.Sprint("fresh nicks=", fresh), func(b *testing.B) {
			for b.Loop() {
				book.Snapshot(epoch, fresh)
			}
		})
	}
}

// What lies where the new file is to be is not written to, nor what it is a link to.
func TestALinkIsNotFollowed(t *testing.T) {
	dir, other := t.TempDir(), filepath.Join(t.TempDir(), "other")
	if err := errors.Join(os.WriteFile(other, []byte("theirs"), 0o600), os.Symlink(other, filepath.Join(dir, newName))); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, full(t).Snapshot(epoch, true)); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(other); err != nil || string(text) != "theirs" {
		t.Errorf("%q, %v", text, err)
	}
	if info, err := os.Lstat(filepath.Join(dir, fileName)); err != nil || !info.Mode().IsRegular() {
		t.Errorf("%v, %v", info, err)
	}
}
