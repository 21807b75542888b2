package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"yodel/daemon"
	"yodel/daemon/roomlog"
)

// keepFlags say what the room log keeps.
func keepFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "keep", Value: strconv.Itoa(roomlog.DefaultKeep.Entries), Usage: "keep the last `N` messages of a room; 0: any number"},
		&cli.StringFlag{Name: "keep-age", Value: "0", Usage: "keep messages for `TIME` (30d, 12h); 0: for ever"},
		&cli.StringFlag{Name: "keep-bytes", Value: "512M", Usage: "keep the last messages of a room, `SIZE` in all (K, M, G); 0: any size"},
		&cli.StringFlag{Name: "keep-total", Value: "2G", Usage: "keep the last messages of all rooms, `SIZE` in all; 0: any size"},
	}
}

// keepSetting sets one of the limits by its name, as in --keep-age or in --room studio=2s,keep-age=30d.
func keepSetting(k *roomlog.Keep, name, value string) error {
	var err error
	switch name {
	case "keep":
		k.Entries, err = strconv.Atoi(value)
		if err != nil || k.Entries < 0 {
			return usage("a number of messages is like 10000; 0 is any number", "%s %s: not a number of messages", name, value)
		}
	case "keep-age":
		k.Age, err = age(name, value)
	case "keep-bytes":
		k.Bytes, err = size(name, value)
	default:
		return usage("a room is like studio=2s,keep=10000,keep-age=30d,keep-bytes=64M", "unknown setting %q", name)
	}
	return err
}

// setKeep takes what the flags say into the configuration.
func setKeep(c *cli.Context, cfg *daemon.Config) (err error) {
	for _, name := range []string{"keep", "keep-age", "keep-bytes"} {
		if err := keepSetting(&cfg.Keep, name, c.String(name)); err != nil {
			return fmt.Errorf("--%w", err)
		}
	}
	if cfg.KeepTotal, err = size("keep-total", c.String("keep-total")); err != nil {
		return fmt.Errorf("--%w", err)
	}
	return nil
}

// age reads a duration; days (30d) are 24 hours.
func age(name, value string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(value, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		return 0, usage("a time is like 30d, 12h or 0", "%s %s: not a time", name, value)
	}
	return d, nil
}

// size reads a number of bytes, in units of 1024 with K, M, G or T.
func size(name, value string) (int64, error) {
	digits, shift := value, 0
	for i, unit := range "KMGT" {
		if d, ok := strings.CutSuffix(strings.ToUpper(value), string(unit)); ok {
			digits, shift = d, 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64>>shift {
		return 0, usage("a size is like 512M, 2G or 0", "%s %s: not a size", name, value)
	}
	return n << shift, nil
}
