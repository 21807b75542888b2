package access

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestLinesOfAuthorizedKeys(t *testing.T) {
	fp := granted.String()
	tests := []struct {
		text string
		want []Key
	}{
		{"", nil},
		{"\n  \t\n# only a comment\r\n", nil},
		{fp, []Key{{Fingerprint: granted}}},
		{fp + "\r\n", []Key{{Fingerprint: granted}}},
		{fp + "# no comment", nil},
		{"  " + fp + "\tann # her key", []Key{{Fingerprint: granted, Nick: "ann"}}},
		{fp + " - crew,admin", []Key{{Fingerprint: granted, Roles: []string{"crew", "admin"}}}},
		{fp + " - crew,crew #", []Key{{Fingerprint: granted, Roles: []string{"crew"}}}},
		{fp + ` "Ann  of \"Green\" # \\" crew`, []Key{{Fingerprint: granted, Nick: `Ann of "Green" # \`, Roles: []string{"crew"}}}},
		{fp + " a#b", []Key{{Fingerprint: granted, Nick: "a#b"}}},
		{fp + ` "a" #`, []Key{{Fingerprint: granted, Nick: "a"}}},
		{fp + ` "a`, nil},
		{fp + ` "a"b`, nil},
		{fp + ` ""`, nil},
		{fp + " ann crew more", nil},
		{fp + " ann crew, admin", nil},
		{fp + " ann Crew", nil},
		{fp + " ann ,", nil},
		{"ann " + fp, nil},
		{"SHA256:short", nil},
		{fp + "\n\n" + fp, nil},
		{fp + " \xff", nil},
		{"\ufeff" + fp, []Key{{Fingerprint: granted}}},
		{"\ufeff# keys\r\n" + fp, []Key{{Fingerprint: granted}}},
		{"#\n\ufeff" + fp, nil},
		{fp + " # " + strings.Repeat("x", maxLine), nil},
		{fp + " " + strings.Repeat("x", 33), nil},
	}
	for _, x := range tests {
		keys, line, err := parseKeys(x.text)
		if !reflect.DeepEqual(keys, x.want) {
			t.Errorf("%q: %+v, %v", x.text, keys, err)
		}
		comment := strings.TrimSpace(x.text) == "" || strings.Contains(x.text, "only")
		if wrong := x.want == nil && !comment; wrong != errors.Is(err, ErrLine) || wrong != (line > 0) {
			t.Errorf("%q: line %d, %v", x.text, line, err)
		}
	}
}

func TestAuthorizedKeysNameTheLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authorized_keys")
	if keys, err := ReadAuthorizedKeys(path); keys != nil || err != nil {
		t.Errorf("without a file: %v, %v", keys, err)
	}
	put(t, path, "# keys\n"+granted.String()+"\n"+allowed.String()+" ann CREW\n")
	if _, err := ReadAuthorizedKeys(path); !errors.Is(err, ErrLine) || !strings.HasPrefix(err.Error(), path+":3: ") {
		t.Error(err)
	}
	put(t, path, granted.String()+"\n# here\n"+granted.String())
	if _, err := ReadAuthorizedKeys(path); err == nil || !strings.HasSuffix(err.Error(), "is on line 1 already") {
		t.Error(err)
	}
	if _, err := ReadAuthorizedKeys(filepath.Dir(path)); !errors.Is(err, ErrFile) {
		t.Errorf("a folder: %v", err)
	}
	fifo := path + ".fifo"
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadAuthorizedKeys(fifo); !errors.Is(err, ErrFile) {
		t.Errorf("a FIFO: %v", err)
	}
	put(t, path, strings.Repeat("#\n", maxFile/2+1))
	if _, err := ReadAuthorizedKeys(path); !errors.Is(err, ErrFile) {
		t.Errorf("a long one: %v", err)
	}
}

// put replaces a file as an editor does.
func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+"~", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		t.Fatal(err)
	}
}

// A change is read within 3 s, once; a file that is just being written is not, and one that is gone gives no keys.
func TestAuthorizedKeysAreFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authorized_keys")
	synctest.Test(t, func(t *testing.T) {
		type reading struct {
			keys []Key
			err  error
		}
		got := make(chan reading, 10)
		stop, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			Watch(path, StampOf(path), stop, func(keys []Key, err error) { got <- reading{keys, err} })
		}()
		next := func(what string) (r reading) {
			t.Helper()
			select {
			case r = <-got:
			case <-time.After(3 * time.Second):
				t.Errorf("%s: not read", what)
			}
			return r
		}
		none := func(what string, d time.Duration) {
			t.Helper()
			select {
			case r := <-got:
				t.Errorf("%s: read %+v", what, r)
			case <-time.After(d):
			}
		}
		none("no file", 3*watchEvery)
		put(t, path, granted.String()+" ann")
		if r := next("a file"); len(r.keys) != 1 || r.keys[0].Nick != "ann" {
			t.Errorf("%+v", r)
		}
		none("nothing new", time.Minute)
		put(t, path, "rubbish")
		if r := next("a bad line"); !errors.Is(r.err, ErrLine) {
			t.Errorf("%+v", r)
		}
		none("between two looks", watchEvery/2)
		for i := range 5 { // it is being written
			put(t, path, strings.Repeat("half of it", 1+i))
			none("while it is written", watchEvery)
		}
		put(t, path, allowed.String())
		if r := next("the rest"); len(r.keys) != 1 || r.keys[0].Fingerprint != allowed {
			t.Errorf("%+v", r)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if r := next("gone"); r.keys != nil || r.err != nil {
			t.Errorf("%+v", r)
		}
		close(stop)
		<-ended
	})
}

// No text of the file gives a key without a good fingerprint, nick and roles, and what is wrong is on one of its lines.
func FuzzAuthorizedKeys(f *testing.F) {
	fp := granted.String()
	for _, text := range []string{"", fp, fp + ` "a b" crew # x`, "#\n" + fp + " -\n\n" + fp, fp + ` "\"`, fp + " ann a,b,c\r\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		keys, line, err := parseKeys(text)
		if n := 1 + strings.Count(text, "\n"); err != nil && (line < 1 || line > n || keys != nil) || err == nil && len(keys) > n {
			t.Errorf("line %d, %d keys, %v", line, len(keys), err)
		}
		for _, k := range keys {
			checked := k
			if err := checked.check(); err != nil || !reflect.DeepEqual(checked, k) || !strings.Contains(text, k.Fingerprint.String()) {
				t.Errorf("%+v: %v", k, err)
			}
		}
	})
}

// A file that cannot be read just now is read when it can be, though it has not changed; the error is told once.
func TestAuthorizedKeysThatCannotBeReadNow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authorized_keys")
	put(t, path, granted.String())
	reads, told, keys := 0, 0, 0
	w := &watcher{path: path, seen: new(Stamp), latest: new(Stamp), got: func(k []Key, err error) {
		keys += len(k)
		if err != nil {
			told++
		}
	}, read: func(path string) ([]Key, error) {
		if reads++; reads <= 3 {
			return nil, syscall.EMFILE
		}
		return ReadAuthorizedKeys(path)
	}}
	for range 7 {
		w.look()
	}
	if reads != 4 || told != 1 || keys != 1 {
		t.Errorf("read %d times, %d errors told, %d keys", reads, told, keys)
	}
}
