// Package foreign tests the daemon, and the peer through it, against a client in another language, on other libraries: the one in
// Python in wire/testdata/client, which was written from PROTOCOL.md alone. All run as programs on loopback, with and without
// loss on the foreign client's way.
package foreign
