package main

import (
	"context"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"

	"yodel/daemon"
	"yodel/daemon/access"
	"yodel/daemon/roomlog"
)

// settingsOf gives what yodeld serve goes by with these arguments.
func settingsOf(t *testing.T, args ...string) (*settings, error) {
	t.Helper()
	var got *settings
	serve := &cli.Command{Name: "serve", Flags: settingFlags(), Action: func(c *cli.Context) (err error) {
		got, _, err = readSettings(c)
		return err
	}}
	app := &cli.App{
		Name: "yodeld", Commands: []*cli.Command{serve}, Writer: io.Discard, ErrWriter: io.Discard,
		DisableSliceFlagSeparator: true, ExitErrHandler: func(*cli.Context, error) {},
	}
	err := app.RunContext(context.Background(), append([]string{"yodeld", "serve"}, args...))
	return got, err
}

// Three values of each setting, none of which is the usual one.
var samples = map[string][3]string{
	"listen": {"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"}, "public_address": {"a.example", "b.example:7", "[2001:db8::1]:7"},
	"access": {"open", "known", "invite"}, "authorized_keys": {"/a", "/b", "/c"}, "state": {"/a", "/b", "/c"}, "control": {"/a", "/b", "/c"},
	"delay": {"1s", "2s", "3s"}, "gather": {"1ms", "2ms", "3ms"}, "grid": {"1ms", "2ms", "3ms"},
	"presence_address": {"always", "never", "always"}, "keep.messages": {"1", "2", "3"}, "keep.age": {"1d", "2d", "3h"},
	"keep.bytes": {"1K", "2M", "3"}, "keep.total": {"1K", "2M", "3"},
	"limits.sessions": {"1", "2", "3"}, "limits.rooms": {"1", "2", "3"}, "limits.members": {"1", "2", "3"},
	"limits.publish_rate": {"1M", "2M", "3M"}, "limits.echo_bytes": {"1M", "2M", "3M"}, "log.level": {"debug", "debug", "debug"},
	"log.messages": {"true", "true", "true"}, "http.listen": {"127.0.0.1:1", "127.0.0.1:2", "[::1]:3"},
}

// A flag wins over the environment, that over the file, that over what is usual: of each setting.
func TestOrderOfSettings(t *testing.T) {
	for i := range allSettings {
		s := &allSettings[i]
		t.Run(s.key, func(t *testing.T) {
			values, there := samples[s.key]
			if !there {
				t.Fatal("there are no values of it")
			}
			file := filepath.Join(t.TempDir(), "yodeld.toml")
			writeConfig(t, file, s.key+" = "+tomlValue(s, values[0])+"\n")
			flag := "--" + s.flag + "=" + values[2]
			want := func(text string, args ...string) {
				t.Helper()
				got, err := settingsOf(t, args...)
				if err != nil {
					t.Fatal(err)
				}
				expected := usualSettings()
				if err := s.take(expected, text); err != nil {
					t.Fatal(err)
				}
				if len(args) > 0 && args[0] == "--config" && s.key != "authorized_keys" {
					expected.AuthorizedKeys = filepath.Join(filepath.Dir(file), "authorized_keys")
				}
				expected.Rooms, expected.KeysNamed = got.Rooms, got.KeysNamed // TestServeWarnsOfAMissingFileOfKeys is about the latter
				if d := cmp.Diff(expected, got, sameSettings); d != "" {
					t.Errorf("%v (-want +got)\n%s", args, d)
				}
			}
			usual := s.usual
			if s.key == "authorized_keys" {
				usual = ""
			}
			want(usual)
			want(values[0], "--config", file)
			want(values[2], flag)
			want(values[2], "--config", file, flag)
			t.Setenv(s.env(), "")
			want(values[0], "--config", file) // a variable that is empty says nothing, and takes nothing from a flag
			want(values[2], "--config", file, flag)
			t.Setenv(s.env(), values[1])
			want(values[1])
			want(values[1], "--config", file)
			want(values[2], "--config", file, flag)
			t.Setenv("YODELD_CONFIG", file)
			want(values[2], "--config", file, flag)
		})
	}
}

