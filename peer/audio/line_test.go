package audio

import "testing"

// lineOf is a line in which sound was heard, and n more samples of it are next.
func lineOf(pcm []int16, n int) line {
	l := newLine()
	copy(l.room(), pcm[:len(pcm)-n])
	l.add(len(pcm) - n)
	l.at = len(l.buf)
	copy(l.room(), pcm[len(pcm)-n:])
	l.add(n)
	return l
}

func TestAPeriodIsPutInWhereItFits(t *testing.T) {
	for _, hz := range []float64{70, 120, 250, 390} {
		for _, n := range []int{120, 480, 960, 2880} {
			pcm := sine(linePast+1000+n, hz, SampleRate, 0.5)
			l := lineOf(pcm, n)
			added := l.lengthen(n)
			got := l.next()
			if added < shortestPeriod || added > longestPeriod || len(got) != n+added {
				t.Fatalf("%v Hz: %d added, %d samples are next", hz, added, len(got))
			}
			if off := l.buf[l.at-1]; step(off, got[0]) > 1200 {
				t.Errorf("%v Hz: from %d to %d", hz, off, got[0])
			}
			if n < 480 { // too little to know the period
				continue
			}
			if db, _ := toneRatio(got, hz); db < 25 {
				t.Errorf("%v Hz, %d samples: %.1f dB", hz, n, db)
			}
		}
	}
}

func TestWhatIsLikeNothingIsNotRepeated(t *testing.T) {
	l := lineOf(make([]int16, 5000), 960)
	if added := l.lengthen(960); added != 0 || len(l.next()) != 960 {
		t.Errorf("%d samples of silence were added", added)
	}
}

func TestSoundIsShortenedWithoutAStep(t *testing.T) {
	for _, n := range []int{1, 2, 3, 120, 480, 960, 5760} {
		for _, cut := range []int{1, n / 3, n, 10 * n} {
			pcm := sine(2000+n, 100, SampleRate, 0.003)
			l := lineOf(pcm, n)
			gone := l.shorten(n, cut)
			got := l.next()
			if gone > cut || len(got) != n-gone || n > 1 && len(got) < n/leastPart {
				t.Fatalf("%d of %d: %d left out, %d left", cut, n, gone, len(got))
			}
			if len(got) > 0 && got[len(got)-1] != pcm[len(pcm)-1] && n > 3 {
				t.Errorf("%d of %d: the end is %d, want %d", cut, n, got[len(got)-1], pcm[len(pcm)-1])
			}
			for i := 1; i < len(got) && n > 100; i++ {
				if step(got[i-1], got[i]) > 4 {
					t.Fatalf("%d of %d: from %d to %d", cut, n, got[i-1], got[i])
				}
			}
		}
	}
}
