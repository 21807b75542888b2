package main

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// errBar is a bar that the measured figures broke.
var errBar = errors.New("bar broken")

// bar is what yodel must reach at one loss, with 200 bytes a message at 100/s over 30 ± 10 ms each way.
type bar struct {
	p50, p99  time.Duration
	datagrams float64 // a message, both ways
	bytes     float64 // times those without repeats; 0: no bar
}

// bars by loss in percent.
var bars = map[float64]bar{
	0:  {32 * time.Millisecond, 45 * time.Millisecond, 1.8, 1.1},
	5:  {33 * time.Millisecond, 60 * time.Millisecond, 1.8, 0},
	20: {38 * time.Millisecond, 100 * time.Millisecond, 1.8, 0},
	40: {60 * time.Millisecond, 400 * time.Millisecond, 2.2, 0},
}

// row is what one protocol did at one loss. Milliseconds, for people and -json alike.
type row struct {
	Protocol  string  `json:"protocol"`
	Loss      float64 `json:"loss_percent"`
	Messages  int     `json:"messages"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	Max       float64 `json:"max_ms"`
	Datagrams float64 `json:"datagrams_per_message"`
	Bytes     float64 `json:"ip_bytes_per_message"`
	Ratio     float64 `json:"bytes_ratio_to_no_repeats,omitempty"` // of UDP payloads; only yodel
	Lag       float64 `json:"sender_lag_p99_ms"`
	Error     string  `json:"error,omitempty"`
}

// check gives the bars that a row of yodel breaks; rows of others and of losses without a bar break none.
func (r *row) check() error {
	b, known := bars[r.Loss]
	if r.Protocol != "yodel" || !known {
		return nil
	}
	if r.Error != "" {
		return fmt.Errorf("%w: loss %v %%: %s", errBar, r.Loss, r.Error)
	}
	var broken []error
	for _, limit := range []struct {
		what      string
		got, most float64
	}{
		{"p50 ms", r.P50, milliseconds(b.p50)},
		{"p99 ms", r.P99, milliseconds(b.p99)},
		{"datagrams a message", r.Datagrams, b.datagrams},
		{"times the bytes without repeats", r.Ratio, b.bytes},
	} {
		if limit.most > 0 && limit.got > limit.most {
			broken = append(broken, fmt.Errorf("%w: loss %v %%: %.2f %s > %v", errBar, r.Loss, limit.got, limit.what, limit.most))
		}
	}
	return errors.Join(broken...)
}

// summarize fills in what the times of a run say. The slices are sorted by it.
func (r *row) summarize(latency, lag []time.Duration) {
	r.Messages = len(latency)
	r.P50, r.P99 = milliseconds(quantile(latency, 50)), milliseconds(quantile(latency, 99))
	r.Max = milliseconds(quantile(latency, 100))
	r.Lag = milliseconds(quantile(lag, 99))
}

// quantile gives the smallest value that so many percent of all do not exceed; 0 of none. It sorts.
func quantile(d []time.Duration, percent int) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[max(0, (len(d)*percent+99)/100-1)]
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

func (r *row) String() string {
	if r.Error != "" {
		return fmt.Sprintf("%-8s %5v  %s", r.Protocol, r.Loss, r.Error)
	}
	ratio := "     -"
	if r.Ratio > 0 {
		ratio = fmt.Sprintf("%6.2f", r.Ratio)
	}
	return fmt.Sprintf("%-8s %5v %8.1f %8.1f %8.1f %9.2f %9.0f %s %6.1f",
		r.Protocol, r.Loss, r.P50, r.P99, r.Max, r.Datagrams, r.Bytes, ratio, r.Lag)
}

const header = "protocol loss%   p50 ms   p99 ms   max ms  dgrams/m   bytes/m  ratio lag ms"
