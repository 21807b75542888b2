//go:build linux

package logtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"yodel/cmd/internal/programs"
)

const (
	secretOne  = "the-secret-that-slipped-out-4711"
	secretMany = "an-unwelcome-guest-says-0815"
	notFound   = 4
)

// erased erases messages beside a running daemon: one by its position, then all of a sender. Nothing of them is left in any file, nobody reads them
// any more, and the others are read as before.
func erased(w *world) (figures string, err error) {
	if err := w.serve(); err != nil {
		return "", err
	}
	follower, err := w.follow("follower", "-n", "0")
	if err != nil {
		return "", err
	}
	e := &erasure{w: w}
	if err := e.speak(); err != nil {
		return "", err
	}
	if err := e.erase(); err != nil {
		return "", err
	}
	errs := []error{e.gone(secretOne), e.gone(secretMany), e.none()}
	if _, err := w.say("ann", "the last word"); err != nil {
		return "", err
	}
	e.kept = append(e.kept, "the last word")
	messages, err := w.readAll()
	errs = append(errs, err, sequence(messages, e.kept), w.within(settle, func(ctx context.Context) error {
		return follower.AwaitCount(ctx, "message", e.sent+1)
	}))
	errs = append(errs, e.afterErased(), w.integrity(), e.gone(secretOne), e.gone(secretMany))
	return fmt.Sprintf("%d of %d messages erased", e.sent+1-len(e.kept), e.sent+1), errors.Join(errs...)
}

// erasure is what was said, and is to be left.
type erasure struct {
	w        *world
	sent     int
	kept     []string
	one      uint64 // the position of what slipped out
	unwanted string // the fingerprint of the guest
}

// speak has ann, who is to stay, and a guest talk in turns; one of ann's messages slips out.
func (e *erasure) speak() (err error) {
	for n := range 6 {
		text := line("ann", n+1)
		e.kept = append(e.kept, text)
		if _, err := e.w.say("ann", text); err != nil {
			return err
		}
		if _, err := e.w.say("guest", fmt.Sprintf("%s %d", secretMany, n)); err != nil {
			return err
		}
		if n == 3 {
			if e.one, err = e.w.say("ann", secretOne); err != nil {
				return err
			}
		}
	}
	e.sent = 6 + 6 + 1
	o, err := e.w.do("guest", "key")
	if err != nil {
		return err
	}
	var key struct{ Fingerprint string }
	if err := json.Unmarshal([]byte(o.last("key").Line), &key); err != nil {
		return fmt.Errorf("yodel key: %w: %s", err, o.stderr)
	}
	e.unwanted = key.Fingerprint
	return nil
}

// erase erases the one message, and then all of the guest.
func (e *erasure) erase() error {
	for _, step := range []struct {
		args []string
		n    string
	}{{[]string{strconv.FormatUint(e.one, 10)}, "1"}, {[]string{"--from", e.unwanted}, "6"}} {
		if held, err := e.w.holding(secretMany); err != nil || len(held) == 0 {
			return errors.Join(err, errors.New("what is to be erased is in no file: this proves nothing"))
		}
		o, err := e.w.yodeld([]string{"history", "delete"}, step.args...)
		if err != nil {
			return err
		}
		if o.code != 0 || !containsWord(o.stdout(), step.n) {
			return fmt.Errorf("history delete %v: exit code %d, %q, want %s erased: %s", step.args, o.code, o.stdout(), step.n, o.stderr)
		}
	}
	return nil
}

// gone checks that a text is in no file.
func (e *erasure) gone(text string) error {
	held, err := e.w.holding(text)
	if err == nil && len(held) > 0 {
		err = fmt.Errorf("%q was erased and is still in %v", text, held)
	}
	return err
}

// none checks the answer when there is nothing to erase.
func (e *erasure) none() error {
	o, err := e.w.yodeld([]string{"history", "delete"}, strconv.FormatUint(e.one, 10))
	if err == nil && o.code != notFound {
		err = fmt.Errorf("erasing what is not there: exit code %d, want %d: %s", o.code, notFound, o.stderr)
	}
	return err
}

// afterErased reads from the position that was erased: what came later is there, and nothing is said to be truncated.
func (e *erasure) afterErased() error {
	o, err := e.w.do("reader", "read", "--after", strconv.FormatUint(e.one, 10))
	if err != nil {
		return err
	}
	var later []programs.Event
	for _, ev := range o.events {
		switch ev.Type {
		case "message":
			later = append(later, ev)
		case "truncated":
			err = errors.New("after the erased position the history is said to be truncated")
		}
	}
	return errors.Join(err, sequence(later, e.kept[4:]))
}

// sequence checks the texts of messages.
func sequence(messages []programs.Event, want []string) error {
	for i, m := range messages {
		if i >= len(want) || m.Text != want[i] {
			return fmt.Errorf("message %d of %d is %.60q", i+1, len(messages), m.Text)
		}
	}
	if len(messages) != len(want) {
		return fmt.Errorf("%d messages, want %d", len(messages), len(want))
	}
	return nil
}
