package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"yodel/wire/secure"
)

// editConfig puts settings into the text of a file of defaults: each takes the place of its old value, or a line of its own at the end. All
// else stays, comments among it.
func editConfig(path string, text []byte, changes map[string]string) ([]byte, error) {
	want, err := parseConfig(path, text)
	if err != nil {
		return nil, err
	}
	lines := strings.SplitAfter(string(text), "\n")
	if last := len(lines) - 1; lines[last] == "" {
		lines = lines[:last]
	} else {
		lines[last] += "\n"
	}
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		if _, there := want[key]; there {
			n := lineOf(text, key)
			lines[n] = withValue(lines[n], changes[key])
		} else {
			lines = append(lines, fmt.Sprintf("%s = %q\n", key, changes[key]))
		}
		want[key] = changes[key]
	}
	edited := []byte(strings.Join(lines, ""))
	if got, err := parseConfig(path, edited); err != nil || !maps.Equal(got, want) {
		return nil, configError{fmt.Sprintf("%s: its lines of %s cannot be changed as they are written; one line each, such as room = %q, can",
			path, strings.Join(slices.Sorted(maps.Keys(changes)), " and "), "lobby")}
	}
	return edited, nil
}

// withValue puts another value into a line KEY = "VALUE" # COMMENT.
func withValue(line, value string) string {
	head, tail, _ := strings.Cut(line, "=")
	tail = strings.TrimLeft(tail, " \t")
	if tail == "" {
		return line
	}
	quote, end := tail[0], 1
	for end < len(tail) && tail[end] != quote {
		if tail[end] == '\\' && quote == '"' {
			end++
		}
		end++
	}
	return head + fmt.Sprintf("= %q", value) + tail[min(end+1, len(tail)):]
}

// changeConfig changes settings in the file of defaults, made if need be: under a lock, so that of two programs neither undoes what the other has
// done, and by rename, so that no reader sees half of it.
func changeConfig(path string, changes map[string]string) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	unlock, err := secure.LockFile(path + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	path = behindLinks(path)
	text, err := readConfig(path)
	if err != nil {
		return err
	}
	edited, err := editConfig(path, text, changes)
	if err != nil {
		return err
	}
	return replaceFile(path, edited)
}

// tryConfig tells why changeConfig would fail, as far as this can be known before: what it would write is written, and removed.
func tryConfig(path string, changes map[string]string) error {
	text, err := readConfig(path)
	if err != nil {
		return err
	}
	edited, err := editConfig(path, text, changes)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	unlock, err := secure.LockFile(path + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	temp, err := writeBeside(behindLinks(path), edited)
	if err != nil {
		return err
	}
	return os.Remove(temp)
}

// behindLinks gives the file that symbolic links lead to, and path itself where they lead to none.
func behindLinks(path string) string {
	if linked, err := filepath.EvalSymlinks(path); err == nil {
		return linked
	}
	return path
}

// replaceFile puts a file with that content in the place of the one that is there, whose mode it keeps.
func replaceFile(path string, content []byte) error {
	temp, err := writeBeside(path, content)
	if err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return syncFolder(filepath.Dir(path))
}

// writeBeside writes a file of another name in the folder of path, with the mode of the file there, or 0600. It is on the disk before this returns.
func writeBeside(path string, content []byte) (temp string, err error) {
	mode := os.FileMode(0o600)
	if old, err := os.Stat(path); err == nil {
		mode = old.Mode().Perm()
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return "", err
	}
	_, err = file.Write(content)
	if err := errors.Join(err, file.Chmod(mode), file.Sync(), file.Close()); err != nil {
		return "", errors.Join(err, os.Remove(file.Name()))
	}
	return file.Name(), nil
}
