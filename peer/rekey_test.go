package peer

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"yodel/peer/audio"
	"yodel/wire"
)

// rekeyAfter is when a client of simRekey makes new keys.
const rekeyAfter = 10 * time.Second

func soonOld(l *wire.KeyLimits) { l.Age = rekeyAfter }

// Over a change of keys nothing is lost, doubled or told: messages both ways, the voice that is sent, and the voice that is heard.
func TestNewKeysLeaveNoSeam(t *testing.T) {
	for _, reconnect := range []bool{false, true} {
		t.Run(fmt.Sprintf("reconnect %t", reconnect), func(t *testing.T) {
			inSim(t, func(t *testing.T, n *simNet) { noSeam(t, n, n.client(t, reconnect, soonOld)) })
		})
	}
}

func noSeam(t *testing.T, n *simNet, c *simClient) {
	hearing, err := c.Hear(t.Context(), HearOptions{Room: "lobby"})
	if err != nil {
		t.Fatal(err)
	}
	talk, err := c.Talk(t.Context(), "lobby", audio.L16)
	if err != nil {
		t.Fatal(err)
	}
	const heardSSRC, frames = wire.MinAudioSSRC + 5000, 1500
	n.daemon.look(func() {
		n.daemon.say(n.daemon.present(), &wire.Message{Kind: &wire.Message_TalkStart{TalkStart: &wire.TalkStart{
			Room: "lobby", Ssrc: heardSSRC, PayloadType: wire.PayloadL16,
		}}})
		n.daemon.talking = append(n.daemon.talking, &wire.TalkStart{Room: "lobby", Ssrc: heardSSRC, PayloadType: wire.PayloadL16})
		n.daemon.settle(time.Now(), n.daemon.present())
	})
	var publications []*Publication
	var want []byte
	for i := range frames {
		if err := talk.Write(make([]int16, 480)); err != nil {
			t.Fatal(err)
		}
		n.daemon.look(func() { n.daemon.sound(n.daemon.present(), heardSSRC, uint64(i)) })
		if i%3 == 0 {
			text := fmt.Sprintf("%d ", i)
			publications = append(publications, c.begin(text))
			want = append(want, text...)
		}
		hearing.Read(make([]int16, 480))
		after(10 * time.Millisecond)
	}
	report, err := talk.End(t.Context())
	if err != nil || report.Frames != frames || report.Lost != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	for _, p := range publications {
		if _, err := p.Receipt(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	after(time.Second)
	stats := hearing.Stats()
	if stats.Received != frames {
		t.Errorf("%d packets heard, want %d", stats.Received, frames)
	}
	n.daemon.look(func() {
		d := n.daemon
		if d.handshakes != 2 || d.takeovers != 1 {
			t.Errorf("%d handshakes, %d take-overs", d.handshakes, d.takeovers)
		}
		checkVoice(t, d.voice, frames)
		if len(d.log) != len(publications) {
			t.Errorf("%d messages stored, want %d", len(d.log), len(publications))
		}
	})
	events := c.close()
	if got := bodies(events); got != string(want) {
		t.Errorf("heard %s\nwant %s", got, want)
	}
	if count[*Lost](events)+count[*Back](events)+count[*Presence](events) > 0 {
		t.Error("something was told of it")
	}
	after(time.Second)
	n.daemon.look(func() {
		if len(n.daemon.byes) != 2*wire.ByeTimes {
			t.Errorf("%d BYE, want three in each session", len(n.daemon.byes))
		}
	})
}

// checkVoice looks whether each frame came once, on one timeline, in two talkspurts.
func checkVoice(t *testing.T, voice []simFrame, frames int) {
	t.Helper()
	if len(voice) != frames {
		t.Errorf("%d frames came, want %d", len(voice), frames)
	}
	ssrcs := make(map[uint32]*simSession)
	for i, f := range voice {
		if i > 0 && f.ts != voice[i-1].ts+480 {
			t.Fatalf("frame %d at %d after %d", i, f.ts, voice[i-1].ts)
		}
		ssrcs[f.ssrc] = f.s
	}
	if len(ssrcs) != 2 {
		t.Fatalf("%d SSRCs", len(ssrcs))
	}
	for ssrc, s := range ssrcs {
		last := s.ends[len(s.ends)-1]
		if len(s.starts) != 1 || len(s.ends) != 1 || s.starts[0].GetSsrc() != ssrc || last.GetSsrc() != ssrc {
			t.Errorf("SSRC %d: starts %v, ends %v", ssrc, s.starts, s.ends)
		}
	}
}

// What makes new keys due: packets and SSRCs as well as age.
func TestWhenNewKeysAreDue(t *testing.T) {
	for name, change := range map[string]func(*wire.KeyLimits){
		"age":     soonOld,
		"packets": func(l *wire.KeyLimits) { l.Packets = 100 },
		"SSRCs":   func(l *wire.KeyLimits) { l.SSRCs = 4 },
	} {
		t.Run(name, func(t *testing.T) {
			inSim(t, func(t *testing.T, n *simNet) {
				c := n.client(t, false, change).join()
				for i := range 3 {
					talk, err := c.Talk(t.Context(), "lobby", audio.L16)
					if err != nil {
						t.Fatal(err)
					}
					if i == 0 {
						n.daemon.look(func() {
							if n.daemon.handshakes != 1 {
								t.Errorf("%d handshakes at first", n.daemon.handshakes)
							}
						})
					}
					for range 40 {
						if err := talk.Write(make([]int16, 480)); err != nil {
							t.Fatal(err)
						}
						after(10 * time.Millisecond)
					}
					if _, err := talk.End(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				after(rekeyAfter)
				n.daemon.look(func() {
					if n.daemon.takeovers < 1 {
						t.Error("no new keys")
					}
				})
				c.close()
			})
		})
	}
}

// A handshake that fails is tried again, less and less often, while the session goes on.
func TestNewKeysThatAreNotToBeHadYet(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		n.daemon.look(func() { n.daemon.refuseHandshakes = false })
		c := n.client(t, true, soonOld).join()
		n.daemon.look(func() { n.daemon.refuseHandshakes = true })
		for range 60 {
			c.publish("x")
			after(2 * time.Second)
		}
		var tries int
		n.set(func() { tries = len(n.dialled) - 1 })
		// Each takes 15 s to fail, and 5, 10, 20, 40 s lie between them.
		if tries < 3 || tries > 5 {
			t.Errorf("%d tries in 2 min", tries)
		}
		n.daemon.look(func() { n.daemon.refuseHandshakes = false })
		after(2 * time.Minute)
		n.daemon.look(func() {
			if n.daemon.takeovers < 1 {
				t.Error("no new keys in the end")
			}
		})
		if events := c.close(); count[*Lost](events) > 0 {
			t.Errorf("%+v", events)
		}
	})
}

// A handshake beside the session that is refused for now does not end it either.
func TestNewKeysThatTheDaemonRefuses(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		c := n.client(t, false, soonOld).join()
		n.daemon.look(func() { n.daemon.refuseHello = wire.Code_CODE_LIMIT })
		after(rekeyAfter + time.Second)
		c.publish("a")
		n.daemon.look(func() {
			if n.daemon.handshakes < 2 || n.daemon.takeovers != 0 {
				t.Errorf("%d handshakes, %d take-overs", n.daemon.handshakes, n.daemon.takeovers)
			}
			n.daemon.refuseHello = 0
		})
		after(30 * time.Second)
		c.publish("b")
		n.daemon.look(func() {
			if n.daemon.takeovers == 0 {
				t.Error("it is not tried again")
			}
		})
		if events := c.close(); bodies(events) != "ab" {
			t.Errorf("%+v", events)
		}
	})
}

