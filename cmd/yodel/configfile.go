package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/BurntSushi/toml"
	"golang.org/x/sys/unix"
)

const (
	// configName is the file of the peer's own defaults, in its folder.
	configName = "config.toml"
	// maxConfig is the most bytes of one.
	maxConfig = 64 << 10
)

// configKeys are the settings that it may have, each a string.
var configKeys = []string{"server", "room", "nick", "identity"}

// configDir is the folder of what this program keeps for its user; empty when the environment does not say where.
func configDir() string {
	if dir := os.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "yodel")
	}
	if home := os.Getenv("HOME"); home != "" {
		return filepath.Join(home, ".config", "yodel")
	}
	return ""
}

// loadConfig reads the file of defaults; without one, and without a folder for it, there are none.
func loadConfig() (map[string]string, error) {
	dir := configDir()
	if dir == "" {
		return nil, nil //nolint:nilnil // an empty map is none
	}
	path := filepath.Join(dir, configName)
	text, err := readConfig(path)
	if err != nil {
		return nil, err
	}
	own, err := parseConfig(path, text)
	if err == nil && own["identity"] != "" {
		own["identity"] = fileOf(dir, own["identity"])
	}
	return own, err
}

// fileOf gives the path that a file of defaults names: from its folder, or ~/ from the home.
func fileOf(dir, name string) string {
	if rest, ok := strings.CutPrefix(name, "~/"); ok && os.Getenv("HOME") != "" {
		return filepath.Join(os.Getenv("HOME"), rest)
	}
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

// readConfig gives the file's text, empty when there is none. It waits for no writer of a FIFO, and reads no device.
func readConfig(path string) (text []byte, err error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil, nil
	case err != nil:
		return nil, configError{err.Error()}
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, configError{err.Error()}
	case !info.Mode().IsRegular():
		return nil, configError{path + ": it is no regular file"}
	}
	text, err = io.ReadAll(io.LimitReader(file, maxConfig+1))
	switch {
	case err != nil:
		return nil, configError{err.Error()}
	case len(text) > maxConfig:
		return nil, configError{fmt.Sprintf("%s: it is longer than %d bytes", path, maxConfig)}
	}
	return text, nil
}

// parseConfig reads the settings. Errors (errConfig) name the file and the line.
func parseConfig(path string, text []byte) (map[string]string, error) {
	var found map[string]any
	if _, err := toml.Decode(string(text), &found); err != nil {
		var at toml.ParseError
		if errors.As(err, &at) {
			return nil, configError{fmt.Sprintf("%s:%d: %s", path, at.Position.Line, at.Message)}
		}
		return nil, configError{fmt.Sprintf("%s: %v", path, err)}
	}
	settings := make(map[string]string)
	for _, key := range slices.Sorted(maps.Keys(found)) {
		at := fmt.Sprintf("%s:%d", path, lineOf(text, key)+1)
		if !slices.Contains(configKeys, key) {
			return nil, withHint(configError{fmt.Sprintf("%s: unknown setting %q", at, key)}, "the settings are %s", strings.Join(configKeys, ", "))
		}
		value, ok := found[key].(string)
		switch {
		case !ok:
			return nil, configError{fmt.Sprintf("%s: %s must be text in quotes, such as %s = %q", at, key, key, "name")}
		case value == "":
			return nil, configError{fmt.Sprintf("%s: %s is empty; without its line the default holds", at, key)}
		}
		settings[key] = value
	}
	return settings, nil
}

// lineOf gives the index of the line on which a setting stands; of a table, that of its head. A line within a text of several lines
// may pass for it: who changes the line checks what comes of it.
func lineOf(text []byte, key string) int {
	lines := strings.Split(string(text), "\n")
	return max(0, slices.IndexFunc(lines, func(line string) bool {
		word := strings.TrimLeft(line, " \t[")
		for _, form := range []string{key, `"` + key + `"`, `'` + key + `'`} {
			if rest, ok := strings.CutPrefix(word, form); ok && strings.IndexAny(strings.TrimLeft(rest, " \t"), "=.]") == 0 {
				return true
			}
		}
		return false
	}))
}
