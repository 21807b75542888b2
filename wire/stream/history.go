package stream

const (
	// shortHistory and longHistory are the packets over which loss is measured. The larger rate counts: the short one rises within
	// a second of 100 packets a second, the long one keeps the estimate from flapping (at 5 % loss it has a standard deviation of 1 %,
	// the short one of 2 %) and tells when a path is clean.
	shortHistory = 128
	longHistory  = 512
	// unproven is how many packets must arrive of a new stream, none lost, until its path counts as clean.
	unproven = 48
)

// history remembers which of the latest packets were lost, a bit for each number, so that a loss that turns out to be spurious is
// taken back exactly. It ends with the highest number that arrived; what is in doubt below it counts as arrived.
type history struct {
	bits        [longHistory / 64]uint64 // by the number's low bits; 1: lost
	first, end  int64                    // from which on loss counts, and after the highest that arrived
	short, long int                      // how many were lost of the latest shortHistory and longHistory
}

func (h *history) init(first int64) { h.first, h.end = first, first }

// reach takes the news that a packet arrived.
func (h *history) reach(number int64) {
	for ; h.end <= number; h.end++ {
		h.short -= h.bit(h.end - shortHistory)
		if h.bit(h.end) != 0 { // still that of longHistory before
			h.long--
			h.flip(h.end)
		}
	}
}

// set notes the fate of a packet below the highest that arrived: 1 lost, 0 arrived after all.
func (h *history) set(number int64, to int) {
	if number < max(h.first, h.end-longHistory) || number >= h.end || h.bit(number) == to {
		return
	}
	change := 2*to - 1
	h.flip(number)
	h.long += change
	if number >= h.end-shortHistory {
		h.short += change
	}
}

func (h *history) bit(number int64) int {
	return int(h.bits[number>>6&(longHistory/64-1)] >> (number & 63) & 1)
}

func (h *history) flip(number int64) { h.bits[number>>6&(longHistory/64-1)] ^= 1 << (number & 63) }

// known is of how many packets the fate is known or in doubt.
func (h *history) known() int64 { return h.end - h.first }

// rate is the measured loss, 0 to 1. A new path begins at 5 %, which half a loss in ten more packets than there were makes.
func (h *history) rate() float64 {
	short := (float64(h.short) + 0.5) / float64(min(h.known(), shortHistory)+10)
	long := float64(h.long) / float64(min(max(h.known(), shortHistory), longHistory))
	return max(short, long)
}

// repeats is how many of the latest messages a packet repeats.
func (h *history) repeats() int {
	switch rate := h.rate(); {
	case h.long == 0 && h.known() >= unproven:
		return 0
	case rate < 0.02, h.long == 0: // a new path: three would fill the queue of a slow one before it can tell
		return 1
	case rate < 0.10:
		return 3
	}
	return maxRepeats
}
