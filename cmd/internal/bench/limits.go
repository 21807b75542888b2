package main

import (
	"context"
	"fmt"
	"time"

	"yodel/cmd/internal/load"
)

// limit is one line of the second table.
type limit struct {
	name, bar string
	measure   func(b *bench, ctx context.Context) (measured string, met bool, err error)
}

var limits = []limit{
	{"latency, 1 talker, 10 listeners, live", "p50 within 30 µs of the yardstick", (*bench).latency},
	{"latency at a quarter of a core: 200 rooms × 5, 1 talking each, live", "p99 under 1 ms", (*bench).quarter},
	{"5000 listeners, 1 talker, live", "no loss", (*bench).wide},
	{"5000 idle sessions for a minute", "under 10 KiB RSS each, 2 % of a core", (*bench).idle},
	{"2000 joins, 200/s, beside 10 who hear an echo", "under 0.6 ms of CPU each, no echo later than 20 ms", (*bench).joins},
	{"10,000 idle sessions get a message each", "all within 1 s, none lost", (*bench).crowd},
}

// limits is the second table.
func (b *bench) limits(ctx context.Context) error {
	titled := false
	for _, l := range limits {
		if !b.rows.MatchString(l.name) {
			continue
		}
		if !titled {
			fmt.Print("\n| load | measured | bar | met |\n|---|---|---|---|\n")
			titled = true
		}
		measured, met, err := l.measure(b, ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		fmt.Printf("| %s | %s | %s | %s |\n", l.name, measured, l.bar, yes(met))
		if !met {
			b.missed++
		}
	}
	return nil
}

// latency compares with the yardstick, round by round.
func (b *bench) latency(ctx context.Context) (string, bool, error) {
	var daemon, relay, apart []float64
	for range b.rounds {
		var p50 [2]float64
		for i, start := range []func(context.Context) (*server, error){b.relay, b.daemon} {
			r, err := b.once(ctx, start, "--talkers", "1", "--listeners", "10", "--room", "live", "--for", b.length.String())
			if err != nil {
				return "", false, err
			}
			p50[i] = microseconds(r.Audio.Latency.P50)
		}
		relay, daemon, apart = append(relay, p50[0]), append(daemon, p50[1]), append(apart, p50[1]-p50[0])
	}
	d := median(apart)
	return fmt.Sprintf("p50 %.0f µs, yardstick %.0f µs: %+.0f µs", median(daemon), median(relay), d), d <= 30, nil
}

// quarter is 40,000 datagrams a second in small rooms. The yardstick takes a quarter of a core for them (2.8 GHz): each is one of four, and the
// wake-ups of those who hear it are most of its price.
func (b *bench) quarter(ctx context.Context) (string, bool, error) {
	args := []string{"--rooms", "200", "--talkers", "1", "--listeners", "4", "--for", b.length.String()}
	relay, err := b.once(ctx, b.relay, args...)
	if err != nil {
		return "", false, err
	}
	r, err := b.once(ctx, b.daemon, args...)
	if err != nil {
		return "", false, err
	}
	return fmt.Sprintf("%.0f/s, %.0f %% of a core: p50 %.0f µs, p99 %.0f µs, max %.0f µs, %d lost; yardstick p99 %.0f µs",
		r.Audio.Rate, r.Daemon.CPU, microseconds(r.Audio.Latency.P50), microseconds(r.Audio.Latency.P99), microseconds(r.Audio.Latency.Max),
		r.Audio.Lost, microseconds(relay.Audio.Latency.P99)), r.Audio.Latency.P99 < 0.001 && r.Audio.Lost == 0, nil
}

// wide is one voice to as many as can be.
func (b *bench) wide(ctx context.Context) (string, bool, error) {
	r, err := b.once(ctx, b.daemon, "--talkers", "1", "--listeners", "5000", "--room", "live", "--for", max(b.length, 10*time.Second).String())
	if err != nil {
		return "", false, err
	}
	a := &r.Audio
	return fmt.Sprintf("%.0f/s: %d of %d lost, %.0f ns a datagram, %.0f %% of a core, latency p50 %.1f ms, p99 %.1f ms",
		a.Rate, a.Lost, a.Expected, r.Daemon.Nanos, r.Daemon.CPU, milliseconds(a.Latency.P50), milliseconds(a.Latency.P99)), a.Lost == 0, nil
}

func (b *bench) idle(ctx context.Context) (string, bool, error) {
	r, err := b.once(ctx, b.daemon, "--talkers", "0", "--listeners", "5000", "--room", "live", "--for", "60s")
	if err != nil {
		return "", false, err
	}
	each := r.Daemon.Each / (1 << 10)
	return fmt.Sprintf("%.1f KiB each, %.2f %% of a core, %d lost", each, r.Daemon.CPU, r.Sessions.Lost),
		each < 10 && r.Daemon.CPU < 2 && r.Sessions.Lost == 0, nil
}

// joins has sessions begin while others, in another room, hear an echo.
func (b *bench) joins(ctx context.Context) (string, bool, error) {
	s, err := b.daemon(ctx)
	if err != nil {
		return "", false, err
	}
	defer s.stop()
	type outcome struct {
		*load.Result
		err error
	}
	voice := make(chan outcome, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		r, err := b.load(ctx, s, "--talkers", "1", "--listeners", "10", "--room", "echo", "--for", "12s")
		voice <- outcome{r, err}
	}()
	r, err := b.load(ctx, s, "--talkers", "0", "--listeners", "2000", "--room", "live", "--join-rate", "200", "--for", "1s")
	if err != nil {
		cancel()
		<-voice
		return "", false, err
	}
	heard := <-voice
	if heard.err != nil {
		return "", false, heard.err
	}
	cpu, latest := milliseconds(r.Daemon.JoinCPU), milliseconds(heard.Audio.Latency.Max)
	return fmt.Sprintf("%.2f ms of CPU each, %.0f/s, %d failed; joins p50 %.1f ms, p99 %.1f ms; echo p99 %.1f ms, at most %.1f ms late, %d lost",
			cpu, r.Sessions.Rate, r.Sessions.Failed, milliseconds(r.Sessions.Join.P50), milliseconds(r.Sessions.Join.P99),
			milliseconds(heard.Audio.Latency.P99), latest, heard.Audio.Lost),
		cpu < 0.6 && latest <= 20 && heard.Audio.Lost == 0 && r.Sessions.Failed == 0, nil
}

func (b *bench) crowd(ctx context.Context) (string, bool, error) {
	r, err := b.once(ctx, b.daemon, "--talkers", "0", "--listeners", "10000", "--room", "live", "--chat-rate", "0.5", "--for", "1s")
	if err != nil {
		return "", false, err
	}
	c := r.Chat
	return fmt.Sprintf("%d of %d, the last after %.2f s; %d sessions lost", c.Entries, c.Expected, float64(c.Entry.Max), r.Sessions.Lost),
		c.Lost == 0 && c.Doubled == 0 && c.Entry.Max <= 1 && r.Sessions.Lost == 0 && r.Sessions.Failed == 0, nil
}

func microseconds(s load.Seconds) float64 { return 1e6 * float64(s) }
func milliseconds(s load.Seconds) float64 { return 1e3 * float64(s) }
