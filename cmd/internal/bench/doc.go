// Command bench compares the daemon with a yardstick: the plainest UDP relay in C (yardstick/relay.c), which encrypts nothing. `make bench`
// runs it and prints the tables of the README. It needs Linux, a C compiler, and some minutes on a machine that does nothing else.
//
//	bench [-rows REGEXP] [-rounds 5] [-for 4s] [-check] [-bin DIR]
//
// It builds the yardstick and both programs (with -bin it takes yodel and yodeld from there). Then, for each row of the first table and
// each round, it starts the yardstick and the daemon in turn, each alone and fresh, and has `yodel bench` load it: both with the same load by
// the same client, because the wake-up of a sleeping receiver is charged to whoever sends. A ratio is that of two figures of one round;
// the table has the median of the rounds, and the least and the largest. The second table has what is not a ratio: latency,
// loss, memory, joins. The third table is the room log alone, as a package, with senders who wait for each message: beside the plainest loop that
// commits to SQLite in groups (plainlog), and beside a commit for each message, on the disk of the folder for temporary files.
//
// With -check it exits 1 when a bar is missed. A round in which the load generator itself was late (p99 over 5 ms) is marked: then the machine
// had other things to do.
package main
