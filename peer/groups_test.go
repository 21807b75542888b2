package peer

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// Events come once and in order, one by one or in groups, and what waits comes together.
func TestEventsComeInGroups(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		identity := mustIdentity(t)
		c, err := Dial(t.Context(), Config{Server: "daemon.example:9635", Identity: identity, Nick: "alice", net: n.network()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Join(t.Context(), JoinOptions{Room: "lobby"}); err != nil {
			t.Fatal(err)
		}
		bob := n.client(t, false)
		for _, text := range strings.Split("abcdefgh", "") {
			bob.publish(text)
		}
		after(time.Second)
		events := []Event{<-c.Events()}
		group := <-c.EventGroups()
		events = append(events, group...)
		if len(events) < 8 {
			events = append(events, <-c.EventGroups()...)
		}
		if bodies(events) != "abcdefgh" {
			t.Errorf("got %q", bodies(events))
		}
		bob.publish("i")
		after(time.Second)
		bob.close()
		_ = c.Close()
		rest := slices.Concat(slices.Collect(func(yield func([]Event) bool) {
			for g := range c.EventGroups() {
				yield(g)
			}
		})...)
		if _, open := <-c.Events(); open || len(rest) > 1 {
			t.Errorf("after Close: %v, %v", open, rest)
		}
	})
}
