// Package nettest runs the real programs on bad networks and tells in a table what came of it: `make test-net`. It has tests only;
// a plain `go test` runs the short form, a few rows in about a minute.
//
// A row is a condition. Each has a world of its own: three network namespaces, alice's, the daemon's and bob's, joined by two links
// of package netem, so that both hops are impaired, each by itself:
//
//	alice ── link (NAT, loss, …) ── yodeld ── link (NAT, loss, …) ── bob
//
// and the same course (course_test.go): alice and bob follow a room, bob hears it into a file, alice sends lines from a pipe while she
// talks, and in the middle of that something happens to the network, the addresses or the daemon. Then every line must have its
// receipt and be read once and in order by both, every program must have ended as it should, nobody must have been shown as gone, and the voice must be whole, as
// far as the row's bars say. Some rows have a course of their own: NATs that rebind while all are idle, and the price of the set-up.
//
// TestServiceRestarts has rows of its own, on loopback: there the daemon is a service whose socket stays with its manager (LISTEN_FDS), and is ended by SIGTERM and
// SIGKILL in the middle of a voice. On two cores of 2.8 GHz bob's longest gap in a live room was 0.46 s and 0.22 s, in a room with a delay of 2 s 0.96 s
// and 0.80 s; who was idle was back in its room after 0.15 s, and after SIGKILL within 5 s.
//
// Voice is speech without its pauses, so that silence in what bob hears is a gap; package score compares the two. Frames
// are counted from the numbers that yodel prints, against those that the voice has.
//
// # Settings
//
//	YODEL_NET_FORM=full  all rows, with a minute of voice where a bar needs it (else the short form)
//	YODEL_NET_SEED=7     the seed of all fates (1)
//	YODEL_NET_ROWS=RE    only the rows whose name matches, in the full set, also in the short form
//	YODEL_NET_KEEP=DIR   keep every row's folder there: what was said and heard, and standard error
//	YODEL_BIN=DIR        the folder of yodel and yodeld (else they are built)
//
// The short form runs on machines that others use: a row of it is tried up to four times, unless messages came in another order or the daemon has ended.
//
// Every wait has a limit: the row's, within which all programs must have ended. Rows run beside each other, as they mostly wait; only
// that which measures a set-up runs alone. Needs root and what package netem needs.
package nettest
