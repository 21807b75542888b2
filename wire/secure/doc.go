// Package secure turns an unknown address into a peer with a name and keys, and protects what the two
// say to each other. In the order in which a peer meets them:
//
//	Identity     who one is: a P-256 key in a file, named by its Fingerprint
//	KnownHosts   which daemon a name meant last time; trust on first use, loud refusal on change
//	Validator    proof that an address can be answered at, before anything is kept for it (STUN)
//	Responder    the daemon's side of a handshake, DTLS 1.2; both sides show a certificate
//	Handshake    the peer's side, over a MemConn; for tests and tools the daemon's too
//	MemConn      the datagrams of one handshake, fed by the owner's read loop
//	Secrets      what a handshake leaves: the other side's fingerprint and the SRTP keys
//	Tx, Rx       SRTP and SRTCP, one direction each; TxStream is what Tx sends under one SSRC
//	PathRequest  where a session is to be found now: asked and answered under its PathKey (STUN)
//	ProveSuccession, CheckSuccession  that a key's owner wants it to take the place of another at a daemon
//
// # The way of a handshake
//
// The client sends BindingRequest without a nonce and learns one (ParseBindingReply); it sends
// BindingRequest with it and, without waiting for the answer, starts Handshake. The daemon asks
// Validator.Answer about every STUN datagram (or its parts, where strangers are to cost no memory: ParseKnock, Knows, Accept, Refuse); from an address that came with a good nonce it accepts a
// handshake for ValidatedFor. It keeps a Responder per pending handshake and feeds it every DTLS datagram
// of that address; ClientHelloRandom tells a repeated ClientHello from that of a client that was started
// again on the same port, which gets a Responder of its own beside the old one. Cookies of DTLS (RFC 6347, 4.2.1)
// are off: the address was validated already.
//
// With the keys both sides call Secrets.Protect. The client calls Secrets.Free at once: nothing of DTLS is left, no goroutine, no
// buffer, and no alert is sent. The daemon keeps feeding the Responder, because its last flight may have been lost and the client then asks
// for it again, until the first packet that Rx opens, or HandshakeTimeout; then it drops it.
//
// # The daemon's side
//
// Responder is this package's own; the peer's side is the DTLS library's. The library runs three goroutines for a handshake and one more for each
// read and write: at the daemon most of the processor time of a join went into waking threads. Of DTLS the daemon needs one order of five
// messages, two suites, two curves and one signature, all required:
//
//	hello.go         what a ClientHello offers, and the answer
//	assembly.go      messages out of fragments; nothing is kept that does not belong
//	responder.go     the order, the keys, the flights
//	recordcipher.go  records under keys, by the library's ciphers
//	prf.go           key derivation
//
// It sends one datagram at most for one, and the same flight again no sooner than 100 ms after it, so that copies of a small record make no
// large ones. Of what is fed it keeps 38 KiB at most. A forged record costs 1 µs under keys and 0.1 µs before; a ClientHello of an
// address that is validated 0.1 ms, which its owner bounds.
//
// The library's client, openssl's, and clients in other languages are what the tests hold it against. A handshake costs the daemon two
// multiplications on P-256 by a fixed point (key, signature) and two by others (agreement, verification of the client's
// signature); these are 7 of 10 parts of the time in Feed. It makes 700 allocations less than the library does.
//
// # Paths
//
// A session is a pair of keys, and its address may change. The peer's request (AppendPathRequest) carries a nonce of the
// Validator for the address that it comes from, so that a copy from elsewhere is worth nothing; a count, so that a late one is not;
// and MESSAGE-INTEGRITY-SHA256 under the PathKey. The daemon asks the address that it had (AppendPathQuestion) before it answers the new
// one. There is one key for both directions: a request always has a NONCE and a question never, and ParsePathRequest and ParsePathQuestion
// take only the one that the other side makes. Else a request that is sent back to its sender would be authentic. To packets from an
// address that it does not know the daemon answers Validator.Hint, which is not authentic and so no more than a reason to ask.
// Who counts, who waits and when a session moves is the callers' business; nothing here keeps state.
//
// # Protection
//
//	Tx  ── ssrcs ──► TxStream: R1, R6, indices ──┐
//	                                             ├─► transform: aead (AEAD_AES_128_GCM) or library (AES128_CM_HMAC_SHA1_80)
//	Rx  ── ssrcs ──► source: guess, replays ─────┘
//
// What was sent and received is kept here, once for both profiles: the indices of each SSRC, the guess of the rollover counter (RFC 3711,
// 3.3.1), the replay windows (RFC 3711, 3.3.2). A transform is told the index of a packet and only encrypts. That of AES-GCM (RFC 7714)
// is this package's own, on crypto/cipher: a header, a nonce and a call. The other one is the SRTP library's, for foreign peers; its
// AES-GCM is what the tests hold the own one against, byte for byte.
//
// A packet of 92 bytes is sealed or opened in the time that AES-GCM takes and about 20 ns; the library takes 100 ns more, and allocates
// for a forged packet. Rx looks at the header, the SSRC and the replay window before it deciphers: a replay costs 20 ns, a
// forgery as much as a packet. No packet and no error allocates, but the first of an SSRC and SRTCP's first after a garbage collection.
// A relay that sends one packet to many keeps the TxStream of each receiver, where all that sealing needs lies together.
//
// Tx and Rx of a session that only sends messages hold 2 KiB. Of that 1.5 KiB are the two ciphers of SRTP. Those of SRTCP would be
// as large; they are held by weak pointers, so that they live through a busy time and not through an idle one.
//
// # Rules of the keys
//
// AES-GCM breaks, and AES-CM gives its plaintext away, when one key encrypts two different packets under one
// index (RFC 3711, 9.1; RFC 7714, 8). SRTP's index is (SSRC, rollover counter, sequence number), and both
// ends guess the rollover counter (RFC 3711, 3.3.1). These rules keep the index unique and the guesses equal:
//
//	R1  A packet whose rollover counter would lie before that of the first packet of its SSRC is
//	    never encrypted. The counters of both ends start at 0 with whatever sequence number comes first,
//	    so sequence number 65530 after a first 5 is taken for a jump forwards, and every later packet fails.
//	    Tx refuses it: ErrBeforeFirst.
//	R2  What is sent again is the same to the byte, header included.
//	R3  An SSRC means one stream of one sender for the lifetime of the process that gives SSRCs out.
//	R4  Keys are used by one Tx and one Rx, which are never made again or reset: Protect works once.
//	    New keys come from a new handshake. No session key is ever written down.
//	R5  Media sent a second time at another time (history) goes out under an SSRC and sequence of its own.
//	R6  Tx knows the extended index of what was sent under an SSRC. A packet more than MaxJump (2^14) beyond it
//	    is refused with ErrNewSSRCNeeded: a member who was away for a wrap, a talker who jumps. The stream goes
//	    on under a new SSRC. From 2^15 on the guesses would differ; the rest is room for what the receiver lost.
//
// R1 and R6 are held by Tx; R4 by Protect; R2, R3 and R5 are duties of the caller, and the package cannot
// see a breach of them. R1 is often said more strictly, as "nothing older than the first packet"; that
// would lose a first packet of a talkspurt that was overtaken or repaired, and the rollover counter
// is all that matters. There is no way to make a Tx forget an SSRC: SSRCs and Packets tell when it is
// time for new keys.
//
// One case is left to the receiver: the stream begins shortly before its sequence number wraps, and everything
// up to the wrap is lost. Rx then tries the rollover counter 1 once the counter 0 has failed, as long as
// nothing of that SSRC was authentic. Senders start below 2^15, so that other receivers need not.
//
// # Concurrency
//
// Nothing here starts a goroutine but Handshake of a client, where the DTLS library runs its own until Free. The
// only locks are in MemConn, which stands between that library and the owner's read loop, and the file lock of
// KnownHosts, which stands between processes. The clock is read for Handshake and its MemConn only, and while that file lock is awaited: a Responder is told
// the time. Tx, with its TxStreams, and Rx are each for one goroutine at a time; whoever shares one has a lock, as the daemon does.
package secure
