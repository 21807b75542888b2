package netem

// A Side is an end of a link.
type Side int

// The sides of a link. A is the inside of its NAT.
const (
	A Side = iota
	B
)
