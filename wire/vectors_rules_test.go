package wire

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yodel/wire/internal/vector"
)

type nameCase struct {
	Name    string `json:"name"` // as it is given
	Kind    string `json:"kind"` // room or nick
	Refused bool   `json:"refused,omitempty"`
	Shown   string `json:"shown,omitempty"` // a nick, as others see it
	Key     string `json:"key,omitempty"`   // and its comparison form
}

// nameCases are names and what becomes of them, by RFC 8266, 2.3 and 2.4.
var nameCases = []nameCase{
	{Name: "lobby", Kind: "room"},
	{Name: "A-b_c.9", Kind: "room"},
	{Name: ".", Kind: "room"},
	{Name: strings.Repeat("x", 64), Kind: "room"},
	{Name: "", Kind: "room", Refused: true},
	{Name: "a b", Kind: "room", Refused: true},
	{Name: "ä", Kind: "room", Refused: true},
	{Name: "a/b", Kind: "room", Refused: true},
	{Name: "a\n", Kind: "room", Refused: true},
	{Name: strings.Repeat("x", 65), Kind: "room", Refused: true},
	{Name: "alice", Kind: "nick", Shown: "alice", Key: "alice"},
	{Name: "Alice", Kind: "nick", Shown: "Alice", Key: "alice"},
	{Name: "  alice   b  ", Kind: "nick", Shown: "alice b", Key: "alice b"},
	{Name: "Ålice", Kind: "nick", Shown: "Ålice", Key: "ålice"},
	{Name: "A\u030alice", Kind: "nick", Shown: "Ålice", Key: "ålice"},
	{Name: "ﬁn", Kind: "nick", Shown: "fin", Key: "fin"},
	{Name: "日本", Kind: "nick", Shown: "日本", Key: "日本"},
	{Name: strings.Repeat("é", 32), Kind: "nick", Shown: strings.Repeat("é", 32), Key: strings.Repeat("é", 32)},
	{Name: strings.Repeat("x", 33), Kind: "nick", Refused: true},
	{Name: "", Kind: "nick", Refused: true},
	{Name: "   ", Kind: "nick", Refused: true},
	{Name: "a\nb", Kind: "nick", Refused: true},
	{Name: "a\u001bb", Kind: "nick", Refused: true},
	{Name: "a\u202eb", Kind: "nick", Refused: true},
	{Name: "\u200b", Kind: "nick", Refused: true},
}

func TestVectorsNames(t *testing.T) {
	for _, c := range vector.Check(t, vectorPath+"names.json", vector.File[nameCase]{
		About: "names of rooms and nicks", Cases: nameCases,
	}) {
		if c.Kind == "room" {
			if err := CheckRoom(c.Name); (err != nil) != c.Refused || err != nil && !errors.Is(err, ErrRoomName) {
				t.Errorf("room %q: %v", c.Name, err)
			}
			continue
		}
		shown, err := Nick(c.Name)
		if (err != nil) != c.Refused || shown != c.Shown {
			t.Errorf("nick %q: %q, %v", c.Name, shown, err)
		}
		if c.Refused {
			continue
		}
		if key, err := NickKey(shown); err != nil || key != c.Key {
			t.Errorf("nick %q: key %q, %v", c.Name, key, err)
		}
	}
}

type sequenceCase struct {
	Name  string         `json:"name"`
	Steps []sequenceStep `json:"steps"`
}

// sequenceStep is a sequence number that arrives, and the number that it stands for; nil: it is dropped.
type sequenceStep struct {
	Seq    uint16  `json:"seq"`
	Number *uint64 `json:"number"`
}

func TestVectorsSequence(t *testing.T) {
	var cases []sequenceCase
	for _, u := range unwrapCases {
		c := sequenceCase{Name: u.name}
		for _, s := range u.steps {
			step := sequenceStep{Seq: s.seq}
			if s.ok {
				step.Number = &s.want
			}
			c.Steps = append(c.Steps, step)
		}
		cases = append(cases, c)
	}
	for _, c := range vector.Check(t, vectorPath+"sequence.json", vector.File[sequenceCase]{
		About: "sequence numbers of one stream in the order in which they come, and the extended numbers", Cases: cases,
	}) {
		var u Unwrapper
		for i, s := range c.Steps {
			if got, ok := u.Unwrap(s.Seq); ok != (s.Number != nil) || ok && got != *s.Number {
				t.Errorf("%s, step %d: %d, %t", c.Name, i, got, ok)
			}
		}
	}
}

