//go:build linux

package nettest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"yodel/cmd/internal/fates"
	"yodel/cmd/internal/netem"
	"yodel/wire"
)

// row is a condition.
type row struct {
	name       string
	short      bool             // it is in the short form
	both       netem.Impairment // of both hops, each way
	mtu        int
	nat        bool // in front of both peers
	room       string
	sender     string        // send or chat: what alice's lines go into
	voice      time.Duration // in the full form
	shortVoice time.Duration
	interval   time.Duration // of the lines
	longLines  bool          // every tenth needs several datagrams
	act        func(*world) error
	bars       bars
	alone      bool // no other row runs beside it
	course     func(*world, row, *outcome) error
}

const (
	minute = 60 * time.Second
	ms     = time.Millisecond
)

// withDefaults fills in what most rows have.
func (r row) withDefaults() row {
	set := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	set(&r.room, echoRoom)
	set(&r.sender, "send")
	if r.voice == 0 {
		r.voice = 20 * time.Second
	}
	if r.shortVoice == 0 {
		r.shortVoice = 5 * time.Second
	}
	if r.interval == 0 {
		r.interval = 100 * ms
	}
	if r.course == nil {
		r.course = converse
		r.bars = r.bars.withDefaults()
	}
	if !settings.Full && r.bars.shortGap > 0 {
		r.bars.gap = r.bars.shortGap
	}
	return r
}

// length is how long the voice is.
func (r row) length() time.Duration {
	if settings.Full {
		return r.voice
	}
	return r.shortVoice
}

// line is the n-th line that alice sends, from 1.
func (r row) line(n int) string {
	text := fmt.Sprintf("line %d of a voice from far away, and the weather is fine", n)
	if r.longLines && n%10 == 0 {
		text += strings.Repeat(" yodel", 700)
	}
	return text
}

// rows are all conditions, in the order of the table.
var rows = slices.Concat(impairments(), blackouts(), roaming(), restarts(), setups())

// lossy is a profile of loss alone.
func lossy(share float64) netem.Impairment {
	return netem.Impairment{Profile: fates.Profile{Loss: share, Delay: 20 * ms}}
}

func profile(p fates.Profile) netem.Impairment { return netem.Impairment{Profile: p} }

func impairments() []row {
	return []row{
		{name: "clean"},
		{name: "loss 1 %", both: lossy(0.01), voice: minute, bars: bars{lost: 0.001}},
		{name: "loss 5 %", both: lossy(0.05), voice: minute, bars: bars{lost: 0.001}},
		{name: "loss 10 %", both: lossy(0.10), voice: minute, bars: bars{lost: 0.001}},
		{name: "loss 20 %", both: lossy(0.20), voice: minute, bars: bars{lost: 0.001}, short: true},
		{name: "loss 40 %", both: lossy(0.40), voice: minute, bars: bars{lost: 0.01}, short: true},
		// A run of lost packets is long where they are rare, as requests for repair are: no voice survives every one.
		{name: "bursts of 8, loss 10 %", both: profile(fates.Profile{Loss: 0.1, Burst: 8, Delay: 20 * ms}), voice: minute, bars: bars{lost: 0.01}},
		{name: "delay 300 ms", both: profile(fates.Profile{Delay: 300 * ms})},
		{name: "delay 100 ± 80 ms", both: profile(fates.Profile{Delay: 100 * ms, Jitter: 80 * ms})},
		{name: "reorder 20 %", both: profile(fates.Profile{Delay: 50 * ms, Reorder: 0.2})},
		{name: "duplicates 20 %", both: profile(fates.Profile{Delay: 20 * ms, Jitter: 10 * ms, Dup: 0.2})},
		{name: "corrupt 5 %, dropped", both: profile(fates.Profile{Delay: 20 * ms, Corrupt: 0.05}), bars: bars{lost: 0.001}},
		{name: "corrupt 5 %, delivered", both: netem.Impairment{Profile: fates.Profile{Delay: 20 * ms, Corrupt: 0.05}, Rewrite: true}, bars: bars{lost: 0.001}, short: true},
		// One line a second: the voice takes 55 kbit/s of it.
		{name: "64 kbit/s", both: netem.Impairment{Rate: 64000, Queue: 500 * ms, Profile: fates.Profile{Delay: 20 * ms}}, interval: time.Second, bars: bars{lost: 0.01}},
		{name: "MTU 1280", both: netem.Impairment{MTU: 1280}, mtu: 1280, longLines: true},
	}
}

