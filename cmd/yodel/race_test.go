//go:build race

package main

// slowdown is what the race detector makes of CPU time and memory.
const slowdown = 8
