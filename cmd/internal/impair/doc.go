// Package impair is a UDP proxy that makes a good network bad on purpose: it
// loses, duplicates, delays and reorders datagrams between real programs on
// one machine. It is a test tool and no part of Yodel's binaries.
//
// A Proxy listens on one address and passes every datagram on to one target.
// Each client (a source address) gets a socket of its own towards the target,
// so that the target tells the clients apart; what comes back on that socket
// goes to that client. Both directions are impaired alike, each by itself:
// Loss 0.1 loses a tenth of the datagrams on the way out and a tenth of those
// on the way back.
//
// Dice and queue are those of package fates; package netem does the same to
// whole networks. The seed fixes the fates: the k-th datagram of the n-th client in one
// direction always meets the same fate under the same Config, whatever else
// passes. It does not fix the clock: delays are kept as well as the machine
// keeps them.
//
// # Goroutines
//
// One reads the listening socket, one a client reads that client's socket, and
// one sends what is due, from a heap ordered by due time. New starts them;
// Close stops all of them and returns when they have ended. A mutex guards the
// heap, another the table of clients; neither is ever held while the other is
// taken.
package impair
