package secure

import "errors"

// Errors of files. They are wrapped with the path and what is wrong there.
var (
	// ErrIdentity is a key file that cannot be used.
	ErrIdentity = errors.New("unusable identity")
	// ErrPermissions is a key file that others can read.
	ErrPermissions = errors.New("identity is readable by others")
	// ErrFingerprint is text that is no fingerprint.
	ErrFingerprint = errors.New("malformed fingerprint")
	// ErrHost is text that is no host:port.
	ErrHost = errors.New("malformed host:port")
	// ErrKnownHosts is a line of known_hosts that cannot be read.
	ErrKnownHosts = errors.New("malformed line")
	// ErrLocked is a file that another program keeps locked.
	ErrLocked = errors.New("file is kept locked")
	// ErrHostKeyChanged is a daemon whose key is not the one it had before.
	ErrHostKeyChanged = errors.New("the daemon's key has changed")
)

// Errors of address validation.
var (
	// ErrBindingReply is a datagram that is not the answer to this Binding Request; it is to be ignored.
	ErrBindingReply = errors.New("not an answer to this binding request")
	// ErrUnknownSession is an ErrBindingRefused with code 401: the daemon does not have the session that was asked for.
	ErrUnknownSession = errors.New("the daemon does not know the session")
	// ErrBindingRefused is an answer with an error other than 438 (Stale Nonce).
	ErrBindingRefused = errors.New("binding refused")
)

// Why MemConn.Feed did not take a datagram. They come bare: a flood must not cost formatting.
var (
	// ErrNotDTLS is a datagram that is no well-formed DTLS, or that nobody honest sends in a handshake.
	ErrNotDTLS = errors.New("not a datagram of a handshake")
	// ErrBudget is a handshake that has received more than any handshake needs.
	ErrBudget = errors.New("handshake budget spent")
	// ErrQueueFull is a handshake that is slower than its datagrams; DTLS sends them again.
	ErrQueueFull = errors.New("handshake queue full")
)

// Errors of the handshake.
var (
	// ErrHandshake wraps every failure of a handshake, also those that Config.Verify returned.
	ErrHandshake = errors.New("handshake failed")
	// ErrCertificate is a certificate that is missing or whose key is not P-256.
	ErrCertificate = errors.New("unusable certificate")
	// ErrConfig is a Config that lacks something.
	ErrConfig = errors.New("incomplete handshake configuration")
	// ErrSuccession is a proof that one key is to take the place of another, and that is none.
	ErrSuccession = errors.New("the new key is not proved")
	// ErrProtected is the second call of Protect.
	ErrProtected = errors.New("the keys are in use already")
)

// Errors of packet protection. Those of Rx come bare: a flood must not cost formatting.
var (
	// ErrMalformed is a packet that is no RTP or RTCP, or too short to be protected.
	ErrMalformed = errors.New("malformed packet")
	// ErrIndex is an index whose low 16 bits are not the packet's sequence number, that has 64 bits, or that comes with a packet of another SSRC
	// than the stream's.
	ErrIndex = errors.New("index does not belong to the packet")
	// ErrBeforeFirst is a packet before the start of its SSRC (rule R1); it is to be dropped.
	ErrBeforeFirst = errors.New("packet before the first of its SSRC")
	// ErrTooOld is a packet that the receiver's replay window no longer takes; it is to be dropped.
	ErrTooOld = errors.New("packet older than the replay window")
	// ErrNewSSRCNeeded is a packet too far ahead of the last one (rule R6); the stream must get a new SSRC.
	ErrNewSSRCNeeded = errors.New("jump needs a new SSRC")
	// ErrExhausted is an SSRC under which as many SRTCP packets were sent as the keys are good for.
	ErrExhausted = errors.New("keys are used up")
	// ErrForeignSSRC is a packet with an SSRC that the other side does not own.
	ErrForeignSSRC = errors.New("foreign SSRC")
	// ErrReplayed is a packet that was received before or is older than the replay window.
	ErrReplayed = errors.New("replayed packet")
	// ErrAuth is a packet that was not made with this session's keys.
	ErrAuth = errors.New("packet is not authentic")
)
