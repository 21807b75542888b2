package peer

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"yodel/wire"
	"yodel/wire/secure"
)

// change is "+nick" for one who came and "-nick" for one who left.
func presence(count int, changes ...string) *wire.Message {
	p := &wire.Presence{Room: "lobby", Count: uint32(count)}
	for _, c := range changes {
		p.Events = append(p.Events, &wire.PresenceEvent{Joined: c[0] == '+', Member: &wire.Member{Nick: c[1:]}})
	}
	return &wire.Message{Kind: &wire.Message_Presence{Presence: p}}
}

func wireMembers(nicks ...string) (list []*wire.Member) {
	for _, n := range nicks {
		list = append(list, &wire.Member{Nick: n})
	}
	return list
}

// told removes all events, which must be of presence, in the form of changes and of counts.
func (r *rig) told() (all []string) {
	r.t.Helper()
	r.run()
	for len(r.e.events) > 0 {
		switch ev := r.e.events[0].Event.(type) {
		case *Presence:
			sign := "-"
			if ev.Joined {
				sign = "+"
			}
			all = append(all, sign+ev.Member.Nick)
		case *Crowd:
			all = append(all, strconv.Itoa(ev.Count))
		case *Lost, *Back:
		default:
			r.t.Fatalf("a %T", ev)
		}
		r.e.delivered()
		r.run()
	}
	return all
}

func presenceRig(t *testing.T, nicks ...string) *rig {
	t.Helper()
	r := newRig(t, Config{Nick: "alice", Reconnect: true})
	r.welcome()
	joined := r.join(JoinOptions{Room: "lobby"}, nil, &wire.Joined{LogId: logA, Members: wireMembers(nicks...), Count: uint32(len(nicks))})
	if joined.Count != len(nicks) {
		t.Errorf("joined with %d, want %d", joined.Count, len(nicks))
	}
	return r
}

func TestPresenceIsToldOnce(t *testing.T) {
	r := presenceRig(t, "alice", "bob")
	r.say(presence(3, "+carol"), presence(4, "+carol", "+dave", "-nobody"), presence(3, "-bob"), presence(3, "-bob"), presence(4, "+bob"))
	if d := cmp.Diff([]string{"+carol", "+dave", "-bob", "+bob"}, r.told()); d != "" {
		t.Error(d)
	}
}

func TestPresenceTellsTheMember(t *testing.T) {
	r := presenceRig(t, "alice")
	fp := secure.Fingerprint{3}
	r.say(&wire.Message{Kind: &wire.Message_Presence{Presence: &wire.Presence{Room: "lobby", Count: 2, Events: []*wire.PresenceEvent{
		{Joined: true, Member: &wire.Member{Nick: "bob", Fingerprint: fp[:], Address: "10.0.0.1:5"}},
		{Member: &wire.Member{Nick: "alice"}, Reason: "timed out"},
	}}}})
	want := []*Presence{
		{Room: "lobby", Joined: true, Member: Member{Nick: "bob", Fingerprint: fp, Address: "10.0.0.1:5"}},
		{Room: "lobby", Member: Member{Nick: "alice"}, Reason: "timed out"},
	}
	if d := cmp.Diff(want, []*Presence{event[*Presence](r), event[*Presence](r)}); d != "" {
		t.Error(d)
	}
}

// After a resumption the user is told what happened meanwhile, and nothing twice.
func TestResumptionTellsTheDifferences(t *testing.T) {
	r := presenceRig(t, "alice", "bob", "carol")
	r.say(presence(4, "+dave"), presence(3, "-bob"))
	r.told()
	r.lost()
	r.welcome()
	r.say(joinedAnswer(take[*wire.Message_Join](r), &wire.Joined{LogId: logA, Count: 4, Members: wireMembers("alice", "bob", "dave", "zoe")}),
		presence(4, "+zoe")) // which was gathered before the resumption
	if d := cmp.Diff([]string{"+bob", "-carol", "+zoe"}, r.told()); d != "" {
		t.Error(d)
	}
	r.welcome()
	r.say(joinedAnswer(take[*wire.Message_Join](r), &wire.Joined{LogId: logA, Count: 4, Members: wireMembers("alice", "bob", "dave", "zoe")}))
	if got := r.told(); len(got) != 0 {
		t.Errorf("told of %v though nothing has changed", got)
	}
}

