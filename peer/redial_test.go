package peer

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"yodel/peer/audio"
	"yodel/wire"
)

// After the daemon was started again its first hint leads to a new session, in which all goes on: the rooms after the last position, the
// messages without receipt under their ids, the talks.
func TestADaemonThatWasStartedAgainIsComeBackTo(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		c := n.client(t, true).join()
		c.publish("a")
		talk, err := c.Talk(t.Context(), "lobby", audio.L16)
		if err != nil {
			t.Fatal(err)
		}
		n.daemon.look(func() { n.daemon.mute = true })
		p := c.begin("b")
		after(time.Second)
		n.daemon.restart()
		n.daemon.look(func() { n.daemon.mute = false })
		before := len(n.daemon.heard())
		start := time.Now()
		for range 100 { // a packet of voice earns the hint
			if err := talk.Write(make([]int16, 480)); err != nil {
				t.Fatal(err)
			}
			after(10 * time.Millisecond)
			if len(n.daemon.heard()) > before {
				break
			}
		}
		if took := time.Since(start); took > 500*time.Millisecond {
			t.Errorf("the voice is back after %v", took)
		}
		if r, err := p.Receipt(t.Context()); err != nil || r.Pos != 2 {
			t.Errorf("%+v, %v", r, err)
		}
		after(time.Second)
		n.daemon.look(func() {
			s := n.daemon.present()
			if len(s.joins) != 1 || s.joins[0].GetAfter().GetPos() != 2 {
				t.Errorf("joined with %v", s.joins)
			}
			if len(n.daemon.published) != 3 || n.daemon.published[1] != n.daemon.published[2] || len(n.daemon.log) != 2 {
				t.Errorf("published %x", n.daemon.published)
			}
		})
		if events := c.close(); count[*Lost](events) != 1 || count[*Back](events) != 1 || bodies(events) != "ab" {
			t.Errorf("%+v", events)
		}
	})
}

// A black-out under 30 s costs nothing; after a longer one the client is back within 5 s of the network's return, also when names cannot be
// looked up until then, and when nothing tells that the network is back.
func TestBlackouts(t *testing.T) {
	for _, tt := range []struct {
		length time.Duration
		lost   int
		told   bool // the system tells of the network's return
		within time.Duration
	}{
		{1 * time.Second, 0, false, 2 * time.Second},
		{20 * time.Second, 0, false, 2500 * time.Millisecond},
		{45 * time.Second, 1, false, 5 * time.Second},
		{60 * time.Second, 1, false, 5 * time.Second},
		{61 * time.Second, 1, false, 5 * time.Second},
		{62 * time.Second, 1, false, 5 * time.Second},
		{63 * time.Second, 1, false, 5 * time.Second},
		{64 * time.Second, 1, true, time.Second},
		{67 * time.Second, 1, true, time.Second},
		{70 * time.Second, 1, true, time.Second},
	} {
		t.Run(tt.length.String(), func(t *testing.T) {
			inSim(t, func(t *testing.T, n *simNet) {
				c := n.client(t, true).join()
				c.publish("a")
				works := n.names
				n.set(func() {
					n.down = true
					n.names = func(ctx context.Context) ([]netip.Addr, error) {
						<-ctx.Done()
						return nil, ctx.Err()
					}
				})
				p := c.begin(long)
				after(tt.length)
				n.set(func() { n.down, n.names = false, works })
				if tt.told {
					n.changes <- struct{}{}
				}
				start := time.Now()
				if _, err := p.Receipt(t.Context()); err != nil || time.Since(start) > tt.within {
					t.Errorf("%v, %v after the network's return", err, time.Since(start))
				}
				after(time.Second)
				events := c.close()
				if count[*Lost](events) != tt.lost || count[*Back](events) != tt.lost || bodies(events) != "a"+long {
					t.Errorf("%+v", events)
				}
			})
		})
	}
}

// A lookup that hangs is given 2 s; then the address of the last session is used.
func TestLookupsAreBounded(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		c := n.client(t, true).join()
		n.set(func() {
			n.names = func(ctx context.Context) ([]netip.Addr, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
		})
		n.daemon.restart()
		start := time.Now()
		c.publish(long)
		if took := time.Since(start); took < lookupTimeout || took > lookupTimeout+time.Second {
			t.Errorf("back after %v", took)
		}
		c.close()
	})
}

