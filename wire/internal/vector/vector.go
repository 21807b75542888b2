// Package vector keeps the test vectors of the protocol, which other implementations read too: JSON files in
// wire/testdata/vectors (the README there tells their form). It is for tests only.
package vector

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the test vectors anew, from the tables of the tests")

// Hex is bytes that stand in JSON as hex digits.
type Hex []byte

// MarshalText gives the digits.
func (h Hex) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

// UnmarshalText reads the digits.
func (h *Hex) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil {
		return fmt.Errorf("hex digits: %w", err)
	}
	*h = b
	return nil
}

// File is what a file of vectors holds.
type File[T any] struct {
	About string `json:"about"`
	Cases []T    `json:"cases"`
}

// Check compares a file with what the test has made of its table, and gives the cases as the file has them, so that the test goes on with
// what others read. With -update it writes the file first.
func Check[T any](t *testing.T, path string, made File[T]) []T {
	t.Helper()
	want := encode(t, made)
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil { //nolint:gosec // a file of the sources
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not what the test makes (-made +file); -update writes it:\n%s", filepath.Base(path), diff)
	}
	return Read[T](t, path).Cases
}

// Read reads a file. A field that T does not have is an error.
func Read[T any](t *testing.T, path string) (f File[T]) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return f
}

func encode[T any](t *testing.T, f File[T]) []byte {
	t.Helper()
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
