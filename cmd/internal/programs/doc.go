// Package programs builds yodel and yodeld, starts them, and keeps what they print as events with their times: what the suites share
// that try the real programs out. It is a test tool and no part of Yodel's binaries.
//
// # Goroutines
//
// One a Process reads its standard output until that ends, waits for the process, and ends. The list of its events is behind a lock; Done is
// closed after the last of them is in it.
package programs
