package daemon

import (
	"testing"
	"testing/synctest"
	"time"

	"yodel/wire"
)

// What a delay line takes is counted for its room, its talker and all, and given back.
func TestEchoIsBounded(t *testing.T) {
	for name, c := range map[string]struct {
		limit int64
		fill  func(h *hub, r *room, who *account)
	}{
		"in all":         {50_000, func(*hub, *room, *account) {}},
		"of a room":      {DefaultLimits.EchoBytes, func(_ *hub, r *room, _ *account) { r.relay.bytes = maxRoomBytes - 50_000 }},
		"of an identity": {DefaultLimits.EchoBytes, func(_ *hub, _ *room, who *account) { who.bytes.Store(maxEchoBy - 50_000) }},
	} {
		t.Run(name, func(t *testing.T) {
			limits := DefaultLimits
			limits.EchoBytes = c.limit
			inRoom(t, Config{Delay: 10 * time.Second, Limits: limits}, func(t *testing.T, a, b *client) {
				h := a.w.server.hub
				lobby := h.rooms["lobby"]
				ssrc := a.talk("lobby", 0, 0)
				h.plane.tell.add(func(time.Time) { c.fill(h, lobby, h.accounts[a.id.Fingerprint()]) })
				synctest.Wait()
				before := lobby.relay.bytes
				const n = 600
				for i := range n {
					a.speak(ssrc, uint16(i), uint32(i)*960)
				}
				held, dropped := int(h.plane.echo.Load()), int(a.w.dropped(dropEchoFull))
				if held > 50_000+64*slotSize*8 || held < 40_000 || dropped == 0 || dropped >= n {
					t.Errorf("%d bytes are held, %d packets dropped", held, dropped)
				}
				if room := lobby.relay.bytes - before; name != "of a room" && room != held {
					t.Errorf("%d bytes in the room, %d in all", room, held)
				}
				a.endTalk(ssrc, n-1)
				rest(30*time.Second, a, b)
				if got := len(b.heard); got != n-dropped {
					t.Errorf("bob heard %d, want the %d that were taken", got, n-dropped)
				}
				if left := h.plane.echo.Load(); left != 0 || len(h.accounts) != 0 {
					t.Errorf("%d bytes and %d accounts are left", left, len(h.accounts))
				}
			})
		})
	}
}

// One account serves all voices of an identity, in whatever rooms.
func TestEchoOfAnIdentityIsOneAccount(t *testing.T) {
	inWorld(t, Config{Delay: 10 * time.Second}, func(t *testing.T, w *world) {
		id := newID(t)
		var talkers []*client
		for i, addr := range []string{"10.0.0.1:1", "10.0.0.1:2"} {
			c := w.connect(addr, id)
			room := []string{"one", "two"}[i]
			c.enter("alice", room, nil)
			c.speak(c.talk(room, 0, 0), 0, 0)
			talkers = append(talkers, c)
		}
		h := w.server.hub
		account := h.accounts[id.Fingerprint()]
		sum := int64(h.rooms["one"].relay.bytes + h.rooms["two"].relay.bytes)
		if len(h.accounts) != 1 || account.voices != 2 || account.bytes.Load() != sum || sum != h.plane.echo.Load() || sum == 0 {
			t.Errorf("%d accounts, %d voices, %d bytes of %d", len(h.accounts), account.voices, account.bytes.Load(), sum)
		}
		talkers[0].sayBye()
		rest(time.Minute, talkers[1])
		if account.voices != 1 {
			t.Errorf("%d voices", account.voices)
		}
	})
}

// A session's open talks are bounded, and with them its SSRCs.
func TestTalksOfASessionAreBounded(t *testing.T) {
	inRoom(t, Config{}, func(_ *testing.T, a, _ *client) {
		for range maxTalks {
			a.talk("lobby", 0, 0)
		}
		a.say(wire.Encode(&wire.Message_Talk{Talk: &wire.Talk{Room: "lobby", PayloadType: wire.PayloadOpus}}))
		a.wantRefused(dropTalks, maxTalks)
	})
}
