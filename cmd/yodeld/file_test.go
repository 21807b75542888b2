package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yodel/daemon"
	"yodel/daemon/access"
	"yodel/daemon/roomlog"
)

// Each is one file with what is said of it: of each error the line, and words of it.
var badFiles = map[string]struct {
	text string
	says []string
}{
	"unknown key":             {"listen = \"127.0.0.1:1\"\nlisten_on = 1\n", []string{"2: listen_on: unknown key: expected listen, public_address"}},
	"unknown key in a table":  {"[keep]\n\nmessage = 1\n", []string{"3: keep.message: unknown key: expected messages, age, bytes, total"}},
	"unknown table":           {"[foo]\nx = 1\ny = 2\n", []string{"1: foo: unknown key: expected listen"}},
	"unknown, below a table":  {"[keep.more]\nx = 1\n", []string{"1: keep.more: unknown key: expected messages"}},
	"unknown, dotted":         {"\nkeep.mesages = 1\n", []string{"2: keep.mesages: unknown key: expected messages"}},
	"unknown, all dotted":     {"\n\nfoo.bar = 1\n", []string{"3: foo.bar: unknown key"}},
	"unknown, inline":         {"keep = { messages = 1,\n age2 = \"1d\" }\n", []string{"2: keep.age2: unknown key: expected messages"}},
	"unknown, quoted":         {"\"lis ten\" = 1\n", []string{"1: \"lis ten\": unknown key"}},
	"dot in quotes":           {"\n\"keep.age\" = \"1d\"\n", []string{"2: \"keep.age\": unknown key"}},
	"empty key":               {"\n\"\" = 1\n", []string{"2: \"\": unknown key"}},
	"other case":              {"Listen = \"127.0.0.1:1\"\n", []string{"1: Listen: unknown key"}},
	"flag's name":             {"max-sessions = 1\n", []string{"1: max-sessions: unknown key"}},
	"unknown of a room":       {"[rooms.a]\ndelay = \"1s\"\nkeep-age = \"1d\"\n", []string{"3: rooms.a.keep-age: unknown key: expected delay, keep, keep_age, keep_bytes, join, talk"}},
	"room's name with a dot":  {"[rooms.a.b]\ndelay = \"1s\"\n", []string{"1: rooms.a.b: unknown key: expected delay"}},
	"number for a text":       {"\nlisten = 9635\n", []string{"2: listen: 9635: expected an address like 127.0.0.1:9635"}},
	"text for a number":       {"[limits]\nsessions = \"5\"\n", []string{"2: limits.sessions: \"5\": expected a number like 1000"}},
	"truth for a time":        {"delay = true\n", []string{"1: delay: true: expected a time like 2s"}},
	"text for a truth":        {"[log]\nmessages = \"yes\"\n", []string{"2: log.messages: \"yes\": expected true or false"}},
	"number for a truth":      {"[log]\nmessages = 1\n", []string{"2: log.messages: 1: expected true or false"}},
	"fraction":                {"[keep]\nmessages = 1.5\n", []string{"2: keep.messages: 1.5: expected a number of messages"}},
	"date":                    {"delay = 2026-01-01\n", []string{"1: delay: a date: expected a time"}},
	"table for a value":       {"\n[listen]\nx = 1\n", []string{"2: listen: a table: expected an address"}},
	"list for a value":        {"listen = [\n \"127.0.0.1:1\" ]\n", []string{"1: listen: a list: expected an address"}},
	"value for a table":       {"keep = 1000\n", []string{"1: keep: 1000: expected a table like [keep]"}},
	"value for the rooms":     {"rooms = [\"a\"]\n", []string{"1: rooms: a list: expected a table like [rooms.studio]"}},
	"value for a room":        {"[rooms]\na = \"2s\"\n", []string{"2: rooms.a: \"2s\": expected a table like [rooms.studio]"}},
	"list of tables":          {"\n[[rooms]]\ndelay = \"1s\"\n[[keep]]\nage = 0\n", []string{"rooms: a list: expected a table", "keep: a list: expected a table"}},
	"list of rooms":           {"[[rooms.a]]\ndelay = \"1s\"\n", []string{"rooms.a: a list: expected a table"}},
	"address":                 {"listen = \"localhost\"\n", []string{"1: listen: \"localhost\": address localhost: missing port"}},
	"port":                    {"listen = \"127.0.0.1:70000\"\n", []string{"1: listen: \"127.0.0.1:70000\": address 70000: invalid port"}},
	"no address":              {"listen = \"\"\n", []string{"1: listen: \"\": missing port"}},
	"access":                  {"access = \"all\"\n", []string{"1: access: \"all\": unknown access: \"all\": open, known or invite"}},
	"public address":          {"public_address = \"a b\"\n", []string{"1: public_address: \"a b\": \"a b\" is no host: expected a host"}},
	"public port":             {"public_address = \"example.org:0\"\n", []string{"\"0\" is no port"}},
	"public IPv6":             {"public_address = \"2001:db8::1\"\n", []string{"1: public_address: "}},
	"public brackets":         {"public_address = \"[example.org]\"\n", []string{"brackets are for IPv6 addresses"}},
	"presence":                {"presence_address = \"maybe\"\n", []string{"1: presence_address: \"maybe\": presence address \"maybe\""}},
	"time":                    {"delay = \"2 hours\"\n", []string{"1: delay: \"2 hours\": not a time: expected a time like 2s"}},
	"number without a unit":   {"delay = 2\n", []string{"1: delay: 2: not a time: its unit is missing: expected a time like 2s"}},
	"negative time":           {"gather = \"-1ms\"\n", []string{"1: gather: \"-1ms\": not a time"}},
	"long delay":              {"delay = \"61s\"\n", []string{"1: delay: \"61s\": a delay of 1m1s: it must be from 0 to 1m0s"}},
	"long step":               {"grid = \"1s\"\n", []string{"1: grid: \"1s\": to gather"}},
	"size":                    {"[keep]\nbytes = \"512 MB\"\n", []string{"2: keep.bytes: \"512 MB\": not a size: expected a size like 512M"}},
	"negative size":           {"[keep]\ntotal = -1\n", []string{"2: keep.total: -1: not a size"}},
	"huge size":               {"[keep]\ntotal = \"9999999T\"\n", []string{"2: keep.total: \"9999999T\": not a size"}},
	"negative number":         {"[keep]\nmessages = -1\n", []string{"2: keep.messages: -1: it must be 0 or more"}},
	"none":                    {"[limits]\nrooms = 0\n", []string{"2: limits.rooms: 0: it must be 1 or more"}},
	"slow":                    {"[limits]\npublish_rate = \"1K\"\n", []string{"2: limits.publish_rate: \"1K\": a publish rate of 1024"}},
	"no echo":                 {"[limits]\necho_bytes = 0\n", []string{"2: limits.echo_bytes: 0: 0 bytes of echo"}},
	"number over 64 bits":     {"[limits]\nsessions = 99999999999999999999\n", []string{"2: 99999999999999999999 is out of range"}},
	"level":                   {"[log]\nlevel = \"loud\"\n", []string{"2: log.level: \"loud\": unknown level: expected info or debug"}},
	"HTTP port":               {"[http]\nlisten = \"127.0.0.1:http\"\n", []string{"2: http.listen: \"127.0.0.1:http\": address http: invalid port"}},
	"HTTP host":               {"[http]\nlisten = \"nohost.invalid:1\"\n", []string{"2: http.listen: \"nohost.invalid:1\": \"nohost.invalid\" is neither"}},
	"host":                    {"listen = \"nohost.invalid:1\"\n", []string{"1: listen: \"nohost.invalid:1\": \"nohost.invalid\" is neither"}},
	"no path":                 {"control = \"\\u0000x\"\n", []string{"1: control: \"\\x00x\": no path has a zero byte"}},
	"too many sessions":       {"[limits]\nsessions = 9223372036854775807\n", []string{"2: limits.sessions: 9223372036854775807: at most"}},
	"too many rooms":          {"[limits]\nrooms = 16777217\n", []string{"2: limits.rooms: 16777217: at most"}},
	"room's name":             {"[rooms.\"a b\"]\ndelay = \"1s\"\n", []string{"1: rooms.\"a b\": illegal room name"}},
	"room's name, dotted":     {"rooms.\"a b\".delay = \"1s\"\n", []string{"1: rooms.\"a b\".delay: illegal room name"}},
	"room's delay":            {"[rooms.a]\ndelay = \"2m\"\n", []string{"2: rooms.a.delay: \"2m\": a delay of 2m0s"}},
	"room's messages":         {"[rooms.a]\nkeep = \"5\"\n", []string{"2: rooms.a.keep: \"5\": expected a number of messages"}},
	"room's age":              {"[rooms.a]\nkeep_age = \"x\"\n", []string{"2: rooms.a.keep_age: \"x\": not a time"}},
	"text for a list":         {"[rooms.a]\njoin = \"*\"\n", []string{"2: rooms.a.join: \"*\": expected a list like [\"*\"]"}},
	"number in a list":        {"[rooms.a]\ntalk = [\n\"*\",\n1]\n", []string{"2: rooms.a.talk: 1: expected a list"}},
	"nobody of that kind":     {"[rooms.a]\ntalk = [\"Crew\"]\n", []string{"2: rooms.a.talk: \"Crew\": neither everyone, nor a role"}},
	"table in a list":         {"[rooms.a]\ntalk = [{ role = \"crew\" }]\n", []string{"2: rooms.a.talk: a table: expected a list"}},
	"twice":                   {"delay = 0\nlisten = \"127.0.0.1:1\"\ndelay = \"2s\"\n", []string{"3: "}},
	"table twice":             {"[keep]\nage = 0\n[keep]\nbytes = 0\n", []string{"3: "}},
	"room twice":              {"[rooms.a]\n[rooms.b]\n[rooms.a]\n", []string{"3: "}},
	"text without an end":     {"\nlisten = \"127.0.0.1:1\n", []string{"2: "}},
	"no value":                {"delay =\n", []string{"1: "}},
	"no equals sign":          {"listen\n", []string{"1: "}},
	"brace without an end":    {"keep = { age = 0\n", []string{"yodeld.toml:"}},
	"bracket without an end":  {"\n[keep\nage = 0\n", []string{"2: "}},
	"text without quotes":     {"access = open\n", []string{"1: "}},
	"no text":                 {"access = \"\xff\"\n", []string{"1: "}},
	"bytes of 0":              {"\x00\x00\x00", []string{"yodeld.toml:"}},
	"UTF-16":                  {"\xff\xfea\x00=\x001\x00", []string{"yodeld.toml:"}},
	"escape sequence":         {"\x1b[31m = 1\n", []string{"1: "}},
	"hostile text":            {"access = \"\\u001b[31m\\u202e\"\n", []string{`1: access: "\x1b[31m\u202e": unknown access`}},
	"several":                 {"delay = 1\n[rooms.a]\njoin = 1\n[limits]\nsessions = 0\n", []string{"1: delay", "3: rooms.a.join", "5: limits.sessions"}},
	"more than are told":      {"[keep.a]\n" + many(30), []string{"1: keep.a", "limits.x18: "}},
	"text of lines":           {"[rooms.a]\nkeep_age = \"\"\"\nx\ny\"\"\"\ndelay = 7\n", []string{"2: rooms.a.keep_age", "5: rooms.a.delay"}},
	"too many rooms together": {"[rooms.a]\n[rooms.b]\n[limits]\nrooms = 1\n", []string{"4: 2 rooms that are always there, and at most 1 in all"}},
	"with a byte order mark":  {"\ufeff\nfoo = 1\n", []string{"2: foo: unknown key"}},
	"with Windows' lines":     {"delay = 0\r\nfoo = 1\r\n", []string{"2: foo: unknown key"}},
}

