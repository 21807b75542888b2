//go:build linux

package logtest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"yodel/cmd/internal/programs"
)

// ledger is what was sent, what was receipted, and, at the end, what is in the log: what must be true of them is checked.
type ledger struct {
	senders   []account
	followers []follower
	log       []programs.Event // of type message, as they are read at the end
}

// account is that of one sender.
type account struct {
	name     string
	lines    int      // handed to the program
	receipts []uint64 // positions, in the order of the lines
}

// follower is somebody who has read along.
type follower struct {
	name     string
	messages []programs.Event
}

// line is the n-th line of a sender, from 1.
func line(sender string, n int) string {
	return fmt.Sprintf("%s says line %d: the valley answers, and what it has answered is never lost, whatever happens to it", sender, n)
}

var lineForm = regexp.MustCompile(`^(\S+) says line (\d+): `)

// origin gives the sender and the number of a line.
func origin(text string) (sender string, n int, ok bool) {
	m := lineForm.FindStringSubmatch(text)
	if m == nil {
		return "", 0, false
	}
	n, err := strconv.Atoi(m[2])
	return m[1], n, err == nil && text == line(m[1], n)
}

// receipted is how many messages have a receipt.
func (l *ledger) receipted() (n int) {
	for _, a := range l.senders {
		n += len(a.receipts)
	}
	return n
}

// check tells everything that is wrong.
func (l *ledger) check() error {
	at := make(map[string]uint64, len(l.log)) // text → position
	errs := []error{l.checkOrder(at)}
	for _, a := range l.senders {
		errs = append(errs, a.check(at))
	}
	for _, f := range l.followers {
		errs = append(errs, f.check(l.log))
	}
	return errors.Join(errs...)
}

// checkOrder checks the log by itself: the positions increase, nothing is there twice, all was sent, and the lines of each sender are in
// their order. It fills in where everything is.
func (l *ledger) checkOrder(at map[string]uint64) error {
	var last uint64
	lastLine := make(map[string]int)
	for i, m := range l.log {
		sender, n, ok := origin(m.Text)
		a := slices.IndexFunc(l.senders, func(a account) bool { return a.name == sender })
		switch _, twice := at[m.Text]; {
		case !ok || a < 0 || n > l.senders[a].lines:
			return fmt.Errorf("message %d of the log, position %d, was never sent: %.60q", i+1, m.Pos, m.Text)
		case twice:
			return fmt.Errorf("line %d of %s is in the log twice, at %d and at %d", n, sender, at[m.Text], m.Pos)
		case m.Pos <= last:
			return fmt.Errorf("position %d comes after %d in the log", m.Pos, last)
		case n <= lastLine[sender]:
			return fmt.Errorf("line %d of %s comes after line %d in the log", n, sender, lastLine[sender])
		}
		at[m.Text], last, lastLine[sender] = m.Pos, m.Pos, n
	}
	return nil
}

// check checks that every line with a receipt is where the receipt says.
func (a *account) check(at map[string]uint64) error {
	lost, moved, first := 0, 0, ""
	for i, pos := range a.receipts {
		switch got, ok := at[line(a.name, i+1)]; {
		case !ok:
			lost++
		case got != pos:
			moved++
		default:
			continue
		}
		if first == "" {
			first = fmt.Sprintf("the first is line %d, receipted at %d, now at %d", i+1, pos, at[line(a.name, i+1)])
		}
	}
	if lost+moved > 0 {
		return fmt.Errorf("%s: of %d receipted lines %d are lost and %d elsewhere; %s", a.name, len(a.receipts), lost, moved, first)
	}
	return nil
}

// check checks that a follower has read what is in the log, once and in its order.
func (f *follower) check(log []programs.Event) error {
	for i, m := range f.messages {
		if i >= len(log) || m.Pos != log[i].Pos || m.Text != log[i].Text {
			want := "nothing"
			if i < len(log) {
				want = fmt.Sprintf("%d %.30q", log[i].Pos, log[i].Text)
			}
			return fmt.Errorf("%s: message %d is %d %.30q, in the log it is %s", f.name, i+1, m.Pos, m.Text, want)
		}
	}
	if len(f.messages) != len(log) {
		return fmt.Errorf("%s has read %d of %d messages", f.name, len(f.messages), len(log))
	}
	return nil
}
