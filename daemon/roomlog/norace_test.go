//go:build !race

package roomlog

const raceDetector = false