// IPv6 is tried first; an address that does not answer is given 250 ms, one that fails none.
func TestAddressesAreTriedOneAfterTheOther(t *testing.T) {
	six := netip.MustParseAddrPort("[2001:db8::1]:9635")
	for _, tt := range []struct {
		name    string
		silent  bool
		dialled []netip.AddrPort
		took    time.Duration
	}{
		{"both answer", false, []netip.AddrPort{six}, 160 * time.Millisecond},
		{"IPv6 is silent", true, []netip.AddrPort{six, simServer}, 410 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inSim(t, func(t *testing.T, n *simNet) {
				n.names = func(context.Context) ([]netip.Addr, error) { return []netip.Addr{simServer.Addr(), six.Addr()}, nil }
				n.silent[six] = tt.silent
				start := time.Now()
				c := n.client(t, false)
				c.publish("a")
				// Four round trips of 40 ms from nothing to the receipt.
				if took := time.Since(start); took > tt.took+time.Millisecond || took < tt.took-time.Millisecond {
					t.Errorf("a receipt after %v, want %v", took, tt.took)
				}
				if len(n.dialled) != len(tt.dialled) || n.dialled[0] != tt.dialled[0] {
					t.Errorf("dialled %v", n.dialled)
				}
				c.close()
			})
		})
	}
}

// Join and Publish may be asked for before Welcome, and take no round trip more.
func TestTheFirstFlight(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		start := time.Now()
		c := n.client(t, false)
		if took := time.Since(start); took != 3*40*time.Millisecond {
			t.Errorf("keys after %v, want 3 round trips of 40 ms", took)
		}
		if c.Addr() != simServer || c.Daemon() != n.daemon.identity.Fingerprint() {
			t.Errorf("%v at %v", c.Daemon(), c.Addr())
		}
		p := c.begin("a")
		c.join()
		if _, err := p.Receipt(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > 161*time.Millisecond {
			t.Errorf("joined and published after %v, want 4 round trips of 40 ms", took)
		}
		c.close()
	})
}

// A daemon that takes the handshake and then says nothing is given up.
func TestADaemonThatDoesNotWelcome(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		c := n.client(t, true)
		n.set(func() {
			n.tap = func(up bool, _ *simConn, b []byte) bool { return !up && wire.KindOf(b) == wire.KindRTP }
		})
		start := time.Now()
		err := c.Welcomed(t.Context())
		if took := time.Since(start); !errors.Is(err, ErrUnreachable) || took > setupTimeout {
			t.Errorf("%v after %v", err, took)
		}
		<-c.ended
		c.close()
	})
}

// A port that is closed for a moment, of a daemon that has the session still, is no loss.
func TestAFalseAlarmIsNotTold(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		n.daemon.members = []*wire.Member{{Nick: "alice"}}
		c := n.client(t, true).join()
		used := engineOf(c, func(e *engine) *link { return e.s.link })
		conn, _ := used.conn.(*simConn)
		conn.errs <- &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNREFUSED)}
		after(time.Second)
		c.publish("a")
		n.daemon.look(func() {
			if n.daemon.takeovers != 1 || len(n.daemon.byes) != 0 {
				t.Errorf("%d take-overs, BYE %q", n.daemon.takeovers, n.daemon.byes)
			}
		})
		if events := c.close(); count[*Lost](events)+count[*Back](events) != 0 || bodies(events) != "a" {
			t.Errorf("%+v", events)
		}
	})
}

// BYE is said three times within 100 ms: by Close, and by a client that gives its session up.
func TestByeIsSaidThreeTimes(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, n *simNet, c *simClient){
		"Close": func(_ *testing.T, _ *simNet, c *simClient) { c.close() },
		"Close while the session is given up": func(_ *testing.T, n *simNet, c *simClient) {
			n.daemon.look(func() { n.daemon.ssrc = 5 })
			_, _ = c.Talk(c.t.Context(), "lobby", audio.L16)
			c.close()
		},
		"an SSRC that is in use": func(t *testing.T, n *simNet, c *simClient) {
			n.daemon.look(func() { n.daemon.ssrc = 5 })
			if _, err := c.Talk(t.Context(), "lobby", audio.L16); !errors.Is(err, ErrLost) {
				t.Error(err)
			}
		},
		"30 s of silence": func(_ *testing.T, n *simNet, c *simClient) {
			n.set(func() { n.tap = func(up bool, _ *simConn, _ []byte) bool { return !up } })
			<-c.ended
		},
	} {
		t.Run(name, func(t *testing.T) {
			inSim(t, func(t *testing.T, n *simNet) {
				c := n.client(t, false).join()
				end(t, n, c)
				after(130 * time.Millisecond)
				n.daemon.look(func() {
					if len(n.daemon.byes) != wire.ByeTimes {
						t.Errorf("%d BYE", len(n.daemon.byes))
					}
				})
				c.close()
			})
		})
	}
}
