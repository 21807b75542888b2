package wire

import "time"

// KeyLimits say when the keys of a session are used up (RFC 3711, 9.2 and 8.2, leave room for more).
type KeyLimits struct {
	Age     time.Duration
	Packets uint64 // of one direction
	SSRCs   int    // of one direction
}

// RekeyLimits are when a peer makes a new handshake beside its session.
var RekeyLimits = KeyLimits{Age: RekeyAfter, Packets: RekeyPackets, SSRCs: RekeySSRCs}

// Beyond gives limits a quarter higher: those at which the daemon ends the session.
func (l KeyLimits) Beyond() KeyLimits {
	return KeyLimits{Age: l.Age * 5 / 4, Packets: l.Packets * 5 / 4, SSRCs: l.SSRCs * 5 / 4}
}

// Reached tells whether a session has come to one of the limits: by its age, and by the packets and SSRCs of the direction that has more of them.
func (l KeyLimits) Reached(age time.Duration, packets uint64, ssrcs int) bool {
	return age >= l.Age || packets >= l.Packets || ssrcs >= l.SSRCs
}
