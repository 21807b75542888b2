// Package repair decides which lost audio packets are asked for again, and which are resent.
//
// Repair goes hop by hop: the daemon asks the talker, each hearer asks the daemon, both by generic NACK (RFC 4585,
// 6.2.1). A [Requester] stands at the receiving end of one RTP stream, a [Resender] at the sending end.
// Both are state machines: the time is an argument, sequence numbers are extended ones (wire.Unwrapper), and nothing in
// here knows packets, sockets or keys. Neither may be used by two goroutines at once.
//
// # When a packet is asked for
//
//	20 ms after the gap showed              most late packets are reordered, not lost
//	5/4 of the round trip later, once more  an answer could have come
//	then twice as often                     the path is bad and time runs short
//	after 32 requests ever more rarely,     the sender has not got it either
//	  down to one in 320 ms, 64 in all
//	the same while nothing at all comes     the path may be dead, and the eight resends are to outlast it
//
// Two requests for one packet are at least 40 ms apart, and any two requests 20 ms: each is for all packets whose turn has come. A packet
// is resent at most 8 times, and all resends are at most 8 more than the packets of the stream, 520 at once.
//
// Measured over two hops of 30 ± 10 ms each way in a room of 2 s (daemon/repair_test.go): at 20 % loss each way nothing
// of 20 minutes is lost, at 40 % 0.05 % of the frames, and a second without network leaves no hole. With 100 ± 33 ms it is 0.01 %
// and 1.8 %. The talker then sends 1.3 and 1.8 packets a frame, and gets 0.3 and 0.7 requests.
//
// # Duties
//
// The receiver's duties: tell every arrival (Received), the first and last packet that the talk start and end name
// (Start, Through), what is too late to be of use (GiveUp), and send what Missing returns when Deadline has come.
// The sender's duty: ask Allow before each resend, and resend the packet byte for byte as it was (the
// same SRTP index with other bytes would reuse a keystream).
package repair
