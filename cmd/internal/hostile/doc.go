// Package hostile sends floods and hostile clients at the real daemon while a real voice is heard through it, and tells in a table what
// came of that: `make test-hostile`. It has tests only; a plain `go test` runs the short form.
//
// Each attack has a world of its own, a network namespace in which 10.64.0.0/16 is local:
//
//	attacker, 10.64.1.0 and up ─► yodeld, 10.64.0.1 ◄─ victim: yodel talk ─► live room ─► yodel hear
//	                                       ▲
//	                                       └─ newcomer: yodel send and yodel ping while the attack goes on, and after it
//
// The attack begins when the victim is heard, and lasts until the voice is over and the newcomer has been served. Then the bars hold:
// the attack took place (it has sent as much as makes it one, and most of its sessions have lasted), the voice is whole but for 1 % (25 % in the
// short form, whose score is told and not judged), the daemon's resident memory has never been more than 32 MiB over what it was before, it has as
// many descriptors and threads as a daemon has, the newcomer got in, and who has not shown to be at its address was sent no more bytes than came
// from there.
//
// # Settings
//
//	YODEL_HOSTILE_FORM=full   all attacks, with 10 s of voice (else the short form, with 2 s)
//	YODEL_HOSTILE_SEED=7      the seed of what is random (1)
//	YODEL_HOSTILE_ATTACKS=RE  only the attacks whose name matches, also those of the full form
//	YODEL_HOSTILE_KEEP=DIR    keep every attack's folder there: what was said and heard, and standard error
//	YODEL_BIN=DIR             the folder of yodel and yodeld (else they are built)
//
// An attack of which only the voice or the newcomer suffers, or that did not take place, is tried up to five times, unless the daemon has ended. In the
// short form, which runs on machines that others use, a quarter of the datagrams is an attack, and memory may grow by 48 MiB. Attacks run one after another, for each is to have the machine to itself. Needs root and what package netem needs.
package hostile
