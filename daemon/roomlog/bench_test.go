package roomlog

import (
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"testing"
)

// BenchmarkAppend has senders who wait for each of their messages, of 200 bytes, in 20 rooms.
func BenchmarkAppend(b *testing.B) {
	for _, senders := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) {
			l := begin(b, Options{Keep: DefaultKeep, Total: DefaultTotal})
			b.ReportAllocs()
			var wg sync.WaitGroup
			for s := range senders {
				wg.Go(func() {
					e := message(fmt.Sprintf("room%d", s%20), 0, string(make([]byte, 200)))
					copy(e.Sender[:], fmt.Sprintf("%032d", s))
					for n := s; n < b.N; n += senders {
						e.ID++
						if r := l.append(e); r.Err != nil {
							b.Error(r.Err)
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}

// BenchmarkReplay reads 400,000 messages of one room, page by page, and tells by how much the process has grown.
func BenchmarkReplay(b *testing.B) {
	const n = 400_000
	l := begin(b, Options{})
	filled(b, l, n, 1)
	before := resident(b)
	for b.Loop() {
		if got := len(pages(l)); got != (n+pageEntries-1)/pageEntries {
			b.Fatalf("%d pages", got)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "msg/s")
	b.ReportMetric(float64(resident(b)-before)/(1<<20), "MiB")
}

// pages reads all, and gives the sizes of the pages.
func pages(l *testLog) (sizes []int) {
	after := uint64(0)
	for {
		page, err := l.page("room0", after)
		if err != nil {
			l.t.Fatal(err)
		}
		if len(page) == 0 {
			return sizes
		}
		sizes = append(sizes, len(page))
		after = page[len(page)-1].Pos
	}
}

// BenchmarkOpen opens a log of 10,000 rooms with a message each.
func BenchmarkOpen(b *testing.B) {
	const rooms = 10_000
	l := begin(b, Options{})
	filled(b, l, rooms, rooms)
	l.end()
	for b.Loop() {
		l = l.again()
	}
	if l.Count() != rooms {
		b.Fatalf("%d rooms", l.Count())
	}
	b.ReportMetric(float64(resident(b))/(1<<20), "MiB-RSS")
}

// filled appends messages of 200 bytes to rooms in turn.
func filled(b *testing.B, l *testLog, n, rooms int) {
	b.Helper()
	done := make(chan struct{})
	window := make(chan struct{}, 10_000)
	for i := range n {
		window <- struct{}{}
		l.Append(message(fmt.Sprintf("room%d", i%rooms), uint64(i), string(make([]byte, 200))), func(r Result) {
			<-window
			if r.Err != nil {
				b.Error(r.Err)
			}
			if i == n-1 {
				close(done)
			}
		})
	}
	<-done
}

// resident is the memory of this process, in bytes, after a collection.
func resident(b *testing.B) int64 {
	b.Helper()
	debug.FreeOSMemory()
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip(err)
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(data), &size, &pages); err != nil {
		b.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
