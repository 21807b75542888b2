package main

import (
	"errors"
	"testing"

	"yodel/daemon/roomlog"
)

// FuzzRooms holds that what --room takes has no limit below 0, and that all else is a usage error.
func FuzzRooms(f *testing.F) {
	for _, text := range []string{"a=2s", "a=0,keep=9,keep-age=30d,keep-bytes=2k", "a=0,keep-bytes=9999999T", "a", "=", "a=0,", "a=1s,keep=-1", "a=9e9s"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := configsOf([]string{text}, roomlog.Keep{Entries: 5})
		if bad := (*usageError)(nil); err != nil && !errors.As(err, &bad) {
			t.Fatalf("%q: %v is no usage error", text, err)
		}
		for name, room := range got {
			if k := room.Keep; k != nil && (k.Entries < 0 || k.Bytes < 0 || k.Age < 0) {
				t.Fatalf("%q: %s keeps %+v", text, name, *k)
			}
		}
	})
}

// FuzzSize holds that a size is never negative, and that age and size take no other's values for errors of their own.
func FuzzSize(f *testing.F) {
	for _, text := range []string{"0", "512M", "2g", "8388607T", "8388608T", "-1", "1KK", "M", "30d", "12h", "-1h", "65536d"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		bad := (*usageError)(nil)
		if n, err := size("keep-bytes", text); n < 0 || err != nil && !errors.As(err, &bad) {
			t.Fatalf("%q: %d, %v", text, n, err)
		}
		if d, err := age("keep-age", text); d < 0 || err != nil && !errors.As(err, &bad) {
			t.Fatalf("%q: %v, %v", text, d, err)
		}
	})
}
