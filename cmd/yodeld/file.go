package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/BurntSushi/toml"

	"yodel/daemon/access"
	"yodel/wire"
)

const (
	// maxFile is the most bytes of a configuration file.
	maxFile = 1 << 20
	// maxFileErrors is how many errors of a file are told at once.
	maxFileErrors = 20
	// maxNested is how deep brackets may be nested, and how many dots a line may have: to read more takes time by the square of it.
	maxNested = 200
)

// configFile is what a configuration file says, all of which was checked. The zero value is no file.
type configFile struct {
	path  string
	texts map[string]string // by the keys of the settings
	lines map[string]int    // likewise
	rooms roomSettings
}

// fileErrors are what is wrong in a configuration file, by line.
type fileErrors []fileError

// fileError is one of them.
type fileError struct {
	path string
	line int // from 1; 0: of the whole
	text string
}

func (e fileError) Error() string {
	if e.line == 0 {
		return e.path + ": " + e.text
	}
	return fmt.Sprintf("%s:%d: %s", e.path, e.line, e.text)
}

func (es fileErrors) Error() string {
	lines := make([]string, len(es))
	for i := range es {
		lines[i] = es[i].Error()
	}
	return strings.Join(lines, "\n")
}

// settings are the usual ones, and what the file says over them.
func (f *configFile) settings() *settings {
	s := usualSettings()
	for i := range allSettings {
		set := &allSettings[i]
		text, said := f.texts[set.key]
		if !said && (f.path == "" || set.kind != kindPath) {
			continue
		}
		if !said {
			text = set.usual
		}
		if set.kind == kindPath && text != "" && !filepath.IsAbs(text) {
			text = filepath.Join(filepath.Dir(f.path), text)
		}
		_ = set.take(s, text) // it was checked
	}
	return s
}

// readConfigFile reads a file; fileErrors tell what is wrong in it.
func readConfigFile(path string) (*configFile, error) {
	text, err := readBounded(path)
	if err != nil {
		return nil, err
	}
	return parseConfigFile(path, text)
}

// readBounded reads a file that may not be long. It does not wait for a FIFO.
func readBounded(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", fmt.Errorf("configuration: %w", explainConfig(path, err))
	}
	defer func() { _ = f.Close() }() // nothing was written
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("configuration: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("configuration: %s is no file: %v", path, info.Mode())
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", fmt.Errorf("configuration: %w", err)
	}
	if len(text) > maxFile {
		return "", fmt.Errorf("configuration: %s is longer than %d bytes", path, maxFile)
	}
	return string(text), nil
}

// parseConfigFile reads the text of a file.
func parseConfigFile(path, text string) (*configFile, error) {
	text = strings.TrimPrefix(text, "\ufeff")
	r := &fileReader{text: text, file: &configFile{path: path, texts: make(map[string]string), lines: make(map[string]int), rooms: make(roomSettings)}}
	if line := deepLine(text); line > 0 {
		return nil, fileErrors{{path, line, fmt.Sprintf("over %d brackets or dots, one in another", maxNested)}}
	}
	var err error
	var top level
	if r.meta, err = toml.Decode(text, &r.tree); err == nil {
		_, err = toml.Decode(text, &top)
	}
	if err != nil {
		return nil, fileErrors{syntaxError(path, text, err)}
	}
	r.tops = map[string]level{"": top}
	for _, key := range r.meta.Keys() {
		if len(r.errs) >= maxFileErrors {
			break
		}
		r.read(key)
	}
	if len(r.errs) > 0 {
		slices.SortStableFunc(r.errs, func(a, b fileError) int { return a.line - b.line })
		return nil, r.errs
	}
	s := r.file.settings()
	s.Rooms = r.file.rooms.configs(&s.Config)
	if err := s.Check(); err != nil {
		return nil, fileErrors{{path, r.file.lines["limits.rooms"], plain(err).Error()}} // all else was checked by itself
	}
	return r.file, nil
}

// checkFiles tells what is wrong in the files that settings name. Of one that cannot be read it tells the line that names it, if that is in this file.
func (f *configFile) checkFiles(s *settings) error {
	if s.AuthorizedKeys == "" {
		return nil
	}
	_, err := access.ReadAuthorizedKeys(s.AuthorizedKeys)
	line := f.lines["authorized_keys"]
	if err == nil || errors.Is(err, access.ErrLine) || line == 0 || f.settings().AuthorizedKeys != s.AuthorizedKeys {
		return err
	}
	return fileErrors{{f.path, line, wire.Printable("authorized_keys: " + err.Error())}}
}

// lineOf is the line of a place in a text.
func lineOf(text string, place int) int { return 1 + strings.Count(text[:place], "\n") }

// deepLine gives the line in which something is nested deeper than any setting could be; 0: none.
func deepLine(text string) int {
	line, open, dots := 1, 0, 0
	for i := range len(text) {
		switch text[i] {
		case '\n':
			line, dots = line+1, 0
		case '[', '{':
			open++
		case ']', '}':
			open = max(0, open-1)
		case '.':
			dots++
		}
		if max(open, dots) > maxNested {
			return line
		}
	}
	return 0
}

func syntaxError(path, text string, err error) fileError {
	e := fileError{path: path, text: wire.Printable(err.Error())}
	var at toml.ParseError
	if errors.As(err, &at) {
		e.line, e.text = at.Position.Line, wire.Printable(at.Message)
		if start := at.Position.Start; start >= 0 && start < len(text) && text[start] == '\n' { // that ends a line too early counts for the next one
			e.line = lineOf(text, start)
		}
	}
	return e
}
