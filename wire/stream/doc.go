// Package stream carries messages of up to 64 KiB, reliably and in order, in both directions of one session, as a state machine: it reads no
// clock, starts no goroutine and owns no socket. Time comes in as an argument, datagrams come in and go out as bytes.
//
// # On the wire
//
// Each side sends RTP packets of payload type 100 (clock 1000 Hz) under its own SSRC. The sequence number is a packet number:
// it goes up by one with each packet and no packet is ever sent again. The payload tells how far back the oldest packet lies
// that the sender still waits for; then come chunks of messages (wire.Chunk). The other side answers with reports (RFC 8888) that
// cover all packets from that oldest to the highest received. Lost chunks travel again in new packets, as in QUIC (RFC 9000, 13.3).
//
// # The parts
//
//	outbox       messages that are not acknowledged, cut into fragments, and which fragment goes next
//	sentPackets  what each packet carried and its fate; loss and probes (RFC 9002, 6)
//	rtt, reno    round-trip time and congestion window (RFC 9002, 5 and 7)
//	inbox        puts chunks together and messages into order, with bounded memory
//	acks         which packets arrived, and when a report is due
//	ring         the queue by number that they are built on
//
// Where it leaves RFC 9002: the window does not fall under 16 datagrams while the path shows no queue (see floorWindow), the
// backoff of probes is capped at 2 s, a probe carries the oldest outstanding data, a recovery period without
// reason is undone, and nothing is paced.
//
// # The caller's duties
//
// One goroutine at a time owns a Stream. After every call of HandlePacket, HandleReport, Send, Revive and Advance it
//
//   - calls AppendPacket until that says None, protects what comes as RTP or RTCP, and sends it;
//   - takes what Receive has;
//   - sets its timer to Deadline and calls Advance when that has passed.
//
// It gives the stream only packets that were authentic and, for RTP, not a replay; calls Heard for any other authentic packet of
// the session; stops sending when Queued grows beyond what it wants to hold; and looks at Err: a stream is dead after 30 s in which
// nothing was heard. An idle stream sends nothing, so the caller keeps the session alive with messages of its own.
// A farewell (BYE) is the caller's, too.
//
// A stream that is idle takes under 2 KiB.
package stream
