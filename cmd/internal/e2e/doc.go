// Package e2e tests the client library against the daemon, in one process and over real sockets: neither package may import
// the other, so the tests live here.
package e2e