func blackouts() (all []row) {
	for _, hop := range []string{"alice", "bob"} {
		dark := func(d time.Duration) func(*world) error {
			return func(w *world) error { return w.blackout(w.site(hop), d) }
		}
		all = append(
			all,
			row{name: "black-out 1 s, " + hop, act: dark(time.Second), both: lossy(0), short: hop == "alice"},
			row{name: "black-out 20 s, " + hop, act: dark(20 * time.Second), both: lossy(0), voice: 36 * time.Second, shortVoice: 36 * time.Second, bars: bars{holes: true, gap: 24 * time.Second}},
			row{
				name: "black-out 60 s, " + hop, act: dark(time.Minute), both: lossy(0), voice: 90 * time.Second, shortVoice: 90 * time.Second, sender: "chat",
				bars: bars{holes: true, sessions: true, presence: true, back: 5 * time.Second, gap: 68 * time.Second},
			},
		)
	}
	return all
}

// roaming rows are in a room without delay, where a gap cannot be repaired: what was lost of the voice is the gap.
func roaming() []row {
	bar := bars{holes: true, gap: time.Second, shortGap: 2500 * ms} // of 3.3 s after the rebinding
	rebind := func(hop string) func(*world) error {
		return func(w *world) error {
			w.site(hop).link.Rebind()
			return nil
		}
	}
	move := func(hop string) func(*world) error {
		return func(w *world) error { return w.move(w.site(hop)) }
	}
	return []row{
		{name: "NAT rebinds, talking", room: liveRoom, nat: true, both: lossy(0), act: rebind("alice"), bars: bar, short: true},
		{name: "NAT rebinds, hearing", room: liveRoom, nat: true, both: lossy(0), act: rebind("bob"), bars: bar, short: true},
		{name: "NAT rebinds, idle", room: liveRoom, nat: true, both: lossy(0), course: idle},
		{name: "address moves, talking", room: liveRoom, both: lossy(0), act: move("alice"), bars: bar},
		{name: "address moves, hearing", room: liveRoom, both: lossy(0), act: move("bob"), bars: bar},
	}
}

func restarts() []row {
	// Who is idle in a room notices by its next report: 5 s at the most.
	bar := bars{holes: true, sessions: true, back: wire.ReportEvery + 2*time.Second, gap: 8 * time.Second}
	restart := func(signal syscall.Signal) func(*world) error {
		return func(w *world) error { return w.restartDaemon(signal) }
	}
	return []row{
		{name: "restart, SIGTERM", sender: "chat", both: lossy(0), act: restart(syscall.SIGTERM), bars: bar, shortVoice: 15 * time.Second},
		{name: "restart, SIGKILL", sender: "chat", both: lossy(0), act: restart(syscall.SIGKILL), bars: bar, shortVoice: 15 * time.Second, short: true},
	}
}

func setups() []row {
	return []row{
		{name: "set-up, RTT 400 ms", course: setUpTrips, alone: true, short: true},
		{name: "set-up, CPU", course: setUpTime, alone: true, short: true},
	}
}

// site is that of alice or bob.
func (w *world) site(nick string) *site {
	if nick == w.alice.nick {
		return w.alice
	}
	return w.bob
}

func place(name string) int {
	return slices.IndexFunc(rows, func(r row) bool { return r.name == name })
}

// TestNetwork runs the rows.
func TestNetwork(t *testing.T) {
	netem.Need(t, "YODEL ON BAD NETWORKS")
	t.Logf("seed %d", settings.Seed)
	for _, r := range rows {
		r = r.withDefaults()
		if settings.Only != nil && !settings.Only.MatchString(r.name) || settings.Only == nil && !settings.Full && !r.short {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			if !r.alone {
				t.Parallel()
			}
			r.run(t)
		})
	}
}

// shortTries is how often the short form, which runs on machines that others use, tries a row at most. What it finds in each of them is not the machine's.
const shortTries = 4

// run runs a row, and holds what comes of it against the bars.
func (r row) run(t *testing.T) {
	out := r.once(t)
	for n := 1; n < shortTries && !settings.Full && out.again; n++ {
		t.Logf("try %d: %v", n, errors.Join(out.faults...))
		out = r.once(t)
	}
	results.add(out)
	if err := errors.Join(out.faults...); err != nil {
		t.Errorf("seed %d: %v", settings.Seed, err)
	}
}

// once runs a row in a world of its own.
func (r row) once(t *testing.T) *outcome {
	begin := time.Now()
	out := &outcome{row: r.name}
	w := newWorld(t, r.mtu, r.length()+4*time.Minute)
	defer w.end()
	for _, s := range []*site{w.alice, w.bob} {
		if err := s.link.SetBoth(r.both); err != nil {
			t.Fatal(err)
		}
		if r.nat {
			s.link.Rebind()
		}
	}
	out.fault(r.course(w, r, out))
	out.judge(r.bars)
	out.took = time.Since(begin)
	out.again = len(out.faults) > 0 && !errors.Is(errors.Join(out.faults...), errDisorder) && w.daemonRuns()
	return out
}
