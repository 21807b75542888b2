// Package fates decides what a bad network does to a packet, and keeps what is on its way until it is due. It is what the UDP
// proxy of package impair and the links of package netem have in common; test tools, no part of Yodel's binaries.
//
//	Profile  the impairments of one direction: loss, bursts, duplicates, reordering, corruption, delay, jitter
//	Dice     throws a Fate a packet, from a seed
//	Queue    holds packets until they are due
//
// A Dice belongs to one goroutine. Any goroutine may push to a Queue, which one goroutine runs; it has one mutex.
package fates
