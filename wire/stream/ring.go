package stream

const (
	// ringKeep is how many slots a ring that has grown keeps when it is almost empty.
	ringKeep = 4
	// ringRest is how many it may keep when the session is idle.
	ringRest = 2
)

// ring holds items with consecutive numbers, oldest first. Its slots are used again, so that a pushed item has the
// content that its slot had before. The zero value is empty and takes no memory.
type ring[T any] struct {
	first int64 // number of the oldest item, or of the next one when empty
	n     int
	slots []T // a power of two, indexed by the number's low bits
}

// end is the number that the next pushed item gets.
func (r *ring[T]) end() int64 { return r.first + int64(r.n) }

// has tells if there is an item of that number.
func (r *ring[T]) has(number int64) bool { return number >= r.first && number < r.end() }

// at gives the item of a number that the ring has.
func (r *ring[T]) at(number int64) *T { return &r.slots[number&int64(len(r.slots)-1)] }

// push appends an item and returns its slot, to be filled.
func (r *ring[T]) push() *T {
	if r.n == len(r.slots) {
		r.resize(max(1, 2*r.n))
	}
	r.n++
	return r.at(r.end() - 1)
}

// pop removes the oldest item of a ring that is not empty.
func (r *ring[T]) pop() {
	r.first++
	r.n--
	if r.n <= 1 && len(r.slots) > 4*ringKeep {
		r.resize(ringKeep)
	}
}

// rest gives back the memory of an empty ring that has grown.
func (r *ring[T]) rest() {
	if len(r.slots) > ringRest {
		r.slots = nil
	}
}

func (r *ring[T]) resize(slots int) {
	old := *r
	r.slots = make([]T, slots)
	for i := r.first; i < r.end(); i++ {
		*r.at(i) = *old.at(i)
	}
}
