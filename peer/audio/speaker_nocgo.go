//go:build !cgo

package audio

import "fmt"

// Speaker plays on the default sound device; this build has none.
type Speaker struct{}

// OpenSpeaker returns ErrNoSpeaker.
func OpenSpeaker(func([]int16)) (*Speaker, error) {
	return nil, fmt.Errorf("%w: built without cgo", ErrNoSpeaker)
}

// Err returns nil.
func (*Speaker) Err() error { return nil }

// Close does nothing.
func (*Speaker) Close() error { return nil }