// Who came and went while the session changed is told as presence, because *Back is not.
func TestPresenceOverNewKeys(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		alice, bob, carol := &wire.Member{Nick: "alice"}, &wire.Member{Nick: "bob"}, &wire.Member{Nick: "carol"}
		n.daemon.members = []*wire.Member{alice, bob}
		c := n.client(t, false, soonOld).join()
		n.daemon.look(func() { n.daemon.members = []*wire.Member{alice, carol} })
		after(rekeyAfter + time.Second)
		var told []string
		for _, ev := range c.close() {
			if p, ok := ev.(*Presence); ok {
				told = append(told, fmt.Sprint(p.Member.Nick, p.Joined))
			}
		}
		if fmt.Sprint(told) != "[bobfalse caroltrue]" {
			t.Errorf("%v", told)
		}
	})
}

// A session that dies while another is made beside it is made anew as usual.
func TestTheSessionDiesBesideAHandshake(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		c := n.client(t, true, soonOld).join()
		n.daemon.look(func() { n.daemon.refuseHandshakes = true })
		after(rekeyAfter + time.Second)
		n.daemon.restart()
		n.daemon.look(func() { n.daemon.refuseHandshakes = false })
		c.publish(long)
		events := c.close()
		if count[*Lost](events) != 1 || count[*Back](events) != 1 || bodies(events) != long {
			t.Errorf("%+v", events)
		}
	})
}