// A flag that is given wins over a variable that is empty, also when it says that there is to be nothing.
func TestFlagsThatSayNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "yodeld.toml")
	writeConfig(t, file, "authorized_keys = \"k\"\n[log]\nmessages = true\n[http]\nlisten = \"127.0.0.1:1\"\n")
	for _, value := range []string{"", "set"} {
		t.Setenv("YODELD_HTTP", strings.ReplaceAll(value, "set", "127.0.0.1:2"))
		t.Setenv("YODELD_AUTHORIZED_KEYS", value)
		t.Setenv("YODELD_LOG_MESSAGES", strings.ReplaceAll(value, "set", "true"))
		got, err := settingsOf(t, "--config", file, "--http=", "--authorized-keys", "", "--log-messages=false")
		if err != nil || got.HTTP != "" || got.AuthorizedKeys != "" || got.LogMessages {
			t.Errorf("with variables %q: %+v, %v", value, got, err)
		}
	}
}

// sameSettings compares settings.
var sameSettings = cmp.Options{cmp.AllowUnexported(access.Who{}), cmp.Comparer(func(a, b daemon.Config) bool {
	return a.Listen == b.Listen && a.Access == b.Access && a.AuthorizedKeys == b.AuthorizedKeys && a.Delay == b.Delay && a.Gather == b.Gather &&
		a.Grid == b.Grid && a.State == b.State && a.Keep == b.Keep && a.KeepTotal == b.KeepTotal && a.Limits == b.Limits &&
		a.PublicAddress == b.PublicAddress && a.LogMessages == b.LogMessages && a.ShowAddress == b.ShowAddress &&
		cmp.Equal(a.Rooms, b.Rooms, cmp.AllowUnexported(access.Who{}))
})}

// tomlValue is a value as it is written in a file.
func tomlValue(s *setting, text string) string {
	if s.kind == kindCount || s.kind == kindBool {
		return text
	}
	return `"` + text + `"`
}

// Of a room each of its settings is of who wins; what the file says about who may come stays.
func TestOrderOfRooms(t *testing.T) {
	file := filepath.Join(t.TempDir(), "yodeld.toml")
	writeConfig(t, file, "[keep]\nmessages = 7\n[rooms.a]\ndelay = \"1s\"\nkeep = 1\nkeep_age = \"1h\"\njoin = []\n[rooms.b]\n")
	t.Setenv("YODELD_ROOM", "a=2s,keep=2 c=0")
	got, err := settingsOf(t, "--config", file, "--room", "a=3s", "--room", "d=1s,keep-bytes=5")
	if err != nil {
		t.Fatal(err)
	}
	bytes := roomlog.DefaultKeep.Bytes
	want := map[string]daemon.RoomConfig{
		"a": {Delay: 3 * time.Second, Keep: &roomlog.Keep{Entries: 2, Age: time.Hour, Bytes: bytes}, Join: []access.Who{}},
		"b": {Delay: daemon.DefaultDelay},
		"c": {},
		"d": {Delay: time.Second, Keep: &roomlog.Keep{Entries: 7, Bytes: 5}},
	}
	if d := cmp.Diff(want, got.Rooms, cmp.AllowUnexported(access.Who{})); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// What is wrong is told with where it was said.
func TestErrorsNameTheirSource(t *testing.T) {
	for env, c := range map[string]struct{ value, says string }{
		"YODELD_DELAY":        {"soon", "YODELD_DELAY=soon: not a time"},
		"YODELD_MAX_SESSIONS": {"0", "YODELD_MAX_SESSIONS=0: it must be 1 or more"},
		"YODELD_ROOM":         {"a", "YODELD_ROOM=a: no delay"},
		"YODELD_LOG_MESSAGES": {"maybe", "YODELD_LOG_MESSAGES"},
		"YODELD_CONFIG":       {"/nowhere/yodeld.toml", "open /nowhere/yodeld.toml: no such file"},
	} {
		t.Run(env, func(t *testing.T) {
			t.Setenv(env, c.value)
			code, _, stderr := yodeld(t, "serve", "--state", t.TempDir())
			if code == exitDone || (code == exitFailed) != (env == "YODELD_CONFIG") || !strings.Contains(stderr, c.says) {
				t.Errorf("exit code %d: %s", code, stderr)
			}
		})
	}
}

// Paths of the file are relative to its folder, those of flags to where the command is; verbose is a level.
func TestPathsAndVerbose(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "yodeld.toml")
	writeConfig(t, file, "state = \"s\"\ncontrol = \"/c\"\nauthorized_keys = \"../k\"\n")
	got, err := settingsOf(t, "--config", file, "-v")
	if err != nil {
		t.Fatal(err)
	}
	if got.State != filepath.Join(dir, "s") || got.Control != "/c" || got.AuthorizedKeys != filepath.Join(filepath.Dir(dir), "k") || got.Level.String() != "DEBUG" {
		t.Errorf("%+v", got)
	}
	writeConfig(t, file, "authorized_keys = \"\"\n")
	if got, err = settingsOf(t, "--config", file, "--state", "s"); err != nil || got.State != "s" || got.AuthorizedKeys != "" {
		t.Errorf("%+v, %v", got, err)
	}
}

