//go:build linux

package soundtest

import "time"

// machineTick is how often it is looked whether this machine lets programs run.
const machineTick = 5 * time.Millisecond

// watchMachine measures, until it is ended, how late the latest of its ticks came: what the machine itself added to a delay at worst.
func watchMachine() (end func() time.Duration) {
	stop, worst := make(chan struct{}), make(chan time.Duration)
	go func() {
		tick := time.NewTicker(machineTick)
		defer tick.Stop()
		most := time.Duration(0)
		for last := time.Now(); ; {
			select {
			case <-tick.C:
				now := time.Now()
				most = max(most, now.Sub(last)-machineTick)
				last = now
			case <-stop:
				worst <- most
				return
			}
		}
	}()
	return func() time.Duration {
		close(stop)
		return <-worst
	}
}