// Of a room of over 200 only the number is told. Of one that shrank again the changes are, and they are not compared with what was known
// before it grew.
func TestLargeRoomsAreCounted(t *testing.T) {
	r := presenceRig(t, "alice", "bob")
	r.say(presence(200, "+carol"), presence(201), presence(5000), presence(200, "-dave"), presence(201))
	if d := cmp.Diff([]string{"+carol", "201", "5000", "-dave", "201"}, r.told()); d != "" {
		t.Error(d)
	}
	for _, tt := range []struct {
		count   int
		members []string
		want    []string
	}{
		{300, []string{"carol"}, []string{"300"}}, // carol talks
		{2, []string{"alice", "zoe"}, nil},        // it is not known who left
		{1, []string{"alice"}, []string{"-zoe"}},
		{201, nil, []string{"201"}},
	} {
		r.welcome()
		r.say(joinedAnswer(take[*wire.Message_Join](r), &wire.Joined{LogId: logA, Count: uint32(tt.count), Members: wireMembers(tt.members...)}))
		if d := cmp.Diff(tt.want, r.told()); d != "" {
			t.Errorf("resumed with %d: %s", tt.count, d)
		}
	}
}

// The user who does not read is told at last who is there and who is not, and nothing piles up meanwhile.
func TestPresenceThatIsNotReadIsGathered(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	r := presenceRig(t, "alice")
	here := map[string]bool{"alice": true}
	shuffle := func(n int) {
		for range n {
			nick := fmt.Sprint("n", random.IntN(150))
			sign := "+"
			if here[nick] {
				sign = "-"
				delete(here, nick)
			} else {
				here[nick] = true
			}
			r.say(presence(len(here), sign+nick))
		}
	}
	view := map[string]bool{"alice": true}
	read := func() {
		for _, ev := range r.told() {
			if nick := ev[1:]; (ev[0] == '+') == view[nick] {
				t.Fatalf("%q, which was known", ev)
			} else if ev[0] == '+' {
				view[nick] = true
			} else {
				delete(view, nick)
			}
		}
		if d := cmp.Diff(here, view); d != "" {
			t.Fatal(d)
		}
	}
	shuffle(3 * maxUnread)
	if len(r.e.events) != maxUnread {
		t.Errorf("%d events wait, want %d", len(r.e.events), maxUnread)
	}
	read()
	shuffle(10)
	read()
	shuffle(2 * maxUnread)
	r.lost() // *Lost waits behind them
	r.welcome()
	shuffle(0)
	nicks := make([]string, 0, len(here))
	delete(here, "alice")
	here["late"] = true
	for nick := range here {
		nicks = append(nicks, nick)
	}
	r.say(joinedAnswer(take[*wire.Message_Join](r), &wire.Joined{LogId: logA, Count: uint32(len(here)), Members: wireMembers(nicks...)}))
	read()
}

// A talk that is not told to begin is not told to end, and the other way round.
func TestTalksThatAreNotReadAreLeftOut(t *testing.T) {
	r := presenceRig(t, "alice")
	r.say(talkStart(testSSRC, secure.Fingerprint{}, 0))
	for i := range uint32(maxUnread) {
		r.say(talkStart(testSSRC+1+i, secure.Fingerprint{}, 0), talkEnd(testSSRC+1+i, 9))
	}
	r.say(talkEnd(testSSRC, 9))
	waiting := len(r.e.events)
	if waiting > maxUnread+2 {
		t.Errorf("%d events wait", waiting)
	}
	open := map[uint32]bool{}
	for range waiting {
		ev := event[*Talking](r)
		if open[ev.SSRC] == ev.Start {
			t.Fatalf("%+v", ev)
		}
		open[ev.SSRC] = ev.Start
	}
	for ssrc, still := range open {
		if still {
			t.Errorf("talk %d is not told to end", ssrc)
		}
	}
	if len(r.e.untold) != 0 {
		t.Errorf("%d talks are remembered", len(r.e.untold))
	}
}

func TestWhoTellsHowMany(t *testing.T) {
	for _, tt := range []struct{ count, want int }{{0, 2}, {2, 2}, {5000, 5000}} {
		list, count := whoOf(&wire.Members{Members: wireMembers("alice", "bob"), Count: uint32(tt.count)})
		if len(list) != 2 || count != tt.want {
			t.Errorf("%d listed, %d in all, want %d", len(list), count, tt.want)
		}
	}
}
