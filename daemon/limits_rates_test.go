package daemon

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"yodel/wire"
	"yodel/wire/secure"
)

// What a session sends beyond its rate is dropped and counted, whatever it is; others are not concerned, and it goes on when it is slower.
func TestControlPacketsOfASessionAreBounded(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, b *client) {
		report, err := wire.AppendReceiverReport(nil, wire.SSRCPeer, nil)
		if err != nil {
			t.Fatal(err)
		}
		a.run(func(time.Time) {
			for range controlBurst + 500 {
				a.sendRTCP(report)
			}
		})
		if n := a.w.dropped(dropControlRate); n < 500-100 || n > 500 {
			t.Errorf("%d of 500 too many were dropped", n)
		}
		b.publish("lobby", 1, "bob is not concerned")
		a.w.pass(100 * time.Millisecond) // at first alice's acknowledgement of that may be too much as well
		before := a.w.dropped(dropControlRate)
		a.publish("lobby", 2, "and alice goes on")
		a.w.pass(100 * time.Millisecond)
		if a.w.dropped(dropControlRate) != before || len(b.texts()) != 2 {
			t.Errorf("%d more dropped, bob read %q", a.w.dropped(dropControlRate)-before, b.texts())
		}
	})
}

// The rate of all packets that are no audio leaves an honest peer four times what it sends at most.
func TestControlRateFitsThePublishRate(t *testing.T) {
	for rate, want := range map[int64]int64{0: controlRateFree, 64 << 10: 8256, DefaultLimits.PublishRate: 24_576} {
		got := controlOf(rate)
		if got != want {
			t.Errorf("%d packets a second for %d bytes a second, want %d", got, rate, want)
		}
		if datagrams := rate / 1000; got < datagrams*5/4 {
			t.Errorf("%d packets a second, and the publishes alone are %d", got, datagrams)
		}
	}
}

// honestTalkers are how peers send, those with the shortest packets there are among them. What is lost on the way is sent twice.
var honestTalkers = map[string]struct {
	payload     uint8
	size        int
	frame       time.Duration
	resentTimes int
}{
	"Opus":                      {wire.PayloadOpus, 80, 20 * time.Millisecond, 1},
	"Opus, resent as often":     {wire.PayloadOpus, 80, 20 * time.Millisecond, 2},
	"Opus at its highest rate":  {wire.PayloadOpus, 638, 10 * time.Millisecond, 2},
	"Opus in packets of 5 ms":   {wire.PayloadOpus, 319, 5 * time.Millisecond, 2},
	"L16, resent as often":      {wire.PayloadL16, 960, 10 * time.Millisecond, 2},
	"L16 in packets of 5 ms":    {wire.PayloadL16, 480, 5 * time.Millisecond, 2},
	"PCMU in packets of 5 ms":   {wire.PayloadPCMU, 40, 5 * time.Millisecond, 2},
	"PCMA with as many resends": {wire.PayloadPCMA, 160, 20 * time.Millisecond, 2},
}

// An honest voice is never over its rate, alone or one of eight, and who sends three times as much is cut to its rate.
func TestVoicesAreBoundedByTheirCodec(t *testing.T) {
	const seconds = 20
	for name, c := range honestTalkers {
		for _, voices := range []int{1, maxTalks} {
			l := &link{shard: newShard(&plane{validator: secure.NewValidator()}, 0, memorySocket(nil)), rx: new(secure.Rx)}
			for i := range voices {
				l.says(uint32(i), &voice{payload: c.payload})
			}
			size := c.size + 12
			for at := time.Duration(0); at < seconds*time.Second; at += c.frame {
				for range voices * c.resentTimes {
					if l.over(epoch.Add(at), size, true) {
						t.Fatalf("%s, %d voices: over its rate after %v", name, voices, at)
					}
				}
			}
			passed := 0
			for at := time.Duration(0); at < seconds*time.Second; at += time.Millisecond {
				for range 3 * voices {
					if !l.over(epoch.Add(time.Minute+at), size, true) {
						passed++
					}
				}
			}
			most := (payloadRate(c.payload) + audioPackets*audioHeader) * audioShare / 2 * (seconds + int64(audioBurst/time.Second)) * int64(voices)
			if packets := int64(voices) * audioPackets * audioShare / 2 * (seconds + 2); int64(passed*size) > most || int64(passed) > packets {
				t.Errorf("%s, %d voices: %d packets, %d bytes passed; at most %d and %d may", name, voices, passed, passed*size, packets, most)
			}
			if n := l.shard.plane.drops.now[dropVoiceRate].Load(); passed+int(n) != 3*voices*seconds*1000 {
				t.Errorf("%s: %d passed, %d counted", name, passed, n)
			}
		}
	}
}

// A talk that is over gives its session nothing any more, and many that are not played yet no more than eight.
func TestVoicesThatHaveEndedGiveNoRate(t *testing.T) {
	b := new(budget)
	talks := make(map[uint32]*voice)
	for i := range uint32(100) {
		talks[i] = &voice{payload: wire.PayloadL16}
	}
	if b.allow(talks); b.voices != maxTalks || b.rate != maxTalks*linearBytes {
		t.Errorf("%d voices, %d bytes a second", b.voices, b.rate)
	}
	if b.allow(map[uint32]*voice{1: {payload: wire.PayloadPCMU}}); b.voices != 1 || b.rate != companderBytes {
		t.Errorf("%d voices, %d bytes a second", b.voices, b.rate)
	}
}