// Without Reconnect a daemon that was started again is the end.
func TestAnUnknownSessionIsTheEndWithoutReconnect(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		c := n.client(t, false).join()
		n.daemon.restart()
		p := c.begin(long)
		if _, err := p.Receipt(t.Context()); !errors.Is(err, ErrLost) || !errors.Is(c.Err(), ErrLost) {
			t.Errorf("%v, %v", err, c.Err())
		}
		<-c.ended
		c.close()
	})
}

// A daemon that was started again while nothing was said gives the session beside the present one another id. Then the present one is lost, with
// what was heard in it: the same SSRC is another talker's now.
func TestNewKeysFromADaemonThatWasStartedAgain(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		c := n.client(t, true, soonOld)
		hearing, err := c.Hear(t.Context(), HearOptions{Room: "lobby"})
		if err != nil {
			t.Fatal(err)
		}
		const ssrc = wire.MinAudioSSRC + 5000
		n.daemon.look(func() {
			start := &wire.TalkStart{Room: "lobby", Ssrc: ssrc, PayloadType: wire.PayloadL16, Nick: "bob"}
			n.daemon.say(n.daemon.present(), &wire.Message{Kind: &wire.Message_TalkStart{TalkStart: start}})
			n.daemon.settle(time.Now(), n.daemon.present())
			n.daemon.sound(n.daemon.present(), ssrc, 0)
		})
		after(rekeyAfter - 500*time.Millisecond)
		n.daemon.restart()
		n.daemon.look(func() {
			n.daemon.talking = []*wire.TalkStart{{Room: "lobby", Ssrc: ssrc, PayloadType: wire.PayloadL16, Nick: "carol", FirstSeq: 20000}}
		})
		after(2 * time.Second)
		for i := range uint64(20) {
			n.daemon.look(func() { n.daemon.sound(n.daemon.present(), ssrc, 20000+i) })
			after(10 * time.Millisecond)
			hearing.Read(make([]int16, 480))
		}
		for range 20 {
			after(10 * time.Millisecond)
			hearing.Read(make([]int16, 480))
		}
		c.publish(long)
		events := c.close()
		if count[*Lost](events) != 1 || count[*Back](events) != 1 || bodies(events) != long {
			t.Errorf("%d Lost, %d Back, %q", count[*Lost](events), count[*Back](events), bodies(events))
		}
		var who []string
		for _, ev := range events {
			if talk, ok := ev.(*Talking); ok && talk.Start {
				who = append(who, talk.Nick)
			}
		}
		if !slices.Contains(who, "carol") {
			t.Errorf("heard %v", who)
		}
	})
}
