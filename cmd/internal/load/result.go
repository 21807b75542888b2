package load

import "time"

// Seconds is a duration that is a number of seconds in JSON.
type Seconds float64

func seconds(d time.Duration) Seconds { return Seconds(d.Seconds()) }

// Duration gives it back.
func (s Seconds) Duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

// Result is what a run has measured. Its JSON is what `yodel bench --json` prints, with "type" before it. Rates are per second.
type Result struct {
	Server      string  `json:"server"`
	Plain       bool    `json:"plain"`
	Rooms       int     `json:"rooms"`
	Talkers     int     `json:"talkers"`   // of a room
	Listeners   int     `json:"listeners"` // of a room
	Hear        bool    `json:"hear"`
	Burst       bool    `json:"burst"`
	Rate        float64 `json:"rate"`        // packets of a talker
	Size        int     `json:"size"`        // bytes of a payload
	Seconds     Seconds `json:"seconds"`     // of the measuring phase
	Delay       Seconds `json:"delay"`       // of the room
	Lead        Seconds `json:"lead"`        // how long before they are due the daemon sends packets
	Interrupted bool    `json:"interrupted"` // the measuring phase was ended before its time

	Sessions Sessions `json:"sessions"`
	Audio    Audio    `json:"audio"`
	Chat     *Chat    `json:"chat,omitempty"`   // when there were messages
	Daemon   *Daemon  `json:"daemon,omitempty"` // when the process is known
}

// Sessions tells of the beginning of sessions; of a plain relay, of sockets.
type Sessions struct {
	Joined int `json:"joined"`
	Failed int `json:"failed"`
	Lost   int `json:"lost"` // ended before their time
	// Join is from the first STUN request to Joined. It has the load generator's half of the handshake in it.
	Join Quantiles `json:"join"`
	Rate float64   `json:"join_rate"`
}

// Audio counts the packets of the measuring phase.
type Audio struct {
	Offered   int     `json:"offered"`   // packets sent by talkers
	Expected  int     `json:"expected"`  // datagrams to those who hear
	Delivered int     `json:"delivered"` // of these, once each
	Rate      float64 `json:"delivered_rate"`
	Lost      int     `json:"lost"`
	Loss      float64 `json:"loss_percent"`
	Doubled   int     `json:"doubled"`
	Strange   int     `json:"strange"` // datagrams that nobody should have sent here
	Checked   int     `json:"checked"` // packets that were decrypted and compared
	False     int     `json:"false"`   // of these, not authentic or not what was sent
	// Latency is one way, from the talker's send call to the listener's receive call, less the time for which the room holds packets
	// (delay − lead).
	Latency Quantiles `json:"latency"`
	// Lag is how late the load generator sent: when it is large, this machine was too busy to measure.
	Lag Quantiles `json:"lag"`
}

// Chat counts the messages of the measuring phase. An entry is one message at one member.
type Chat struct {
	Published int       `json:"published"`
	Held      int       `json:"held"` // not sent for want of credit
	Receipts  int       `json:"receipts"`
	Receipt   Quantiles `json:"receipt"` // from publishing
	Expected  int       `json:"expected"`
	Entries   int       `json:"entries"`
	Entry     Quantiles `json:"entry"` // from publishing
	Lost      int       `json:"lost"`
	Doubled   int       `json:"doubled"`
}

// Daemon is what the daemon's process needed.
type Daemon struct {
	Datagrams int     `json:"datagrams"`       // that reached listeners while the CPU was measured
	CPU       float64 `json:"cpu_percent"`     // of one core, in the measuring phase
	Nanos     float64 `json:"cpu_ns_datagram"` // CPU for each of Datagrams; 0 without
	JoinCPU   Seconds `json:"cpu_join"`        // CPU of the joining phase for each session
	RSS       int64   `json:"rss"`             // bytes, at the end of the measuring phase
	RSSBefore int64   `json:"rss_before"`      // before the first session
	Each      float64 `json:"rss_session"`     // bytes a session, over RSSBefore
}

// Quantiles sum up a distribution; within 1.6 %, Max is exact.
type Quantiles struct {
	P50 Seconds `json:"p50"`
	P99 Seconds `json:"p99"`
	Max Seconds `json:"max"`
}
