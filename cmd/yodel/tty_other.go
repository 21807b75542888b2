//go:build !linux

package main

import "os"

// terminalWidth is how many columns a stream's terminal has; 0: not known.
func terminalWidth(any) int { return 0 }

// isTerminal tells whether a stream is a terminal, as well as can be told without system calls of the system's own.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && f.Name() != os.DevNull
}
