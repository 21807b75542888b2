package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// What is wrong in the operator's file of keys counts as what is wrong in the configuration; one that was named and is not there is told of.
func TestTheFileOfKeysIsChecked(t *testing.T) {
	dir := t.TempDir()
	config, keys := filepath.Join(dir, "yodeld.toml"), filepath.Join(dir, "keys")
	check := func(text string) (code int, stderr string) {
		t.Helper()
		writeConfig(t, config, text)
		code, _, stderr = yodeld(t, "config", "check", config)
		return code, stderr
	}
	if code, stderr := check(""); code != exitDone || stderr != "" {
		t.Errorf("not named: exit code %d: %s", code, stderr)
	}
	const named = `authorized_keys = "keys"`
	if code, stderr := check(named); code != exitDone || !strings.Contains(stderr, "warning: there is no file "+keys) {
		t.Errorf("not there: exit code %d: %s", code, stderr)
	}
	writeConfig(t, keys, "# nobody\n")
	if code, stderr := check(named); code != exitDone || stderr != "" {
		t.Errorf("there: exit code %d: %s", code, stderr)
	}
	writeConfig(t, keys, "# nobody\nSHA256:nonsense\n")
	if code, stderr := check(named); code != exitUsage || !strings.Contains(stderr, keys+":2:") {
		t.Errorf("with a bad line: exit code %d: %s", code, stderr)
	}
}

// Serve warns, and goes on.
func TestServeWarnsOfAMissingFileOfKeys(t *testing.T) {
	for _, c := range []struct {
		args  []string
		warns bool
	}{
		{nil, false},
		{[]string{"--authorized-keys", filepath.Join(t.TempDir(), "none")}, true},
	} {
		// --control cannot be: so it ends soon after it has read its settings
		args := append([]string{"serve", "--listen", "127.0.0.1:0", "--state", t.TempDir(), "--control", filepath.Join(t.TempDir(), "none", "s")}, c.args...)
		code, _, stderr := yodeld(t, args...)
		if code != exitFailed || strings.Contains(stderr, "no authorized keys: there is no such file") != c.warns {
			t.Errorf("%q: exit code %d: %s", c.args, code, stderr)
		}
	}
}
