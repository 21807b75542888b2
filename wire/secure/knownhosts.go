package secure

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
)

// KnownHosts is the file in which the keys of daemons are pinned: lines of "host:port SHA256:…", empty
// lines, and comments that start with #. Any number of goroutines and processes may use one file.
type KnownHosts struct {
	Path string
}

// lockSuffix makes the name of the lock's file; it is apart because the file itself is replaced.
const lockSuffix = ".lock"

// Check compares the daemon's key with the one that host ("name:port", "1.2.3.4:port", "[v6]:port") had
// before. A host that was never seen is written down, and added is true. A key that has changed is
// ErrHostKeyChanged, wrapped with both fingerprints and the file's line; a file with a line that cannot be read is
// ErrKnownHosts, and nothing is trusted by it. Only for a new host something is written, under a lock: ErrLocked when another program
// holds it for over 5 s.
func (k KnownHosts) Check(host string, fp Fingerprint) (added bool, err error) {
	host, err = normalHost(host)
	if err != nil {
		return false, err
	}
	// The file is only ever replaced as a whole, so what is known can be read without the lock, and from a folder that
	// cannot be written.
	if _, known, err := k.look(host, fp); known || err != nil {
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(k.Path), privateDir); err != nil {
		return false, fmt.Errorf("known hosts: %w", err)
	}
	unlock, err := LockFile(k.Path + lockSuffix)
	if err != nil {
		return false, fmt.Errorf("known hosts: %w", err)
	}
	defer unlock()
	text, known, err := k.look(host, fp) // somebody else may have been first
	if known || err != nil {
		return false, err
	}
	if err := k.add(text, host, fp); err != nil {
		return false, fmt.Errorf("known hosts: %w", err)
	}
	return true, nil
}

// look reads the file and compares.
func (k KnownHosts) look(host string, fp Fingerprint) (text []byte, known bool, err error) {
	text, err = os.ReadFile(k.Path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, false, fmt.Errorf("known hosts: %w", err)
	}
	known, err = k.compare(text, host, fp)
	return text, known, err
}

// compare looks for host in the file's text. A host may have several lines; one with the right key is enough.
func (k KnownHosts) compare(text []byte, host string, fp Fingerprint) (known bool, err error) {
	var changed error
	number := 0
	for line := range bytes.Lines(text) {
		number++
		name, pinned, err := parseKnownHost(string(line))
		switch {
		case err != nil:
			return false, fmt.Errorf("%w %d of %s: %w", ErrKnownHosts, number, k.Path, err)
		case name != host:
		case pinned == fp:
			known = true
		case changed == nil:
			changed = fmt.Errorf("%w: %s is now %s, and was %s (line %d of %s)",
				ErrHostKeyChanged, host, fp, pinned, number, k.Path)
		}
	}
	if known {
		return true, nil
	}
	return false, changed
}

// parseKnownHost gives what a line says; no name when it is empty or a comment.
func parseKnownHost(line string) (name string, pinned Fingerprint, err error) {
	fields := strings.Fields(line)
	if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
		return "", Fingerprint{}, nil
	}
	if len(fields) != 2 {
		return "", Fingerprint{}, fmt.Errorf("%d fields, want host:port and fingerprint", len(fields))
	}
	if name, err = normalHost(fields[0]); err != nil {
		return "", Fingerprint{}, err
	}
	pinned, err = ParseFingerprint(fields[1])
	return name, pinned, err
}

// add replaces the file by one with a line more, at once: no reader sees half a line, whatever happens.
func (k KnownHosts) add(text []byte, host string, fp Fingerprint) error {
	target := k.Path
	if linked, err := filepath.EvalSymlinks(k.Path); err == nil {
		target = linked
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	temp, err := writeTemp(target, fmt.Appendf(text, "%s %s\n", host, fp))
	if err != nil {
		return err
	}
	if err := os.Rename(temp, target); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return nil
}

// normalHost gives one host:port one spelling: lower case, no final dot, addresses as RFC 5952 writes
// them, IPv6 in brackets.
func normalHost(hostPort string) (string, error) {
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrHost, err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return "", fmt.Errorf("%w: %q has no port of 1 to 65535", ErrHost, hostPort)
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		host = addr.Unmap().String()
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "" || strings.HasPrefix(host, "#") || strings.ContainsFunc(host, notInHost) {
		return "", fmt.Errorf("%w: %q", ErrHost, hostPort)
	}
	return net.JoinHostPort(host, strconv.FormatUint(number, 10)), nil
}

func notInHost(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }
