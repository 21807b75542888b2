package main

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

// FuzzSince holds that what --since takes is an instant, and that all else is a usage error.
func FuzzSince(f *testing.F) {
	for _, text := range []string{"90s", "2d", "@1700000000", "2026-01-02T03:04:05Z", "2026-01-02 03:04", "12:30", "-1s", "99999d", "@-9223372036854775808", ""} {
		f.Add(text)
	}
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		at, err := parseSince(text, now)
		if err != nil && !errors.Is(err, errUsage) {
			t.Fatalf("%q: %v is no usage error", text, err)
		}
		if again, err2 := parseSince(text, now); !again.Equal(at) || (err == nil) != (err2 == nil) {
			t.Fatalf("%q: %v, then %v", text, at, again)
		}
	})
}

// FuzzPosition holds that what --after takes is taken again as the program itself would write it.
func FuzzPosition(f *testing.F) {
	for _, text := range []string{"0", "18446744073709551615", "00ff:7", "AA:1", ":1", "0:1", "aa:", "aa:1:2"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := parsePosition(text); err != nil && !errors.Is(err, errUsage) {
			t.Fatalf("%q: %v is no usage error", text, err)
		}
	})
}

// FuzzBookmark has read --state read any file: what it takes it writes so that it reads the same again, and what it does not take stays as it is.
func FuzzBookmark(f *testing.F) {
	f.Add([]byte(bookmarkForm + "\nSHA256:abc lobby 00ff:7\nSHA256:abc a/b 01:18446744073709551615\n"))
	f.Add([]byte(bookmarkForm + "\r\n"))
	f.Add([]byte(bookmarkForm + "\nSHA256:abc lobby 00ff:7\nSHA256:abc lobby 00ff:8"))
	f.Add([]byte("yodel read --state 2\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "state")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := openBookmark(path)
		if err != nil {
			if left, err := os.ReadFile(path); err != nil || !reflect.DeepEqual(left, append([]byte{}, content...)) {
				t.Fatalf("the file is %q, %v", left, err)
			}
			return
		}
		places := maps.Clone(b.places)
		b.dirty = true
		if err := b.close(); err != nil {
			t.Fatal(err)
		}
		again, err := openBookmark(path)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(again.places, places) {
			t.Errorf("%v became %v", places, again.places)
		}
		if err := again.close(); err != nil {
			t.Fatal(err)
		}
	})
}