type leadCase struct {
	Name  string `json:"name"`
	Delay int64  `json:"delay_ms"`
	Lead  int64  `json:"lead_ms"`
}

func TestVectorsLead(t *testing.T) {
	for _, c := range vector.Check(t, vectorPath+"lead.json", vector.File[leadCase]{
		About: "the delay of a room and its lead: three quarters in whole milliseconds, cut off, at most 1500",
		Cases: []leadCase{
			{"live", 0, 0},
			{"too short for a lead", 1, 0},
			{"cut off", 3, 2},
			{"half a second", 500, 375},
			{"just under the most", 1999, 1499},
			{"the most", 2000, 1500},
			{"over the most", 2001, 1500},
			{"the default", 10000, 1500},
			{"the longest delay", 60000, 1500},
		},
	}) {
		if got := Lead(time.Duration(c.Delay) * time.Millisecond); got != time.Duration(c.Lead)*time.Millisecond {
			t.Errorf("%s: %v", c.Name, got)
		}
	}
}

type creditCase struct {
	Name  string        `json:"name"`
	Steps []creditEvent `json:"steps"`
}

// creditEvent is one of: a message that the sender has, a message that the receiver has consumed, a Credit that the sender gets.
type creditEvent struct {
	Wanted   uint64 `json:"wanted,omitempty"`   // bytes of the message
	Sent     bool   `json:"sent,omitempty"`     // whether there is credit for it; else it waits, and is not counted
	Consumed uint64 `json:"consumed,omitempty"` // bytes
	Granted  uint64 `json:"granted,omitempty"`  // the limit of the Credit that is due then; 0: none is
	Credit   uint64 `json:"credit,omitempty"`   // the limit of a Credit that comes
}

// The cases are worked out by hand from PROTOCOL.md.
func TestVectorsCredit(t *testing.T) {
	for _, c := range vector.Check(t, vectorPath+"credit.json", vector.File[creditCase]{
		About: "credit: 262144 bytes at first, raised when 65536 or more were consumed since the last Credit",
		Cases: []creditCase{
			{"the example", []creditEvent{
				{Wanted: 262000, Sent: true}, {Wanted: 200}, {Consumed: 65600, Granted: 327744}, {Credit: 327744}, {Wanted: 200, Sent: true},
			}},
			{"to the last byte", []creditEvent{
				{Wanted: 262144, Sent: true}, {Wanted: 1}, {Credit: 262145}, {Wanted: 1, Sent: true}, {Wanted: 1},
			}},
			{"many small ones", []creditEvent{
				{Consumed: 65535}, {Consumed: 1, Granted: 327680}, {Consumed: 65535}, {Consumed: 100, Granted: 393315}, {Consumed: 65535},
			}},
			{"a limit that is not higher", []creditEvent{
				{Wanted: 262144, Sent: true}, {Credit: 262144}, {Wanted: 1}, {Credit: 300000}, {Credit: 262200}, {Wanted: 37856, Sent: true}, {Wanted: 1},
			}},
		},
	}) {
		var sender Budget
		var receiver Allowance
		for i, s := range c.Steps {
			got := creditEvent{Wanted: s.Wanted, Consumed: s.Consumed, Credit: s.Credit}
			sender.Raise(s.Credit)
			got.Sent = s.Wanted > 0 && sender.Spend(int(s.Wanted))
			receiver.Consume(int(s.Consumed))
			got.Granted, _ = receiver.Grant()
			if diff := cmp.Diff(s, got); diff != "" {
				t.Errorf("%s, step %d (-case +code):\n%s", c.Name, i, diff)
			}
		}
	}
}

// The side that grants finds out who sends more than that, and takes nothing of it into account.
func TestAllowanceKnowsAnOverdraft(t *testing.T) {
	var a Allowance
	for _, s := range []struct {
		taken    int
		ok       bool
		consumed int
	}{
		{FirstCredit - 10, true, 0},
		{11, false, 0},
		{10, true, CreditStep - 1},
		{1, false, 1},
		{CreditStep, true, 0},
		{1, false, 0},
	} {
		if ok := a.Take(s.taken); ok != s.ok {
			t.Errorf("%d bytes: %t", s.taken, ok)
		}
		a.Consume(s.consumed)
		a.Grant()
	}
}
