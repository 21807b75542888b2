package peer

import "testing"

func TestIDsCountUnderOneRandomPrefix(t *testing.T) {
	var g ids
	first := g.take()
	for i := uint64(1); i < 1000; i++ {
		if id := g.take(); id != first+i {
			t.Fatalf("id %d is %x, want %x", i, id, first+i)
		}
	}
	if first&(1<<counterBits-1) > 1 {
		t.Errorf("the count begins at %x", first&(1<<counterBits-1))
	}
	var other ids
	if first>>counterBits == other.take()>>counterBits {
		t.Error("two processes drew the same random bits")
	}
}

func TestIDsDrawAgainOnOverflow(t *testing.T) {
	g := ids{next: 5<<counterBits + 1<<counterBits - 1, left: 1}
	last, next := g.take(), g.take()
	if last != 6<<counterBits-1 {
		t.Errorf("last %x", last)
	}
	if next>>counterBits == 6 || next>>counterBits == 5 {
		t.Errorf("the random bits were not drawn anew: %x", next)
	}
}
