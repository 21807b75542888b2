// Package repair decides which lost audio packets are asked for again, and which are resent.
//
// Repair goes hop by hop: the daemon asks the talker, each hearer asks the daemon, both by generic NACK (RFC 4585,
// 6.2.1). A [Requester] stands at the receiving end of one RTP stream, a [Resender] at the sending end.
// Both are state machines: the time is an argument, sequence numbers are extended ones (wire.Unwrapper), and nothing in
// here knows packets, sockets or keys. Neither may be used by two goroutines at once.
//
// The receiver's duties: tell every arrival (Received), the first and last packet that the talk start and end name
// (Start, Through), what is too late to be of use (GiveUp), and send what Missing returns when Deadline has come.
// The sender's duty: ask Allow before each resend, and resend the packet byte for byte as it was (the
// same SRTP index with other bytes would reuse a keystream).
package repair
