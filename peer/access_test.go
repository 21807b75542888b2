package peer

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"yodel/wire"
	"yodel/wire/secure"
)

// The token goes with every Hello until the daemon has taken the session, and with none after that.
func TestTheInviteIsShownUntilWelcome(t *testing.T) {
	token := []byte("0123456789abcdef")
	r := newRig(t, Config{Nick: "alice", Reconnect: true, Invite: token})
	for range 2 {
		r.connect()
		if h := take[*wire.Message_Hello](r).Hello; string(h.GetInvite()) != string(token) {
			t.Errorf("invite %q before Welcome", h.GetInvite())
		}
	}
	r.welcome()
	r.connect()
	if h := take[*wire.Message_Hello](r).Hello; len(h.GetInvite()) != 0 {
		t.Errorf("invite %q after Welcome", h.GetInvite())
	}
}

func TestAnInviteOfAnotherLengthIsNoConfiguration(t *testing.T) {
	_, err := Config{Server: "localhost", Identity: mustIdentity(t), Invite: []byte("short")}.checked()
	if !errors.Is(err, ErrConfig) {
		t.Errorf("%v", err)
	}
}

// These reasons of a BYE end a client for good, others do not. Only the whole word counts.
func TestGoodbyesThatAreForGood(t *testing.T) {
	for reason, want := range map[string]struct {
		final bool
		text  string
	}{
		wire.ByeKicked:                  {true, "kicked"},
		wire.ByeKicked + ": spam \x1b[": {true, `kicked: spam \x1b[`},
		wire.ByeAccess:                  {true, "refused: access withdrawn"},
		wire.ByeAccess + ": banned":     {true, "refused: access withdrawn: banned"},
		wire.ByeKicked + "ed":           {false, "session lost: kickeded"},
		wire.ByeStopping:                {false, "session lost: the daemon is stopping"},
		"":                              {false, "session lost: the daemon has closed it"},
	} {
		r := newRig(t, Config{Nick: "alice", Reconnect: true})
		r.welcome()
		r.control(&rtcp.Goodbye{Sources: []uint32{wire.SSRCDaemon}, Reason: reason})
		if err := r.e.failed(); err == nil || err.Error() != want.text || isFinal(err) != want.final || errors.Is(err, ErrLost) == want.final {
			t.Errorf("%q: %v, for good: %v", reason, err, isFinal(err))
		}
	}
}

// A session that comes back to a daemon which lets it in no more has come to its end, and says so.
func TestAccessThatIsGoneEndsAReconnect(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		c := n.client(t, true).join()
		n.daemon.restart()
		n.daemon.look(func() { n.daemon.refuseHello = wire.Code_CODE_ACCESS })
		p := c.begin(long)
		var refusal *RefusedError
		if _, err := p.Receipt(t.Context()); !errors.As(err, &refusal) || refusal.Code != wire.Code_CODE_ACCESS {
			t.Errorf("%v", err)
		}
		after(time.Minute)
		n.daemon.look(func() {
			if n.daemon.handshakes != 2 {
				t.Errorf("%d handshakes, want one before the refusal and one for it", n.daemon.handshakes)
			}
		})
		if err := c.Err(); !errors.As(err, &refusal) {
			t.Errorf("ended with %v", err)
		}
		c.close()
	})
}

// A daemon that has another key than the invite says is told nothing, and is not pinned.
func TestAnotherDaemonThanTheInvites(t *testing.T) {
	inSim(t, func(t *testing.T, n *simNet) {
		known := secure.KnownHosts{Path: filepath.Join(t.TempDir(), "known_hosts")}
		cfg := n.config(t)
		cfg.KnownHosts, cfg.Invite, cfg.Daemon = &known, make([]byte, wire.InviteToken), mustIdentity(t).Fingerprint()
		_, err := Dial(t.Context(), cfg)
		if !errors.Is(err, ErrOtherDaemon) || !strings.Contains(err.Error(), cfg.Daemon.String()) {
			t.Errorf("%v", err)
		}
		if added, err := known.Check("daemon.example:9635", cfg.Daemon); !added || err != nil {
			t.Errorf("something was pinned: %v", err)
		}
		cfg.Daemon, cfg.KnownHosts = n.daemon.identity.Fingerprint(), nil
		c, err := Dial(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
	})
}

func TestSucceed(t *testing.T) {
	r := newRig(t, Config{})
	r.welcome()
	next := mustIdentity(t)
	message, err := succeedMessage(next, secure.Fingerprint{7}, secure.Fingerprint{8})
	if err != nil {
		t.Fatal(err)
	}
	done := ErrNoReport
	id := r.e.request(r.now, message, func(_ time.Time, _ *wire.Message, err error) { done = err })
	s := take[*wire.Message_Succeed](r).Succeed
	if got, err := secure.CheckSuccession(s.GetKey(), s.GetSignature(), secure.Fingerprint{7}, secure.Fingerprint{8}); err != nil || got != next.Fingerprint() || s.GetRequest() != id {
		t.Errorf("%+v: %s, %v", s, got, err)
	}
	r.say(&wire.Message{Kind: &wire.Message_Pong{Pong: &wire.Pong{Request: id}}})
	if done == nil {
		t.Error("a Pong passes for the answer")
	}
	r.say(&wire.Message{Kind: &wire.Message_Succeeded{Succeeded: &wire.Succeeded{Request: id}}})
	if done != nil {
		t.Error(done)
	}
}

func TestARefusalNamesItsRoom(t *testing.T) {
	for _, tt := range []struct {
		refused *wire.Refused
		want    string
	}{
		{&wire.Refused{Code: wire.Code_CODE_ACCESS, Room: "club", Reason: "not for this key"}, "refused: room club: not for this key"},
		{&wire.Refused{Code: wire.Code_CODE_ACCESS, Room: "club", Reason: "the room club is not for this key"}, "refused: the room club is not for this key"},
		{&wire.Refused{Code: wire.Code_CODE_ACCESS, Reason: "the invite is used up"}, "refused: the invite is used up"},
		{&wire.Refused{Code: wire.Code_CODE_ACCESS, Room: "a\x1b[2J", Reason: "no"}, `refused: room a\x1b[2J: no`},
	} {
		if got := refused(tt.refused).Error(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
