// Package wire holds what travels between a peer and the daemon: kinds of datagrams, payload types, messages, chunks,
// feedback, and the rules for names. It has no clock, no socket and no goroutine. PROTOCOL.md beside this file tells all
// of it without Go, and testdata/vectors has it as bytes: the tests here and in wire/secure read and make those, other implementations
// do too, and the examples of PROTOCOL.md are some of them.
//
// Everything goes over one UDP port, at most [MaxDatagram] bytes each. The first byte tells the kind (RFC 7983):
//
//	first byte  second   kind    what it is
//	0–3                  STUN    address validation, paths, hints (RFC 8489): package wire/secure
//	20–63                DTLS    handshake (RFC 6347): package wire/secure
//	128–191     192–223  SRTCP   feedback, reports, BYE (RFC 3550, 4585, 8888)
//	128–191     other    SRTP    messages (payload type 100) and audio
//	other                –       dropped and counted
//
// A message packet, when it is opened:
//
//	RTP header (12 bytes)  PT 100, SSRC 1 from the peer and 2 from the daemon, clock 1000 Hz;
//	                       the sequence number is the low half of a packet number that is never used twice
//	distance (varint)      to the oldest packet that the sender still waits for
//	chunks …               {message number, offset, total, length} as varints, and the bytes
//
// Chunks make up messages, [Message] in yodel.proto, of at most 64 KiB; package wire/stream carries them reliably and in
// order, with the reports of RFC 8888 as acknowledgements ([Report]).
//
// An audio packet, when it is opened, is plain RTP: PT 111 Opus, 63 Opus with copies of earlier packets ([Redundant]), 96 L16, 0 PCMU or 8 PCMA, under an SSRC that the daemon
// gave to the talker; hearers see the same one unless it has to change (RFC 3711, 3.3.1). What is lost is asked for by generic NACK ([AppendNack]); package
// wire/repair decides when.
//
// The packages:
//
//	wire         formats, names, timers and limits of both sides, and what both count: credit ([Budget], [Allowance]), [Reception], [KeyLimits]
//	wire/stream  the reliable ordered message stream, a state machine
//	wire/repair  which audio packets are asked for and resent, a state machine
//	wire/secure  identities, address validation, handshake, packet protection, paths
//	wire/internal/vector  reads and writes the vectors, for tests
package wire
