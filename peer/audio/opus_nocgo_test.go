//go:build !cgo

package audio

import (
	"errors"
	"testing"
)

// opusWanted is what asking for Opus gives in this build.
var opusWanted = ErrNoOpus

func TestWithoutCgoOpusCannotBeSent(t *testing.T) {
	if _, err := NewEncoder(Opus); !errors.Is(err, ErrNoOpus) {
		t.Error(err)
	}
	if a := Available(); len(a) != 1 || a[0] != L16 {
		t.Error(a)
	}
	if _, err := OpenSpeaker(func([]int16) {}); !errors.Is(err, ErrNoSpeaker) {
		t.Error(err)
	}
}
