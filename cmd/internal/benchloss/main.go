//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
)

// maxLag is the sender's lag that spoils the figures.
const maxLag = 3.0 // ms

// protocols in the order of the table. Each runs a plan over a hop; repeated is how many bytes it sent before they were found lost.
var protocols = []struct {
	name string
	run  func(h *hop, p *plan, loss float64) (t *times, repeated int, err error)
}{{"yodel", overYodel}, {"tcp", tcp}, {"quic-go", overQUIC}}

func main() {
	_ = os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true")
	var p plan
	flag.IntVar(&p.n, "n", 1000, "messages")
	flag.Float64Var(&p.rate, "rate", 100, "messages a second")
	flag.IntVar(&p.size, "size", 200, "bytes a message, at least 16")
	flag.Uint64Var(&p.seed, "seed", rand.Uint64N(1e6), "of the fates of packets; the default is random")
	losses := flag.String("loss", "0,5,20,40", "losses in percent")
	check := flag.Bool("check", false, "exit 1 when yodel breaks a bar")
	asJSON := flag.Bool("json", false, "one JSON object a row")
	flag.Parse()
	shares, err := parseLosses(*losses)
	if err == nil && (p.n < 1 || p.size < stampSize || p.rate <= 0) {
		err = fmt.Errorf("-n %d, -size %d, -rate %v: too few", p.n, p.size, p.rate)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchloss:", err)
		os.Exit(2)
	}
	if err := table(&p, shares, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "benchloss:", err)
		if *check || !errors.Is(err, errBar) {
			os.Exit(1)
		}
	}
}

// parseLosses reads percents, separated by commas.
func parseLosses(s string) (percent []float64, err error) {
	for field := range strings.SplitSeq(s, ",") {
		x, err := strconv.ParseFloat(field, 64)
		if err != nil || !(x >= 0 && x < 100) {
			return nil, fmt.Errorf("-loss %q: %q is no percentage under 100", s, field)
		}
		percent = append(percent, x)
	}
	return percent, nil
}

// table measures and prints all rows. The error has the bars that were broken, and what failed.
func table(p *plan, losses []float64, asJSON bool) (err error) {
	if !asJSON {
		fmt.Printf("%d messages of %d bytes, %v/s, %v ± %v each way, seed %d\n%s\n", p.n, p.size, p.rate, oneWay, jitter, p.seed, header)
	}
	spoilt := 0.0
	for i, loss := range losses {
		at := *p
		at.seed += uint64(i)
		rows, runErr := measure(&at, loss)
		err = errors.Join(err, runErr)
		for _, r := range rows {
			if asJSON {
				err = errors.Join(err, json.NewEncoder(os.Stdout).Encode(&r))
			} else {
				fmt.Println(&r)
			}
			err = errors.Join(err, r.check())
			spoilt = max(spoilt, r.Lag)
		}
	}
	if spoilt > maxLag {
		fmt.Fprintf(os.Stderr, "note: this machine was busy: timers were up to %.1f ms late (p99), so the latencies say too much\n", spoilt)
	}
	return err
}

// measure runs all protocols at one loss at the same time, on links of their own with the same seed. The error is of what could not be set up; a
// protocol that fails says so in its row.
func measure(p *plan, loss float64) (rows []row, err error) {
	hops := make([]*hop, len(protocols))
	defer func() {
		for _, h := range hops {
			if h != nil {
				err = errors.Join(err, h.close())
			}
		}
	}()
	for i := range hops {
		if hops[i], err = newHop(p.seed); err != nil {
			return nil, err
		}
	}
	rows = make([]row, len(protocols))
	var all sync.WaitGroup
	for i, protocol := range protocols {
		all.Go(func() {
			rows[i] = row{Protocol: protocol.name, Loss: loss}
			rows[i].fill(hops[i], p, protocol.run)
		})
	}
	all.Wait()
	return rows, nil
}

// fill measures one row.
func (r *row) fill(h *hop, p *plan, run func(*hop, *plan, float64) (*times, int, error)) {
	t, repeated, err := run(h, p, r.Loss/100)
	if err != nil {
		r.Error = err.Error()
		return
	}
	r.summarize(t.latency, t.lag)
	sent := h.sent()
	r.Datagrams = float64(sent.Packets) / float64(p.n)
	r.Bytes = float64(sent.Bytes) / float64(p.n)
	if r.Protocol == "yodel" {
		payload := float64(sent.Bytes - udpHeaders*sent.Packets)
		r.Ratio = payload / (payload - float64(repeated))
	}
}
