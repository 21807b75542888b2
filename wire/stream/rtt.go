package stream

import "time"

const (
	// defaultRTT is used before the first measurement (RFC 9002, 6.2.2).
	defaultRTT = 333 * time.Millisecond
	// granularity of the caller's timer (RFC 9002, 6.1.2).
	granularity = time.Millisecond
	// maxAckDelay is how long a report may wait (RFC 9000, 18.2, has the same default).
	maxAckDelay = 25 * time.Millisecond
	// maxProbeTimeout caps the probe timeout, with or without backoff: what a sender of chat can wait for after a black-out. Ours; RFC 9002
	// has no cap. A report that comes after a black-out would else raise it to many seconds.
	maxProbeTimeout = 2 * time.Second
)

// rtt estimates the round-trip time (RFC 9002, 5).
type rtt struct {
	latest, smoothed, variance time.Duration
	adjusted                   time.Duration // latest without the delay of the report
	least                      time.Duration // 0: to be taken from the next sample
	first                      time.Time     // of the first sample; zero: none yet
}

func (r *rtt) init() { r.smoothed, r.variance = defaultRTT, defaultRTT/2 }

func (r *rtt) measured() bool { return !r.first.IsZero() }

// sample takes the time from the sending of the highest packet that a report newly acknowledges to now.
func (r *rtt) sample(now time.Time, latest, ackDelay time.Duration) {
	r.latest = max(latest, time.Nanosecond)
	r.adjusted = max(latest-min(ackDelay, maxAckDelay), time.Nanosecond)
	if r.least == 0 {
		r.least = r.latest
	}
	// RFC 9002, 5.2: "min_rtt MUST be set to the lesser of min_rtt and latest_rtt on all other samples."
	r.least = min(r.least, r.latest)
	if !r.measured() {
		r.first = now
		r.smoothed, r.variance = r.latest, r.latest/2
		return
	}
	// RFC 9002, 5.3: "MUST use the lesser of the acknowledgment delay and the peer's max_ack_delay".
	ackDelay = min(ackDelay, maxAckDelay)
	adjusted := r.latest
	// RFC 9002, 5.3: "MUST NOT subtract the acknowledgment delay from the RTT sample if the resulting value is smaller than the
	// min_rtt."
	if r.latest >= r.least+ackDelay {
		adjusted -= ackDelay
	}
	r.variance = (3*r.variance + (r.smoothed - adjusted).Abs()) / 4
	r.smoothed = (7*r.smoothed + adjusted) / 8
}

// forgetLeast makes the next sample the least one.
func (r *rtt) forgetLeast() {
	// RFC 9002, 5.2: "Endpoints SHOULD set the min_rtt to the newest RTT sample after persistent congestion is established."
	r.least = 0
}

// lossDelay is how long after its sending a packet is lost when a later one was acknowledged.
func (r *rtt) lossDelay() time.Duration {
	// RFC 9002, 6.1.2: "max(kTimeThreshold * max(smoothed_rtt, latest_rtt), kGranularity)", "kTimeThreshold [...] is 9/8".
	return max(9*max(r.smoothed, r.latest)/8, granularity)
}

// probeTimeout is the probe timeout without backoff.
func (r *rtt) probeTimeout() time.Duration {
	// RFC 9002, 6.2.1: "PTO = smoothed_rtt + max(4*rttvar, kGranularity) + max_ack_delay".
	return r.smoothed + max(4*r.variance, granularity) + maxAckDelay
}

// backedOff is the probe timeout after so many in a row.
func (r *rtt) backedOff(times int32) time.Duration {
	// RFC 9002, 6.2.1: "the PTO backoff factor is doubled" each time.
	timeout := r.probeTimeout()
	for ; times > 0 && timeout < maxProbeTimeout; times-- {
		timeout *= 2
	}
	return min(timeout, maxProbeTimeout)
}
