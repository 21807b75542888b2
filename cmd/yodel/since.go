package main

import (
	"strconv"
	"strings"
	"time"
)

// parseSince reads an instant: a time before now (90s, 10m, 2h, 2d), a time of today or a date in now's zone,
// RFC 3339, or @ and Unix seconds.
func parseSince(text string, now time.Time) (time.Time, error) {
	if d, ok := ago(text); ok {
		return now.Add(-d), nil
	}
	if unix, ok := strings.CutPrefix(text, "@"); ok {
		if n, err := strconv.ParseInt(unix, 10, 64); err == nil {
			return time.Unix(n, 0), nil
		}
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", time.DateTime, "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return at, nil
		}
	}
	for _, layout := range []string{time.TimeOnly, "15:04"} {
		if at, err := time.Parse(layout, text); err == nil {
			y, m, d := now.Date()
			return time.Date(y, m, d, at.Hour(), at.Minute(), at.Second(), 0, now.Location()), nil
		}
	}
	return time.Time{}, usagef("--since %q: %v", text, errSince)
}

// ago reads a duration; days ("2d") are 24 hours.
func ago(text string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err == nil
	}
	d, err := time.ParseDuration(text)
	return d, err == nil && d >= 0
}
