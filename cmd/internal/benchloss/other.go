//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "benchloss: network namespaces are Linux's")
	os.Exit(1)
}
