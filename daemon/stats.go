package daemon

import (
	"context"
	"strings"
	"time"

	"yodel/daemon/histogram"
	"yodel/daemon/roomlog"
	"yodel/wire"
)

// Stats are figures of a daemon. What is counted is so since its start.
type Stats struct {
	// Received and Sent are datagrams by kind, which is told by their clear headers: unknown, stun, dtls, rtp_audio, rtp_message, rtcp. What the
	// kernel did not take of what was sent is in Dropped, as "not sent".
	Received map[string]Traffic `json:"received"`
	Sent     map[string]Traffic `json:"sent"`
	// Dropped has each reason, as the log names it.
	Dropped map[string]uint64 `json:"dropped"`

	Handshakes        map[string]uint64 `json:"handshakes"`         // by outcome: begun, done, failed, replaced, cut_short
	HandshakesRunning int               `json:"handshakes_running"` // now
	Sessions          int               `json:"sessions"`           // that have said Hello, and that no other has taken over
	Rooms             int               `json:"rooms"`              // with somebody in them, a voice, or by configuration
	Members           int               `json:"members"`            // of all rooms: a session counts in each that it is in
	Voices            int               `json:"voices"`             // talkspurts that are open or not played out
	Talkers           int               `json:"talkers"`            // of these such in which somebody talks now

	EchoPackets int   `json:"echo_packets"` // in all delay lines, with those that are kept to be sent again
	EchoBytes   int64 `json:"echo_bytes"`   // which these take
	EchoLimit   int64 `json:"echo_limit"`   // how many they may take

	VoicePacketsReceived uint64 `json:"voice_packets_received"` // of talkspurts that are over
	VoicePacketsLost     uint64 `json:"voice_packets_lost"`     // of these, for good

	// Up is what the daemon asks of talkers, who do not say what they refuse: what does not come in time is lost. Down is what listeners ask of it.
	ResendsUp   Resends `json:"resends_up"`
	ResendsDown Resends `json:"resends_down"`

	Receipts uint64            `json:"receipts"` // that were given
	Refusals map[string]uint64 `json:"refusals"` // by code: access, limit, read_only, …

	RTT      histogram.Snapshot `json:"rtt"`       // seconds, of a session, at each report to it
	LossUp   histogram.Snapshot `json:"loss_up"`   // 0 to 1, of a talker, since the report before
	LossDown histogram.Snapshot `json:"loss_down"` // the same, as listeners report it

	Log roomlog.Stats `json:"log"`
}

// Traffic is a number of datagrams, and the bytes of their payloads.
type Traffic struct {
	Datagrams uint64 `json:"datagrams"`
	Bytes     uint64 `json:"bytes"`
}

// Resends counts packets that were asked for again.
type Resends struct {
	Asked    uint64 `json:"asked"` // a packet as often as it was asked for
	Answered uint64 `json:"answered"`
	Refused  uint64 `json:"refused"`
}

// Stats gives the figures. It has the hub's loop look at all rooms, which takes 0.1 µs each.
func (d *Daemon) Stats(ctx context.Context) (Stats, error) {
	s, err := ask(ctx, d, func(h *hub, _ time.Time) *Stats { return h.stats() })
	if err != nil {
		return Stats{}, err
	}
	s.Log = d.server.hub.messages.Stats()
	return *s, nil
}

// Software is what the daemon calls itself to peers: Config.Software.
func (d *Daemon) Software() string { return d.server.hub.cfg.Software }

// stats gives all figures but the room log's.
func (h *hub) stats() *Stats {
	p, f := h.plane, &h.figures
	s := &Stats{
		Dropped: make(map[string]uint64), Handshakes: make(map[string]uint64), Refusals: make(map[string]uint64),
		HandshakesRunning: h.census.pending, Sessions: h.census.sessions, Rooms: len(h.rooms),
		EchoBytes: p.echo.Load(), EchoLimit: p.echoLimit.Load(), VoicePacketsReceived: f.voiceGot, VoicePacketsLost: f.voiceLost,
		ResendsDown: Resends{Asked: f.resendsAsked, Answered: f.resendsAnswered, Refused: f.resendsRefused},
		Receipts:    f.receipts,
		RTT:         f.rtt.Snapshot(), LossUp: f.lossUp.Snapshot(), LossDown: f.lossDown.Snapshot(),
	}
	sent, received := []*traffic{&h.sent}, []*traffic(nil)
	for _, sh := range p.shards {
		received, sent = append(received, &sh.received), append(sent, &sh.sent)
		s.ResendsUp.Asked += sh.asked.Load()
		s.ResendsUp.Answered += sh.repaired.Load()
	}
	s.Received, s.Sent = sum(received), sum(sent)
	for i, name := range dropNames {
		s.Dropped[name] = p.drops.now[i].Load()
	}
	for i, name := range outcomeNames {
		s.Handshakes[name] = f.handshakes[i]
	}
	for code, name := range wire.Code_name {
		s.Refusals[strings.ToLower(strings.TrimPrefix(name, "CODE_"))] = f.refusals[wire.Code(code)]
	}
	for _, r := range h.rooms {
		s.Members += len(r.members)
		r.count(s)
	}
	return s
}

// count adds what is said in a room.
func (r *room) count(s *Stats) {
	if len(r.voices) == 0 {
		return
	}
	r.relay.mu.Lock()
	defer r.relay.mu.Unlock()
	for _, v := range r.voices {
		s.Voices++
		s.EchoPackets += v.line.packets
		if v.talking() {
			s.Talkers++
		}
	}
}

// sum adds traffic up, by kind.
func sum(parts []*traffic) map[string]Traffic {
	all := make(map[string]Traffic, trafficKinds)
	for k, name := range trafficNames {
		var t Traffic
		for _, part := range parts {
			t.Datagrams += part.datagrams[k].Load()
			t.Bytes += part.bytes[k].Load()
		}
		all[name] = t
	}
	return all
}
