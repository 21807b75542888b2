package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yodel/daemon"
	"yodel/daemon/roomlog"
)

func TestRoomsAreRead(t *testing.T) {
	keep := roomlog.Keep{Entries: 5, Bytes: 6, Age: 7}
	for text, want := range map[string]daemon.RoomConfig{
		"a=2s":                         {Delay: 2 * time.Second},
		"a=0,keep=0":                   {Keep: &roomlog.Keep{Bytes: 6, Age: 7}},
		"a=1s,keep=9,keep-age=30d":     {Delay: time.Second, Keep: &roomlog.Keep{Entries: 9, Bytes: 6, Age: 30 * 24 * time.Hour}},
		"a=0,keep-bytes=2k,keep-age=0": {Keep: &roomlog.Keep{Entries: 5, Bytes: 2048}},
	} {
		got, err := configsOf([]string{text}, keep)
		if d := cmp.Diff(want, got["a"]); err != nil || d != "" {
			t.Errorf("%s: %v (-want +got)\n%s", text, err, d)
		}
	}
	for text, says := range map[string]string{
		"a":                   "no delay",
		"a=0,keep":            "not a number of messages",
		"a=0,keep=-1":         "not a number of messages",
		"a=0,":                `unknown setting ""`,
		"a=0,delay=2s":        `unknown setting "delay"`,
		"a=0,keep-age=x":      "not a time",
		"a=0,keep-age=-1s":    "not a time",
		"a=0,keep-bytes=1.5G": "not a size",
	} {
		var bad *usageError
		if _, err := configsOf([]string{text}, keep); !errors.As(err, &bad) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
}

// configsOf gives what --room says of rooms, where all keep that.
func configsOf(texts []string, keep roomlog.Keep) (map[string]daemon.RoomConfig, error) {
	rooms, err := roomSettings(nil).with("--room ", texts)
	return rooms.configs(&daemon.Config{Keep: keep}), err
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "17": 17, "3K": 3 << 10, "512m": 512 << 20, "2G": 2 << 30, "8T": 8 << 40,
		"-1": -1, "": -1, "K": -1, "1e3": -1, "9000000000T": -1, "99999999999999999999": -1,
	} {
		got, err := size("--keep-bytes", text)
		if want < 0 && err == nil || want >= 0 && (err != nil || got != want) {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}
