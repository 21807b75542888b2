//go:build linux

package hostile

import "testing"

// Where nobody attacks all bars hold: what fails else is the attack's.
func TestPeace(t *testing.T) {
	try(t, []attack{{
		name: "nobody", short: true,
		run: func(_ *world, _ *victim, _ *outcome, stop <-chan struct{}) error {
			<-stop
			return nil
		},
	}})
}
