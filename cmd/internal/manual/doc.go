// Package manual writes the manual page of a program from the commands and flags that its command line is made of, so that the page says what
// --help says. What no flag tells (files, exit codes) are sections that the program adds.
//
// The pages are committed, beside the commands: cmd/yodel/yodel.1 and cmd/yodeld/yodeld.8. The tests of both programs call Check, which fails when a page
// is not what its commands make, and writes it with -update (make generate).
package manual