// many are unknown keys of a table.
func many(n int) string {
	var b strings.Builder
	b.WriteString("[limits]\n")
	for i := range n {
		b.WriteString("x" + strconv.Itoa(i) + " = 1\n")
	}
	return b.String()
}

func TestBadFiles(t *testing.T) {
	if len(badFiles) < 60 {
		t.Errorf("only %d", len(badFiles))
	}
	for name, c := range badFiles {
		path := filepath.Join(t.TempDir(), "yodeld.toml")
		writeConfig(t, path, c.text)
		_, err := readConfigFile(path)
		var wrong fileErrors
		if !errors.As(err, &wrong) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, says := range c.says {
			if i >= len(wrong) && i < len(c.says) || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v\nwant %q", name, err, says)
			}
		}
		if len(wrong) != len(c.says) && len(wrong) != maxFileErrors {
			t.Errorf("%s: %d errors, want %d:\n%v", name, len(wrong), len(c.says), err)
		}
		if strings.ContainsAny(err.Error(), "\x1b\u202e\r") {
			t.Errorf("%s: %q", name, err)
		}
		code, stdout, stderr := yodeld(t, "config", "check", path)
		if code != exitUsage || stdout != "" || strings.Count(stderr, "yodeld: error: "+path+":") != len(wrong) {
			t.Errorf("%s: config check: exit code %d, %q, %s", name, code, stdout, stderr)
		}
	}
}

func writeConfig(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A file that cannot be read is told of at once, whatever it is.
func TestFilesThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	long, fifo, loop := filepath.Join(dir, "long"), filepath.Join(dir, "fifo"), filepath.Join(dir, "loop")
	writeConfig(t, long, strings.Repeat("# long\n", maxFile/7+1))
	if err := errors.Join(syscall.Mkfifo(fifo, 0o600), os.Symlink(loop, loop)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ path, says string }{
		"none":            {filepath.Join(dir, "none.toml"), "no such file"},
		"folder":          {dir, "is no file"},
		"FIFO":            {fifo, "is no file"},
		"device":          {"/dev/zero", "is no file"},
		"long":            {long, "is longer than 1048576 bytes"},
		"loop":            {loop, "too many levels"},
		"below something": {filepath.Join(long, "x"), "not a directory"},
	} {
		for _, args := range [][]string{{"config", "check", c.path}, {"config", "check", "--config", c.path}, {"serve", "--config", c.path, "--state", dir}} {
			code, stdout, stderr := yodeld(t, args...)
			if code != exitFailed || stdout != "" || !strings.Contains(stderr, c.says) || !strings.Contains(stderr, c.path) {
				t.Errorf("%s: %v: exit code %d, %q, %s", name, args, code, stdout, stderr)
			}
		}
	}
}

