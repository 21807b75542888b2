package secure

import "slices"

// ssrcs is what is known about SSRCs, in their order. A session that only sends messages has one, so a map would be mostly
// air; SSRCs are mostly given out upwards, so a new one is mostly the last.
type ssrcs[T any] []keyed[T]

type keyed[T any] struct {
	ssrc uint32
	of   *T
}

// find gives what is known about an SSRC, nil if nothing, and its place.
func (s ssrcs[T]) find(ssrc uint32) (of *T, at int) {
	low, high := 0, len(s)
	for low < high {
		middle := int(uint(low+high) / 2)
		if s[middle].ssrc < ssrc {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low < len(s) && s[low].ssrc == ssrc {
		of = s[low].of
	}
	return of, low
}

// findOrAdd gives what is known about an SSRC. It makes it if there is nothing.
func (s *ssrcs[T]) findOrAdd(ssrc uint32) *T {
	of, at := s.find(ssrc)
	if of == nil {
		of = new(T)
		*s = slices.Insert(*s, at, keyed[T]{ssrc, of})
	}
	return of
}
