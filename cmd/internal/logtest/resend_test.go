//go:build linux

package logtest

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"

	"yodel/wire"
	"yodel/wire/secure"
)

// sameID has two sessions of one identity publish the same under the same id, also in a daemon that was stopped, or killed, and started again in
// between: one entry, and every receipt has its position. Other bytes under that id are refused.
func sameID(w *world) (figures string, err error) {
	if err := w.serve(); err != nil {
		return "", err
	}
	r, err := newResend(w)
	if err != nil {
		return "", err
	}
	errs := []error{r.twice("the first time"), r.twice("again")}
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		errs = append(errs, w.restart(signal), r.twice("after "+signal.String()))
	}
	errs = append(errs, r.other(), r.stranger())
	messages, err := w.readAll()
	if err == nil && (len(messages) != 2 || messages[0].Pos != r.pos || messages[0].Text != r.text) {
		err = fmt.Errorf("there are %d messages, want the two at %d and %d, once each", len(messages), r.pos, r.strangers)
	}
	return fmt.Sprintf("%d publications, one entry at %d", r.asked, r.pos), errors.Join(append(errs, err)...)
}

// resend is a message that is sent again and again.
type resend struct {
	w              *world
	key            *secure.Identity
	id             uint64
	text           string
	pos, strangers uint64 // positions of the own entry, and of the stranger's
	asked          int
}

func newResend(w *world) (*resend, error) {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	key, err := secure.NewIdentity()
	return &resend{w: w, key: key, id: binary.BigEndian.Uint64(b[:]) | 1, text: "once and never twice"}, err
}

// publish publishes in a new session.
func (r *resend) publish(key *secure.Identity, text string) (a answer, err error) {
	err = r.w.within(settle, func(ctx context.Context) error {
		s, err := newSession(ctx, r.w.listen, key)
		if err != nil {
			return err
		}
		defer s.close()
		r.asked++
		a, err = s.publish(ctx, r.id, text)
		return err
	})
	return a, err
}

// twice publishes the message in two sessions.
func (r *resend) twice(when string) error {
	for range 2 {
		a, err := r.publish(r.key, r.text)
		if err != nil {
			return fmt.Errorf("%s: %w", when, err)
		}
		if r.pos == 0 {
			r.pos = a.pos
		}
		if a.pos == 0 || a.pos != r.pos {
			return fmt.Errorf("%s: the answer is position %d, code %v; the first receipt said %d", when, a.pos, a.code, r.pos)
		}
	}
	return nil
}

// other publishes other bytes under the id.
func (r *resend) other() error {
	a, err := r.publish(r.key, r.text+", but not the same")
	if err == nil && a.code != wire.Code_CODE_ID_REUSED {
		err = fmt.Errorf("other bytes under the same id: position %d, code %v", a.pos, a.code)
	}
	return err
}

// stranger publishes under the id with another key: that is another message.
func (r *resend) stranger() error {
	key, err := secure.NewIdentity()
	if err != nil {
		return err
	}
	a, err := r.publish(key, "of somebody else")
	if r.strangers = a.pos; err == nil && (a.pos == 0 || a.pos == r.pos) {
		err = fmt.Errorf("another identity's message under the same id: position %d, code %v", a.pos, a.code)
	}
	return err
}
