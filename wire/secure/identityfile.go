package secure

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// pemType is the label of a PKCS #8 key (RFC 7468, 10).
const pemType = "PRIVATE KEY"

// maxKeyFile bounds what is read as a key; a P-256 key takes 241 bytes.
const maxKeyFile = 16 << 10

// Modes of what only its owner may read.
const (
	privateDir  fs.FileMode = 0o700
	privateFile fs.FileMode = 0o600
	othersMask  fs.FileMode = 0o077
)

// LoadIdentity reads the key file at path: one P-256 key as PKCS #8 in PEM, readable by its owner only
// (ErrPermissions). fs.ErrNotExist says that there is none, ErrIdentity that it cannot be used.
func LoadIdentity(path string) (*Identity, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	if err := checkKeyFile(path, info); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != pemType {
		return nil, fmt.Errorf("%w: %s has no PEM block %q", ErrIdentity, path, pemType)
	}
	key, err := parseKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrIdentity, path, err)
	}
	return newIdentity(key)
}

func checkKeyFile(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %s is not a regular file", ErrIdentity, path)
	}
	if mode := info.Mode().Perm(); mode&othersMask != 0 {
		return fmt.Errorf("%w: %s has mode %04o, want %04o (chmod 600)", ErrPermissions, path, mode, privateFile)
	}
	if info.Size() > maxKeyFile {
		return fmt.Errorf("%w: %s has %d bytes, a key at most %d", ErrIdentity, path, info.Size(), maxKeyFile)
	}
	return nil
}

// LoadOrCreateIdentity reads the key file at path and makes it, and the folders above it, when there is none;
// created says so. When several processes do this at once, one of them makes the key and all get it.
// A file that cannot be used is an error and is never replaced.
func LoadOrCreateIdentity(path string) (id *Identity, created bool, err error) {
	id, err = LoadIdentity(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return id, false, err
	}
	if id, err = NewIdentity(); err != nil {
		return nil, false, err
	}
	err = id.store(path)
	if errors.Is(err, fs.ErrExist) {
		id, err = LoadIdentity(path)
		return id, false, err
	}
	if err != nil {
		return nil, false, err
	}
	return id, true, nil
}

// store writes the key to a file of another name and gives it its name by link(2), so that path is never
// seen half-written and never replaced: fs.ErrExist says that somebody was faster.
func (id *Identity) store(path string) error {
	der, err := x509.MarshalPKCS8PrivateKey(id.certificate.PrivateKey)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), privateDir); err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	temp, err := writeTemp(path, pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}))
	if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	defer func() { _ = os.Remove(temp) }()
	if err := os.Link(temp, path); err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	return nil
}

// writeTemp writes a file that only its owner can read beside path, on the disk before it returns.
func writeTemp(path string, content []byte) (name string, err error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return "", err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return "", errors.Join(err, os.Remove(file.Name()))
	}
	return file.Name(), nil
}