// A file's hostile form costs no more than its length.
func TestHostileFilesEndSoon(t *testing.T) {
	for name, text := range map[string]string{
		"nested lists":   "a = " + strings.Repeat("[", 100_000),
		"nested tables":  "a = " + strings.Repeat("{a=", 10_000),
		"dotted keys":    strings.Repeat("a.", 10_000) + "a = 1\n",
		"lists of lines": "a = " + strings.Repeat("[\n", 100_000),
		"many keys":      many(50_000),
	} {
		if _, err := parseConfigFile("yodeld.toml", text); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
}

func TestRoomsOfAFile(t *testing.T) {
	const text = `
delay = "3s"
[keep]
messages = 100
age = "1d"
[rooms]
plain = {}
dotted.delay = 0
inline = { delay = "500ms", keep = 5 }
[rooms.own]
keep_age = "30d"
keep_bytes = 1024
join = ["*"]
talk = ["crew", "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"]
[rooms."with.dot"]
join = []
`
	file, err := parseConfigFile("yodeld.toml", text)
	if err != nil {
		t.Fatal(err)
	}
	s := file.settings()
	who := func(texts ...string) (list []access.Who) {
		for _, text := range texts {
			w, err := access.ParseWho(text)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, w)
		}
		return list
	}
	all := roomlog.Keep{Entries: 100, Age: 24 * time.Hour, Bytes: roomlog.DefaultKeep.Bytes}
	want := map[string]daemon.RoomConfig{
		"plain":  {Delay: 3 * time.Second},
		"dotted": {},
		"inline": {Delay: 500 * time.Millisecond, Keep: &roomlog.Keep{Entries: 5, Age: all.Age, Bytes: all.Bytes}},
		"own": {
			Delay: 3 * time.Second, Keep: &roomlog.Keep{Entries: 100, Age: 30 * 24 * time.Hour, Bytes: 1024},
			Join: who("*"), Talk: who("crew", "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"),
		},
		"with.dot": {Delay: 3 * time.Second, Join: []access.Who{}},
	}
	if d := cmp.Diff(want, file.rooms.configs(&s.Config), cmp.AllowUnexported(access.Who{})); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// FuzzFile holds that a file is taken, or told of with what is wrong in it, in lines that nothing in it can forge.
func FuzzFile(f *testing.F) {
	f.Add(defaultFile())
	for _, c := range badFiles {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := parseConfigFile("yodeld.toml", text)
		var wrong fileErrors
		switch {
		case err == nil:
			s := file.settings()
			s.Rooms = file.rooms.configs(&s.Config)
			if err := s.Check(); err != nil {
				t.Fatalf("%q was taken, but: %v", text, err)
			}
		case !errors.As(err, &wrong) || len(wrong) == 0:
			t.Fatalf("%q: %v", text, err)
		}
		for _, e := range wrong {
			if e.line < 0 || e.line > 1+strings.Count(text, "\n") || strings.ContainsAny(e.text, "\n\x1b") {
				t.Fatalf("%q: %q", text, e)
			}
		}
	})
}

// A file that the configuration names and that cannot be read is told of with the line that does.
func TestAFileThatIsNamedAndCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	file, keys := filepath.Join(dir, "yodeld.toml"), filepath.Join(dir, "keys")
	if err := os.Mkdir(keys, 0o700); err != nil {
		t.Fatal(err)
	}
	writeConfig(t, file, "\nauthorized_keys = \"keys\"\n")
	for _, args := range [][]string{{"config", "check", file}, {"serve", "--config", file, "--state", dir}} {
		if code, _, stderr := yodeld(t, args...); code != exitUsage || !strings.Contains(stderr, file+":2: authorized_keys: "+keys+": ") {
			t.Errorf("%v: exit code %d: %s", args, code, stderr)
		}
	}
	args := []string{"serve", "--config", file, "--state", dir, "--authorized-keys", dir} // which the file does not name
	if code, _, stderr := yodeld(t, args...); code != exitFailed || !strings.Contains(stderr, dir+": ") || strings.Contains(stderr, file) {
		t.Errorf("of a flag: exit code %d: %s", code, stderr)
	}
}
