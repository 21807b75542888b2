package daemon

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestSettingsOfLimits(t *testing.T) {
	for name, c := range map[string]struct {
		change func(l *Limits)
		says   string // empty: it is good
	}{
		"defaults":         {func(*Limits) {}, ""},
		"any publish rate": {func(l *Limits) { l.PublishRate = 0 }, ""},
		"least of each":    {func(l *Limits) { *l = Limits{1, 1, 1, minPublishRate, 1} }, ""},
		"no sessions":      {func(l *Limits) { l.Sessions = 0 }, "at most 0 sessions"},
		"most of each":     {func(l *Limits) { *l = Limits{maxCount, maxCount, maxCount, math.MaxInt64, math.MaxInt64} }, ""},
		"many sessions":    {func(l *Limits) { l.Sessions = math.MaxInt }, "16777216 or less"},
		"many rooms":       {func(l *Limits) { l.Rooms = maxCount + 1 }, "16777216 or less"},
		"many members":     {func(l *Limits) { l.Members = maxCount + 1 }, "16777216 or less"},
		"no rooms":         {func(l *Limits) { l.Rooms = 0 }, "0 rooms"},
		"negative members": {func(l *Limits) { l.Members = -1 }, "-1 members"},
		"negative rate":    {func(l *Limits) { l.PublishRate = -1 }, "a publish rate of -1"},
		"too slow":         {func(l *Limits) { l.PublishRate = minPublishRate - 1 }, "at least 65536"},
		"no echo":          {func(l *Limits) { l.EchoBytes = 0 }, "0 bytes of echo"},
	} {
		l := DefaultLimits
		c.change(&l)
		switch err := l.check(); {
		case c.says == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.says != "" && (!errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	var none Limits
	if err := none.check(); err != nil || none != DefaultLimits {
		t.Errorf("%+v, %v", none, err)
	}
}

func TestEachDropHasAName(t *testing.T) {
	names := make(map[string]bool)
	for why, name := range dropNames {
		if name == "" || names[name] {
			t.Errorf("the name of %d is %q", why, name)
		}
		names[name] = true
	}
}
