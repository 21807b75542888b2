//go:build race

package roomlog

// raceDetector is on: then SQLite, which is Go here, is twenty times slower.
const raceDetector = true
