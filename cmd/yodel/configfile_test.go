package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// Each fault names the file and the line.
func TestConfigFaults(t *testing.T) {
	for text, want := range map[string]string{
		"sevrer = 'x'":                        `c.toml:1: unknown setting "sevrer"`,
		"# c\n\nroom = 'a'\nport = 1":         `c.toml:4: unknown setting "port"`,
		"room = 'a'\n[server]\nname = 'x'":    `c.toml:2: server must be text in quotes`,
		"room = 'a'\n[keep]\nmessages = 1":    `c.toml:2: unknown setting "keep"`,
		"room = 'a'\n\"nick\" = ['a', 'b']":   `c.toml:2: nick must be text in quotes`,
		"room = 5":                            `c.toml:1: room must be text in quotes`,
		"room = 'a'\nserver = ''":             `c.toml:2: server is empty`,
		"room = 'a'\nroom = 'b'":              `c.toml:2: `,
		"room = 'a'\nserver":                  `c.toml:2: `,
		"room = 'a'\nserver = localhost":      `c.toml:2: `,
		"room = 'a'\nserver = \"\x00\"":       `c.toml:2: `,
		"room = 'a'\nserver = \"caf\xe9\"":    `c.toml:`,
		"server.host = 'x'":                   `c.toml:1: server must be text in quotes`,
		"nick = '''\na'''\n[[identity]]\na=1": `c.toml:3: identity must be text in quotes`,
	} {
		_, err := parseConfig("c.toml", []byte(text))
		if !errors.Is(err, errConfig) || !strings.HasPrefix(err.Error(), want) || explain(err).exit != exitUsage {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// Only the values change that are to be changed.
func TestEditingKeepsTheRest(t *testing.T) {
	changes := map[string]string{"server": "new:1", "room": "club"}
	for before, after := range map[string]string{
		"":                              "room = \"club\"\nserver = \"new:1\"\n",
		"# mine":                        "# mine\nroom = \"club\"\nserver = \"new:1\"\n",
		"nick = \"bob\" # me\n":         "nick = \"bob\" # me\nroom = \"club\"\nserver = \"new:1\"\n",
		"server='old'\n# x\nroom = 'a'": "server= \"new:1\"\n# x\nroom = \"club\"\n",
		"  server = \"a\\\"#\" # \"why\"\r\n\troom\t=\t'#'#c\r\n": "  server = \"new:1\" # \"why\"\r\n\troom\t= \"club\"#c\r\n",
		"\"server\" = \"a\"\n'room' = \"b\"\n":                    "\"server\" = \"new:1\"\n'room' = \"club\"\n",
		"# server = \"x\"\nserver = \"y\"\nroom = \"b\"":          "# server = \"x\"\nserver = \"new:1\"\nroom = \"club\"\n",
	} {
		got, err := editConfig("c.toml", []byte(before), changes)
		if err != nil {
			t.Errorf("%q: %v", before, err)
		}
		if d := cmp.Diff(after, string(got)); d != "" {
			t.Errorf("%q: %s", before, d)
		}
	}
}

// What cannot be changed line by line is left as it is.
func TestEditingRefusesWhatItCannotKeep(t *testing.T) {
	for _, text := range []string{"server = '''\nold'''\n", "nick = '''\nserver = '\nx'''\nserver = 'a'\n", "[x]\n", "server = 1"} {
		got, err := editConfig("c.toml", []byte(text), map[string]string{"server": "new"})
		if !errors.Is(err, errConfig) {
			t.Errorf("%q: became %q, %v", text, got, err)
		}
	}
}

// Nothing that is no file holds the program up.
func TestOddConfigFiles(t *testing.T) {
	dir := t.TempDir()
	fifo, folder, huge := filepath.Join(dir, "fifo"), filepath.Join(dir, "folder"), filepath.Join(dir, "huge")
	if err := errors.Join(unix.Mkfifo(fifo, 0o600), os.Mkdir(folder, 0o700), os.WriteFile(huge, make([]byte, maxConfig+1), 0o600)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		fifo: "no regular file", folder: "no regular file", "/dev/zero": "no regular file", huge: "longer than 65536 bytes",
	} {
		if _, err := readConfig(path); !errors.Is(err, errConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range []string{filepath.Join(dir, "none"), filepath.Join(huge, "none")} {
		if text, err := readConfig(path); len(text) > 0 || err != nil {
			t.Errorf("%s: %q, %v", path, text, err)
		}
	}
}

// Many programs that change the file at once lose nothing, and a link stays a link.
func TestChangesAtOnceAreAllKept(t *testing.T) {
	dir := t.TempDir()
	path, target := filepath.Join(dir, configName), filepath.Join(dir, "kept.toml")
	if err := errors.Join(os.WriteFile(target, []byte("# mine\n"), 0o640), os.Symlink(target, path)); err != nil {
		t.Fatal(err)
	}
	want := make(map[string]string)
	var wg sync.WaitGroup
	for i, key := range configKeys {
		value := fmt.Sprint("v", i)
		want[key] = value
		wg.Go(func() {
			if err := changeConfig(path, map[string]string{key: value}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseConfig(path, text)
	if err != nil || !maps.Equal(got, want) || !strings.HasPrefix(string(text), "# mine\n") {
		t.Errorf("%v, %v: %s", got, err, text)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode().IsRegular() {
		t.Errorf("the link is %v, %v", info, err)
	}
	if info, err = os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the file is %v, %v", info, err)
	}
}