// The file that config default prints is one that says what holds anyway, also when any line of it, or all, is taken out of its comment.
func TestDefaultFile(t *testing.T) {
	code, text, stderr := yodeld(t, "config", "default")
	if code != exitDone || text != defaultFile() {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	want := usualSettings()
	want.AuthorizedKeys = filepath.Join("dir", "authorized_keys")
	check := func(what, text string, keys ...string) {
		t.Helper()
		file, err := parseConfigFile("dir/yodeld.toml", text)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if d := cmp.Diff(want, file.settings(), sameSettings); d != "" || len(file.rooms) > 0 {
			t.Errorf("%s: (-want +got)\n%s", what, d)
		}
		if d := cmp.Diff(keys, slices.Sorted(maps.Keys(file.texts))); d != "" && len(keys)+len(file.texts) > 0 {
			t.Errorf("%s: keys (-want +got)\n%s", what, d)
		}
	}
	check("as it is", text)
	lines := strings.SplitAfter(text, "\n")
	all := slices.Clone(lines)
	var keys []string
	table := ""
	for i, line := range lines {
		if strings.HasPrefix(line, "[") {
			table = strings.Trim(line, "[]\n") + "."
		}
		if !commented(line) {
			continue
		}
		key := table + strings.Fields(line[1:])[0]
		keys = append(keys, key)
		check(line, strings.Join(slices.Concat(lines[:i], []string{line[1:]}, lines[i+1:]), ""), key)
		all[i] = line[1:]
		check("up to "+line, strings.Join(all, ""), slices.Sorted(slices.Values(keys))...)
	}
	if len(keys) != len(allSettings) {
		t.Errorf("%d settings of %d are in the file", len(keys), len(allSettings))
	}
	var example strings.Builder
	example.WriteString(text)
	for _, line := range lines {
		if rest, ok := strings.CutPrefix(line, "#   "); ok {
			example.WriteString(rest)
		}
	}
	if file, err := parseConfigFile("dir/yodeld.toml", example.String()); err != nil || len(file.rooms) != 1 {
		t.Errorf("the example of a room: %v", err)
	}
}

// commented tells whether a line of the file is a setting in a comment.
func commented(line string) bool {
	return len(line) > 1 && line[0] == '#' && line[1] >= 'a' && line[1] <= 'z'
}

// Each setting has a flag, which the help shows, with the variable.
func TestHelpShowsAllSettings(t *testing.T) {
	_, help, _ := yodeld(t, "serve", "--help")
	for i := range allSettings {
		if s := &allSettings[i]; !strings.Contains(help, "--"+s.flag) || !strings.Contains(help, "[$"+s.env()+"]") {
			t.Errorf("%s is not in the help", s.key)
		}
	}
}

func TestConfigCommands(t *testing.T) {
	file := filepath.Join(t.TempDir(), "yodeld.toml")
	writeConfig(t, file, "delay = 0\n")
	for name, c := range map[string]struct {
		args []string
		env  string
		code int
		out  string
		says string
	}{
		"check":             {[]string{"config", "check", file}, "", exitDone, file + ": ok\n", ""},
		"check --config":    {[]string{"config", "check", "--config", file}, "", exitDone, file + ": ok\n", ""},
		"check variable":    {[]string{"config", "check"}, file, exitDone, file + ": ok\n", ""},
		"check argument":    {[]string{"config", "check", file}, "/nowhere", exitDone, file + ": ok\n", ""},
		"check two":         {[]string{"config", "check", "a", "b"}, "", exitUsage, "", "2 are given"},
		"check flag":        {[]string{"config", "check", "--frob"}, "", exitUsage, "", "frob"},
		"default, with one": {[]string{"config", "default", "a"}, "", exitUsage, "", "unexpected argument"},
		"nothing":           {[]string{"config"}, "", exitUsage, "", "is missing"},
		"unknown":           {[]string{"config", "chekc"}, "", exitUsage, "", `unknown command "config chekc"`},
	} {
		t.Setenv("YODELD_CONFIG", c.env)
		code, stdout, stderr := yodeld(t, c.args...)
		if code != c.code || stdout != c.out || !strings.Contains(stderr, c.says) {
			t.Errorf("%s: exit code %d, %q, %s", name, code, stdout, stderr)
		}
	}
}
