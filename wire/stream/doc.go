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
//	skips        numbers that no packet gets, so that acknowledging what did not come shows
//	sentPackets  what each packet carried and its fate; loss and probes (RFC 9002, 6)
//	rtt, reno    round-trip time and congestion window (RFC 9002, 5 and 7)
//	history      which packets were lost lately, and so how many messages a packet repeats
//	brake        stops repeats that make a queue
//	inbox        puts chunks together and messages into order, with bounded memory
//	acks         which packets arrived, and when a report is due
//	ring         the queue by number that they are built on
//
// Where it leaves RFC 9002: the window does not fall under 16 datagrams while the path shows no queue (see floorWindow), the
// backoff of probes is capped at 2 s, a probe carries the oldest outstanding data, a recovery period without
// reason is undone, and nothing is paced.
//
// # Repeats
//
// When loss was measured, a packet repeats up to four of the latest messages that are not acknowledged. Random loss and that of a short
// queue which the repeats themselves fill look the same, so the brake watches the round-trip time instead: where repeats are more than
// the link carries, a packet takes longer to send than the time to the next message. One round trip clearly longer than without repeats
// (20 ms and the usual deviation) stops them until a shorter one. When only such came for 250 ms, and at least four, repeats are on hold for 64
// packets, in which loss and round-trip time are measured without them. Then they begin again with one; the hold doubles up to 4096 packets
// while that fails. A hold after four late round trips at once also works, but then a busy machine, whose timers lag, loses its
// repeats where it needs them. A new stream repeats one message until the first loss or 48 packets.
//
// Measured with messages of 200 bytes, 30 ms each way besides the link, p50/p99 in ms of ten runs of 1000 messages (slow_test.go):
//
//	link        messages/s  queue    loss           without repeats  with them
//	64 kbit/s   20          100 ms   0              63/63            63/106 (without the brake 571/1028, 4 times the bytes)
//	64 kbit/s   20          250 ms   0              63/63            63/106
//	32 kbit/s   10          100 ms   5 %            96/466           96/514
//	64 kbit/s   20          100 ms   5 %            63/296           63/341
//	64 kbit/s   20          250 ms   5 %            63/296           63/459
//	64 kbit/s   20          100 ms   20 %           166/880          196/1149
//	1 Mbit/s, 64 kbit/s for 400 of 1000 messages, and back:
//	            20          100 ms   5 %            32/246           34/279
//
// What the brake can not see is a queue shorter than its 20 ms behind messages in quick succession: at 500 kbit/s, 100 messages a second
// and a queue of 20 ms, 5 % loss gave 62/193 instead of 34/154, a worst run of 2.2 s, and 2.9 times the bytes.
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
