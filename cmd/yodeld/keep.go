package main

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"yodel/daemon/roomlog"
)

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

// age reads a duration; days (30d) are 24 hours.
func age(name, value string) (time.Duration, error) {
	d, err := parseTime(value)
	if err != nil {
		return 0, usage("a time is like 30d, 12h or 0", "%s %s: %v", name, value, err)
	}
	return d, nil
}

// parseTime reads what age does.
func parseTime(value string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(value, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	if _, err := strconv.ParseUint(value, 10, 64); err == nil && value != "0" {
		return 0, errors.New("not a time: its unit is missing")
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		return 0, errors.New("not a time")
	}
	return d, nil
}

// size reads a number of bytes, in units of 1024 with K, M, G or T.
func size(name, value string) (int64, error) {
	n, err := parseSize(value)
	if err != nil {
		return 0, usage("a size is like 512M, 2G or 0", "%s %s: %v", name, value, err)
	}
	return n, nil
}

// parseSize reads what size does.
func parseSize(value string) (int64, error) {
	digits, shift := value, 0
	for i, unit := range "KMGT" {
		if d, ok := strings.CutSuffix(strings.ToUpper(value), string(unit)); ok {
			digits, shift = d, 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64>>shift {
		return 0, errors.New("not a size")
	}
	return n << shift, nil
}
