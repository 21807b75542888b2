//go:build race

package daemon

// raceDetector is on: then sync.Pool drops some of what it is given, at random.
const raceDetector = true
