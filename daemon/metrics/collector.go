package metrics

import (
	"context"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"yodel/daemon"
	"yodel/daemon/histogram"
)

// waitFor is how long a scrape waits for the daemon.
const waitFor = 2 * time.Second

// collector reads a daemon's figures once a scrape.
type collector struct {
	daemon *daemon.Daemon
}

var (
	up = prometheus.NewDesc("yodel_up", "Whether the daemon's loop, readers and pumps go on.", nil, nil)

	buildInfo = prometheus.NewDesc("yodel_build_info", "The version of the daemon and of Go that it was built with; always 1.", []string{"version", "goversion"}, nil)

	writable = prometheus.NewDesc("yodel_log_writable", "Whether the room log stores messages.", nil, nil)
)

// Describe tells what Collect gives. prometheus.Collector.
func (c collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{up, buildInfo, writable} {
		to <- d
	}
	for i := range figures {
		to <- figures[i].desc
	}
}

// Collect gives all figures, or that there are none. prometheus.Collector.
func (c collector) Collect(to chan<- prometheus.Metric) {
	_, version, _ := strings.Cut(c.daemon.Software(), "/")
	to <- prometheus.MustNewConstMetric(buildInfo, prometheus.GaugeValue, 1, version, runtime.Version())
	to <- prometheus.MustNewConstMetric(writable, prometheus.GaugeValue, truth(c.daemon.Writable() == nil))
	ctx, cancel := context.WithTimeout(context.Background(), waitFor)
	defer cancel()
	s, err := statsOf(ctx, c.daemon)
	to <- prometheus.MustNewConstMetric(up, prometheus.GaugeValue, truth(err == nil))
	if err != nil {
		return
	}
	for i := range figures {
		figures[i].collect(&s, to)
	}
}

// statsOf asks a daemon that works. One that is stuck is not asked, again and again, for what it can never give.
func statsOf(ctx context.Context, d *daemon.Daemon) (daemon.Stats, error) {
	if err := d.Alive(ctx); err != nil {
		return daemon.Stats{}, err
	}
	return d.Stats(ctx)
}

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// figure is one metric of the daemon's. One of the three functions gives it.
type figure struct {
	desc      *prometheus.Desc
	kind      prometheus.ValueType
	value     func(s *daemon.Stats) float64
	byLabel   func(s *daemon.Stats) map[string]float64
	histogram func(s *daemon.Stats) map[string]histogram.Snapshot // the label "" is none
}

// collect gives the metric for all values of its label.
func (f *figure) collect(s *daemon.Stats, to chan<- prometheus.Metric) {
	switch {
	case f.value != nil:
		to <- prometheus.MustNewConstMetric(f.desc, f.kind, f.value(s))
	case f.byLabel != nil:
		for label, v := range f.byLabel(s) {
			to <- prometheus.MustNewConstMetric(f.desc, f.kind, v, label)
		}
	default:
		for label, h := range f.histogram(s) {
			var labels []string
			if label != "" {
				labels = []string{label}
			}
			to <- prometheus.MustNewConstHistogram(f.desc, h.Count, h.Sum, buckets(h), labels...)
		}
	}
}

func buckets(h histogram.Snapshot) map[float64]uint64 {
	out := make(map[float64]uint64, len(h.Bounds))
	for i, bound := range h.Bounds {
		out[bound] = h.UpTo[i]
	}
	return out
}