// What a talker sends beyond its rate is heard by nobody, by way of its shard or of the hub.
func TestAudioBeyondTheRateIsDropped(t *testing.T) {
	for name, shard := range map[string]int{"its shard": 1, "the hub": 0} {
		inRoom(t, Config{}, func(t *testing.T, a, b *client) {
			ssrc := a.talk("lobby", 0, 0)
			a.via(shard)
			most := audioPackets * audioShare / 2 * int(audioBurst/time.Second)
			for i := range most + 300 {
				a.speak(ssrc, uint16(i), uint32(i)*960)
			}
			if n := a.w.dropped(dropVoiceRate); n != 300 || len(b.heard) != most {
				t.Errorf("by way of %s: %d dropped, %d heard of %d", name, n, len(b.heard), most)
			}
		})
	}
}

// Packets do not allocate where they are counted.
func TestRatesDoNotAllocate(t *testing.T) {
	p := &plane{validator: secure.NewValidator()}
	p.control.Store(1000)
	l := &link{shard: newShard(p, 0, memorySocket(nil)), rx: new(secure.Rx)}
	l.says(1, &voice{payload: wire.PayloadOpus})
	now := epoch
	if n := testing.AllocsPerRun(1000, func() {
		now = now.Add(100 * time.Microsecond)
		l.over(now, 92, true)
		l.over(now, 92, false)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Publishing goes on at the rate and no faster; nothing is refused, and all of it arrives in order.
func TestPublishingIsPacedByCredit(t *testing.T) {
	const rate, seconds, size = 1 << 20, 10, 8 << 10
	limits := DefaultLimits
	limits.PublishRate = rate
	inRoom(t, Config{Limits: limits}, func(t *testing.T, a, b *client) {
		var budget wire.Budget
		body := strings.Repeat("x", size)
		sent, sentBytes := 0, 0
		publish := func() { // all for which there is credit
			if credit := last(a, (*wire.Message).GetCredit); credit != nil {
				budget.Raise(credit.GetLimit())
			}
			for {
				m := wire.Encode(&wire.Message_Publish{Publish: &wire.Publish{Room: "lobby", Id: uint64(sent), Body: []byte(fmt.Sprintf("%06d", sent) + body)}})
				if !budget.Spend(len(m)) {
					return
				}
				a.say(m)
				sent, sentBytes = sent+1, sentBytes+len(m)
			}
		}
		ready := func(seconds int) (bytes int) {
			before := sentBytes
			for end := time.Now().Add(time.Duration(seconds) * time.Second); time.Now().Before(end); {
				publish()
				a.w.pass(5 * time.Millisecond)
			}
			return sentBytes - before
		}
		ready(1) // what is there at first
		if n := ready(seconds); n < rate*seconds*95/100 || n > rate*seconds*105/100 {
			t.Errorf("%d bytes in %d s at a rate of %d", n, seconds, rate)
		}
		a.w.pass(2 * time.Second)
		if a.bye != "" || len(all(a, (*wire.Message).GetReceipt)) != sent || len(all(a, (*wire.Message).GetRefused)) != 0 {
			t.Errorf("BYE %q, %d receipts of %d", a.bye, len(all(a, (*wire.Message).GetReceipt)), sent)
		}
		texts := b.texts()
		if len(texts) != sent {
			t.Fatalf("bob read %d of %d", len(texts), sent)
		}
		for i, text := range texts {
			if text != fmt.Sprintf("%06d", i)+body {
				t.Fatalf("entry %d is %.6s", i, text)
			}
		}
		if a.w.dropped(dropCreditLate) == 0 {
			t.Error("nothing is counted")
		}
	})
}

// Without a rate credit comes at once; with one, short messages count as much work as they are.
func TestShortMessagesCountForTheRate(t *testing.T) {
	for rate, want := range map[int64]time.Duration{0: 0, 1 << 20: time.Duration(3*wire.CreditStep/32) * leastPublished * time.Second / (1 << 20)} {
		s := &session{hub: &hub{cfg: Config{Limits: Limits{PublishRate: rate}}, now: epoch, drops: new(drops)}, gone: true}
		for range 3 * wire.CreditStep / 32 {
			s.consumed(32)
		}
		waits := s.pace.granted.paid.Sub(epoch)
		if rate == 0 && (s.pace.owed != 0 || !s.pace.until.IsZero()) || rate > 0 && waits+atRate(s.pace.owed, rate) != want {
			t.Errorf("at a rate of %d: %v are paid, %d bytes owed, want %v", rate, waits, s.pace.owed, want)
		}
	}
}

// What is too long is refused with both numbers, counted, and costs its sender no more than its credit.
func TestMessagesAreBounded(t *testing.T) {
	inRoom(t, Config{}, func(t *testing.T, a, _ *client) {
		for i, m := range []*wire.Publish{
			{Room: "lobby", Id: 1, Body: make([]byte, wire.MaxBody+1)},
			{Room: "lobby", Id: 2, Body: []byte("x"), Type: strings.Repeat("t", wire.MaxType+1)},
			{Room: "lobby", Id: 3, Body: make([]byte, wire.MaxBody), Type: strings.Repeat("t", wire.MaxType)},
		} {
			a.say(wire.Encode(&wire.Message_Publish{Publish: m}))
			a.w.pass(100 * time.Millisecond)
			refused := all(a, (*wire.Message).GetRefused)
			if want := min(i+1, 2); len(refused) != want || a.w.dropped(dropTooLong) != uint64(want) || refused[want-1].GetCode() != wire.Code_CODE_TOO_LONG {
				t.Errorf("message %d: %v, %d counted", m.GetId(), refused, a.w.dropped(dropTooLong))
			}
		}
		if len(all(a, (*wire.Message).GetReceipt)) != 1 || a.bye != "" {
			t.Errorf("%d receipts, BYE %q", len(all(a, (*wire.Message).GetReceipt)), a.bye)
		}
	})
}
