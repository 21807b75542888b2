package daemon

import (
	"math"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"yodel/wire"
)

func TestTalkerIsToldWhatComesIn(t *testing.T) {
	inWorld(t, Config{Delay: time.Second}, func(t *testing.T, w *world) {
		a := w.connect("10.0.0.1:1", newID(t))
		a.enter("alice", "lobby", nil)
		ssrc := a.talk("lobby", 32_000, 0)
		const ntp = 0x1122_3344_5566_7788
		for i := range 600 {
			if i%4 != 3 {
				a.speak(ssrc, uint16(32_000+i), uint32(i)*960)
			}
			if i == 100 {
				a.run(func(time.Time) {
					plain, err := wire.AppendSenderReport(nil, &rtcp.SenderReport{SSRC: ssrc, NTPTime: ntp})
					if err != nil {
						t.Error(err)
					}
					a.sendRTCP(plain)
				})
			}
			pass(20 * time.Millisecond)
		}
		if n := len(a.stats); n < 4 {
			t.Fatalf("%d reports in 12 s", n)
		}
		early, first, second := a.stats[0], a.stats[2], a.stats[3]
		if n := early.LastSequenceNumber; n < 32_030 || n > 32_055 || early.FractionLost < 55 || early.FractionLost > 68 {
			t.Errorf("about a second after the beginning: %+v", early)
		}
		if first.SSRC != ssrc || first.FractionLost < 60 || first.FractionLost > 64 || second.FractionLost < 60 || second.FractionLost > 64 {
			t.Errorf("a quarter is lost: %+v, %+v", first, second)
		}
		if second.TotalLost < 140 || second.TotalLost > 150 || second.LastSequenceNumber < 32_570 || second.LastSequenceNumber > 32_600 {
			t.Errorf("after 12 s: %+v", second)
		}
		if second.Jitter > 48 { // a millisecond
			t.Errorf("jitter %d where there is none", second.Jitter)
		}
		if d := float64(second.Delay) / 65536; second.LastSenderReport != 0x3344_5566 || math.Abs(d-9.9) > 0.2 {
			t.Errorf("last sender report %#x, %v s ago", second.LastSenderReport, d)
		}
	})
}
