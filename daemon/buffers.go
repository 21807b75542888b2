package daemon

// buffers hands out byte slices for packets that wait, in a few sizes, and takes them back: no
// allocation per packet once a room is running. It belongs to the loop.
type buffers struct {
	free [len(bufferSizes)][][]byte
}

// bufferSizes: a 20 ms Opus packet at 32 kbit/s is 92 bytes, PCMU 172, L16 972.
var bufferSizes = [...]int{128, 256, 512, 1216}

// maxFree bounds what is kept of each size.
const maxFree = 4096

// copyOf gives a copy of b in a buffer of the smallest size that holds it.
func (p *buffers) copyOf(b []byte) []byte {
	for i, size := range bufferSizes {
		if len(b) > size {
			continue
		}
		if n := len(p.free[i]); n > 0 {
			buf := p.free[i][n-1]
			p.free[i] = p.free[i][:n-1]
			return append(buf[:0], b...)
		}
		return append(make([]byte, 0, size), b...)
	}
	return append([]byte(nil), b...)
}

// put takes back a slice that copyOf gave.
func (p *buffers) put(b []byte) {
	for i, size := range bufferSizes {
		if cap(b) == size && len(p.free[i]) < maxFree {
			p.free[i] = append(p.free[i], b)
			return
		}
	}
}
