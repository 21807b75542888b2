//go:build linux

package logtest

import (
	"slices"
	"testing"

	"yodel/cmd/internal/programs"
)

// goodLedger is one in which nothing is wrong: two senders, the last line of one without a receipt.
func goodLedger() *ledger {
	var log []programs.Event
	for i, text := range []string{line("ann", 1), line("bea", 1), line("ann", 2), line("ann", 3)} {
		log = append(log, programs.Event{Type: "message", Pos: uint64(10 + 3*i), Text: text})
	}
	return &ledger{
		senders:   []account{{"ann", 3, []uint64{10, 16}}, {"bea", 2, []uint64{13}}},
		followers: []follower{{"fay", slices.Clone(log)}},
		log:       log,
	}
}

// Every fault that a trial looks for is found, one by one.
func TestLedgerFindsFaults(t *testing.T) {
	if err := goodLedger().check(); err != nil {
		t.Fatalf("a good ledger: %v", err)
	}
	tests := []struct {
		name  string
		spoil func(*ledger)
	}{
		{"a receipted line is lost", func(l *ledger) { l.log = slices.Delete(l.log, 1, 2) }},
		{"a receipted line is elsewhere", func(l *ledger) { l.senders[0].receipts[1] = 17 }},
		{"a line is there twice", func(l *ledger) { l.log = append(l.log, programs.Event{Pos: 30, Text: line("bea", 1)}) }},
		{"a line was never sent", func(l *ledger) { l.senders[0].lines = 2 }},
		{"a text was never sent", func(l *ledger) { l.log[3].Text += "!" }},
		{"positions go back", func(l *ledger) { l.log[3].Pos = 12 }},
		{"lines of a sender change places", func(l *ledger) { l.log[2].Text, l.log[3].Text = l.log[3].Text, l.log[2].Text }},
		{"a follower misses the last", func(l *ledger) { l.followers[0].messages = l.followers[0].messages[:3] }},
		{"a follower misses one", func(l *ledger) { l.followers[0].messages = slices.Delete(l.followers[0].messages, 1, 2) }},
		{"a follower has one twice", func(l *ledger) {
			f := &l.followers[0]
			f.messages = slices.Insert(f.messages, 1, f.messages[0])
		}},
		{"a follower has more than the log", func(l *ledger) {
			f := &l.followers[0]
			f.messages = append(f.messages, programs.Event{Pos: 30, Text: line("bea", 2)})
		}},
	}
	for _, tt := range tests {
		l := goodLedger()
		if tt.spoil(l); l.check() == nil {
			t.Errorf("%s: nothing is found wrong", tt.name)
		}
	}
}
