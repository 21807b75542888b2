package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"yodel/daemon"
	"yodel/daemon/histogram"
)

// figures are the metrics that come from daemon.Stats.
var figures = []figure{
	labelled("yodel_datagrams_received_total", "Datagrams that came in, by what their clear headers say.", "kind",
		func(s *daemon.Stats) map[string]float64 { return datagrams(s.Received) }),
	labelled("yodel_received_bytes_total", "Bytes of the payloads of datagrams that came in.", "kind",
		func(s *daemon.Stats) map[string]float64 { return bytes(s.Received) }),
	labelled("yodel_datagrams_sent_total", "Datagrams that were given to the kernel.", "kind",
		func(s *daemon.Stats) map[string]float64 { return datagrams(s.Sent) }),
	labelled("yodel_sent_bytes_total", "Bytes of the payloads of datagrams that were given to the kernel.", "kind",
		func(s *daemon.Stats) map[string]float64 { return bytes(s.Sent) }),
	labelled("yodel_drops_total", "Datagrams, packets and requests that went no further or had to wait.", "reason",
		func(s *daemon.Stats) map[string]float64 { return floats(s.Dropped) }),

	labelled("yodel_handshakes_total", "Handshakes by what became of them.", "outcome",
		func(s *daemon.Stats) map[string]float64 { return floats(s.Handshakes) }),
	gauge("yodel_handshakes_running", "Handshakes under way.", func(s *daemon.Stats) float64 { return float64(s.HandshakesRunning) }),
	gauge("yodel_sessions", "Sessions that have said Hello.", func(s *daemon.Stats) float64 { return float64(s.Sessions) }),
	gauge("yodel_rooms", "Rooms with somebody in them, a voice, or by configuration.", func(s *daemon.Stats) float64 { return float64(s.Rooms) }),
	gauge("yodel_members", "Sessions in rooms, each counted in every room that it is in.", func(s *daemon.Stats) float64 { return float64(s.Members) }),
	gauge("yodel_voices", "Talkspurts that are open or not played out.", func(s *daemon.Stats) float64 { return float64(s.Voices) }),
	gauge("yodel_talkers", "Talkspurts in which somebody talks.", func(s *daemon.Stats) float64 { return float64(s.Talkers) }),

	gauge("yodel_echo_packets", "Voice packets in the delay lines, with those kept to be sent again.", func(s *daemon.Stats) float64 { return float64(s.EchoPackets) }),
	gauge("yodel_echo_bytes", "Bytes that the delay lines take.", func(s *daemon.Stats) float64 { return float64(s.EchoBytes) }),
	gauge("yodel_echo_limit_bytes", "Bytes that the delay lines may take.", func(s *daemon.Stats) float64 { return float64(s.EchoLimit) }),
	labelled("yodel_resends_asked_total", "Voice packets asked for again: up by the daemon, down by listeners.", "path",
		func(s *daemon.Stats) map[string]float64 {
			return map[string]float64{"up": float64(s.ResendsUp.Asked), "down": float64(s.ResendsDown.Asked)}
		}),
	labelled("yodel_resends_answered_total", "Voice packets that came or went after they were asked for.", "path",
		func(s *daemon.Stats) map[string]float64 {
			return map[string]float64{"up": float64(s.ResendsUp.Answered), "down": float64(s.ResendsDown.Answered)}
		}),
	labelled("yodel_resends_refused_total", "Voice packets that the daemon did not send again; of talkers it is not known.", "path",
		func(s *daemon.Stats) map[string]float64 {
			return map[string]float64{"down": float64(s.ResendsDown.Refused)}
		}),
	counter("yodel_voice_packets_received_total", "Voice packets of talkspurts that are over.",
		func(s *daemon.Stats) float64 { return float64(s.VoicePacketsReceived) }),
	counter("yodel_voice_packets_lost_total", "Voice packets of talkspurts that are over that never came.",
		func(s *daemon.Stats) float64 { return float64(s.VoicePacketsLost) }),

	counter("yodel_receipts_total", "Receipts given for messages.", func(s *daemon.Stats) float64 { return float64(s.Receipts) }),
	labelled("yodel_refusals_total", "Requests refused, by code.", "code", func(s *daemon.Stats) map[string]float64 { return floats(s.Refusals) }),
	counter("yodel_messages_stored_total", "Messages committed to the room log.", func(s *daemon.Stats) float64 { return float64(s.Log.Stored) }),
	counter("yodel_messages_repeated_total", "Messages that were in the room log already.", func(s *daemon.Stats) float64 { return float64(s.Log.Repeated) }),
	counter("yodel_commits_total", "Transactions of the room log with messages.", func(s *daemon.Stats) float64 { return float64(s.Log.Commits) }),
	spread("yodel_commit_seconds", "Time from the taking of a message to its commit.", "",
		func(s *daemon.Stats) map[string]histogram.Snapshot {
			return map[string]histogram.Snapshot{"": s.Log.Latency}
		}),
	gauge("yodel_waiting_messages", "Messages that wait for the disk.", func(s *daemon.Stats) float64 { return float64(s.Log.Waiting) }),
	gauge("yodel_waiting_bytes", "Bytes of the bodies of messages that wait for the disk.", func(s *daemon.Stats) float64 { return float64(s.Log.WaitingBytes) }),

	spread("yodel_rtt_seconds", "Round-trip times of sessions, once a report.", "",
		func(s *daemon.Stats) map[string]histogram.Snapshot { return map[string]histogram.Snapshot{"": s.RTT} }),
	spread("yodel_loss_ratio", "Loss of voices between two reports, before repair: up from talkers, down to listeners.", "path",
		func(s *daemon.Stats) map[string]histogram.Snapshot {
			return map[string]histogram.Snapshot{"up": s.LossUp, "down": s.LossDown}
		}),
}

func gauge(name, help string, value func(*daemon.Stats) float64) figure {
	return figure{desc: prometheus.NewDesc(name, help, nil, nil), kind: prometheus.GaugeValue, value: value}
}

func counter(name, help string, value func(*daemon.Stats) float64) figure {
	return figure{desc: prometheus.NewDesc(name, help, nil, nil), kind: prometheus.CounterValue, value: value}
}

// labelled is a counter with one label.
func labelled(name, help, label string, values func(*daemon.Stats) map[string]float64) figure {
	return figure{desc: prometheus.NewDesc(name, help, []string{label}, nil), kind: prometheus.CounterValue, byLabel: values}
}

// spread is a histogram with one label, or none.
func spread(name, help, label string, values func(*daemon.Stats) map[string]histogram.Snapshot) figure {
	var labels []string
	if label != "" {
		labels = []string{label}
	}
	return figure{desc: prometheus.NewDesc(name, help, labels, nil), histogram: values}
}

func datagrams(by map[string]daemon.Traffic) map[string]float64 {
	out := make(map[string]float64, len(by))
	for kind, t := range by {
		out[kind] = float64(t.Datagrams)
	}
	return out
}

func bytes(by map[string]daemon.Traffic) map[string]float64 {
	out := make(map[string]float64, len(by))
	for kind, t := range by {
		out[kind] = float64(t.Bytes)
	}
	return out
}

func floats(by map[string]uint64) map[string]float64 {
	out := make(map[string]float64, len(by))
	for label, n := range by {
		out[label] = float64(n)
	}
	return out
}
