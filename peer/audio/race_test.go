//go:build race

package audio

// slowdown is by how much less of a long simulation is run: the race detector makes sound some thirty times slower.
const slowdown = 20
