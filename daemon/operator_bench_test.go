package daemon

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkPeers is what the loop has to do for its operator's list, a session.
func BenchmarkPeers(b *testing.B) {
	const n = 512
	c := newCrowd(b, n)
	for i, p := range c.peers {
		p.join(fmt.Sprint("n", i))
	}
	c.pass(time.Second)
	var all []*session
	for s := range c.hub.sessions {
		all = append(all, s)
	}
	if len(all) != n || !all[0].greeted {
		b.Fatal("not all are there")
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_ = all[i%n].status(c.now)
	}
}
