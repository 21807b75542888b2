package secure

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

func TestRulesOfAnIndex(t *testing.T) {
	const wrap = 1 << 16
	for name, test := range map[string]struct {
		sent  []uint64
		index uint64
		want  error
	}{
		"next":                           {[]uint64{5}, 6, nil},
		"again":                          {[]uint64{5, 6}, 5, nil},
		"overtaken by the first":         {[]uint64{5}, 4, nil},
		"R1: before the wrap":            {[]uint64{wrap + 5}, wrap - 6, ErrBeforeFirst},
		"R1: just before the wrap":       {[]uint64{wrap}, wrap - 1, ErrBeforeFirst},
		"R1: after half a turn":          {[]uint64{3*wrap + 5, 3*wrap + 500}, 3*wrap - 1, ErrBeforeFirst},
		"oldest in the window":           {[]uint64{5, 5000}, 5000 - WindowRTP + 1, nil},
		"older than the window":          {[]uint64{5, 5000}, 5000 - WindowRTP, ErrTooOld},
		"over the wrap":                  {[]uint64{wrap - 1}, wrap, nil},
		"back over the wrap":             {[]uint64{wrap - 1, wrap}, wrap - 2, nil},
		"a jump":                         {[]uint64{5}, 5 + MaxJump, nil},
		"R6: a longer jump":              {[]uint64{5}, 6 + MaxJump, ErrNewSSRCNeeded},
		"R6: half a turn":                {[]uint64{5}, 5 + wrap/2, ErrNewSSRCNeeded},
		"R6: a turn, the same sequence":  {[]uint64{5}, 5 + wrap, ErrNewSSRCNeeded},
		"R6: a turn, a sequence before":  {[]uint64{5, 100}, wrap + 50, ErrNewSSRCNeeded},
		"R6: many turns":                 {[]uint64{5}, 5 + 1<<40, ErrNewSSRCNeeded},
		"R6: from the newest, not last":  {[]uint64{5, MaxJump, MaxJump - 3}, 2 * MaxJump, nil},
		"the numbers may begin anywhere": {[]uint64{1<<50 + 7}, 1<<50 + 8, nil},
		"but have 63 bits":               {nil, 1 << 63, ErrIndex},
		"all the time":                   {[]uint64{1<<63 - 1}, 1 << 63, ErrIndex},
		"to the last":                    {[]uint64{1<<63 - 2}, 1<<63 - 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			tx, _ := direction(t, profiles[0])
			for _, index := range test.sent {
				mustSeal(t, tx, 1, index)
			}
			before := tx.Packets()
			got, err := tx.SealRTP([]byte("kept"), rtpPacket(1, test.index), test.index)
			if !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
			if err != nil && (string(got) != "kept" || tx.Packets() != before) {
				t.Errorf("refused, but %q and %d packets", got, tx.Packets()-before)
			}
		})
	}
}

// RFC 3711, 9.2: after 2^48 packets of SRTP and 2^31 of SRTCP the keys are used up.
func TestNoIndexComesAgainWhenAllWereUsed(t *testing.T) {
	tx, _ := direction(t, gcm)
	const base = 5 << 16
	mustSeal(t, tx, 1, base)
	s := tx.Stream(1)
	s.sent.next = base + maxIndexRTP
	if sealed := mustSeal(t, tx, 1, base+maxIndexRTP); !bytes.Equal(sealed, deriveAll(t, gcm, testKey(gcm), 0).rtp(t, rtpPacket(1, base+maxIndexRTP), 1<<32-1)) {
		t.Errorf("the last packet is %x", sealed)
	}
	if _, err := tx.SealRTP(nil, rtpPacket(1, base+maxIndexRTP+1), base+maxIndexRTP+1); !errors.Is(err, ErrNewSSRCNeeded) {
		t.Errorf("one more: %v, want ErrNewSSRCNeeded", err)
	}
	s.reports = maxIndexRTCP - 1
	if sealed, err := tx.SealRTCP(nil, report(1)); err != nil || !bytes.Equal(sealed, deriveAll(t, gcm, testKey(gcm), 3).rtcp(t, report(1), maxIndexRTCP)) {
		t.Errorf("the last report is %x, %v", sealed, err)
	}
	if got, err := tx.SealRTCP([]byte("kept"), report(1)); !errors.Is(err, ErrExhausted) || string(got) != "kept" {
		t.Errorf("one more report: %q, %v, want ErrExhausted", got, err)
	}
}

// A stream and Tx seal the same, and know of each other's packets.
func TestAStreamIsThatOfItsTx(t *testing.T) {
	for _, profile := range profiles {
		tx, rx := direction(t, profile)
		rx.Allow(1)
		s := tx.Stream(1)
		if tx.Stream(1) != s || tx.SSRCs() != 1 {
			t.Errorf("another stream of the SSRC, or %d SSRCs", tx.SSRCs())
		}
		sealed, err := s.Seal(nil, rtpPacket(1, 1<<16+5), 1<<16+5)
		if err != nil || !bytes.Equal(sealed, mustSeal(t, tx, 1, 1<<16+5)) {
			t.Errorf("sealed %x, %v", sealed, err)
		}
		wantOpen(t, rx, sealed, rtpPacket(1, 1<<16+5))
		mustSeal(t, tx, 1, 1<<16+2000)
		for name, c := range map[string]struct {
			packet []byte
			index  uint64
			want   error
		}{
			"before the first":     {rtpPacket(1, 7), 7, ErrBeforeFirst},
			"after Tx's":           {rtpPacket(1, 7), 1<<16 + 7, ErrTooOld},
			"far ahead":            {rtpPacket(1, 0), 3 << 16, ErrNewSSRCNeeded},
			"of another SSRC":      {rtpPacket(2, 1), 1<<16 + 1, ErrIndex},
			"of another index":     {rtpPacket(1, 1), 1<<16 + 2, ErrIndex},
			"no packet":            {rtpPacket(1, 1)[:11], 1<<16 + 1, ErrMalformed},
			"a header without end": {with(rtpPacket(1, 1), 0, 0x8f), 1<<16 + 1, ErrMalformed},
		} {
			if got, err := s.Seal([]byte("kept"), c.packet, c.index); !errors.Is(err, c.want) || string(got) != "kept" {
				t.Errorf("%s: %q, %v, want %v", name, got, err, c.want)
			}
		}
		if tx.Packets() != 3 {
			t.Errorf("%d packets", tx.Packets())
		}
	}
}

// nonce is what must be unique under a key: RFC 7714, 8.1.
type nonce struct {
	ssrc  uint32
	index uint64 // rollover counter and sequence number
}

// flying is a sealed packet under way.
type flying struct {
	sealed []byte
	index  uint64
}

// listener is one receiver of a stream in a room: what the daemon keeps for it, the network, and its Rx. It holds
// the rules' promises: no nonce ever covers two plaintexts, and what is delivered in the window opens.
type listener struct {
	t       *testing.T
	rng     *rand.Rand
	profile srtp.ProtectionProfile
	tx      *Tx
	rx      *Rx
	oracle  *srtp.Context // opens under the rollover counter that it is told, and no other

	ssrc    uint32
	base    uint64 // of the SSRC's first index
	used    map[nonce][sha256.Size]byte
	flying  []flying
	top     flying // the newest sent under the SSRC
	got     map[uint64]bool
	newest  uint64
	anyGot  bool
	lossy   int // packets still to be lost in a row
	renewed int
	opened  int
	refused map[error]int
}

func newListener(t *testing.T, rng *rand.Rand, profile srtp.ProtectionProfile) *listener {
	tx, rx := direction(t, profile)
	key := testKey(profile)
	oracle, err := srtp.CreateContext(key.key, key.salt, profile)
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{
		t: t, rng: rng, profile: profile, tx: tx, rx: rx, oracle: oracle,
		used: map[nonce][sha256.Size]byte{}, refused: map[error]int{},
	}
	l.newSSRC()
	return l
}

func (l *listener) newSSRC() {
	l.deliver(0) // what is under way was sealed under the SSRC before
	l.ssrc++     // R3: never one that was used
	l.base, l.got, l.anyGot, l.top = 0, map[uint64]bool{}, false, flying{}
	l.rx.Allow(l.ssrc)
}

// send seals the stream's packet at an index for the listener, the first time or again.
func (l *listener) send(index uint64) {
	sealed, err := l.tx.SealRTP(nil, rtpPacket(l.ssrc, index), index)
	switch {
	case errors.Is(err, ErrNewSSRCNeeded):
		l.newSSRC()
		l.renewed++
		l.send(index)
		return
	case errors.Is(err, ErrBeforeFirst), errors.Is(err, ErrTooOld):
		l.refused[err]++
		return
	case err != nil:
		l.t.Fatalf("SealRTP %d: %v", index, err)
	}
	if l.top.sealed == nil {
		l.base = index &^ 0xffff
	}
	l.record(sealed, index)
	l.keepUp(index)
	packet := flying{sealed, index}
	if index >= l.top.index {
		l.top = packet
	}
	l.flying = append(l.flying, packet)
	l.deliver(3)
}

// keepUp lets the newest packet arrive if without it the receiver would have to guess over 2^15 indices: several
// jumps, and all between them lost. No rule of the sender's can help there.
func (l *listener) keepUp(index uint64) {
	lost := l.anyGot && index >= l.newest+1<<15 || !l.anyGot && index >= l.base+1<<17
	if lost && l.top.sealed != nil && !l.got[l.top.index] {
		l.arrive(l.top.sealed, l.top.index)
	}
}

// record fails if the packet was not sealed under the index that the rules say, or if that was used for another plaintext.
func (l *listener) record(sealed []byte, index uint64) {
	l.oracle.SetROC(l.ssrc, uint32((index-l.base)>>16))
	var header rtp.Header
	plain, err := l.oracle.DecryptRTP(nil, sealed, &header)
	if err != nil {
		l.t.Fatalf("index %d of base %d is not under rollover counter %d", index, l.base, (index-l.base)>>16)
	}
	key, sum := nonce{l.ssrc, index - l.base}, sha256.Sum256(plain)
	if before, ok := l.used[key]; ok && before != sum {
		l.t.Fatalf("nonce %+v covers two plaintexts", key)
	}
	l.used[key] = sum
}

// deliver hands over what is under way in any order until that few packets remain, and loses some.
func (l *listener) deliver(remain int) {
	for len(l.flying) > remain {
		i := l.rng.IntN(len(l.flying))
		packet := l.flying[i]
		l.flying = append(l.flying[:i], l.flying[i+1:]...)
		if l.lossy == 0 && l.rng.IntN(500) == 0 {
			l.lossy = l.rng.IntN(200)
		}
		if l.lossy > 0 || l.rng.IntN(5) == 0 {
			l.lossy = max(0, l.lossy-1)
			continue
		}
		l.arrive(packet.sealed, packet.index)
		if l.rng.IntN(20) == 0 {
			l.arrive(packet.sealed, packet.index)
		}
	}
}

func (l *listener) arrive(sealed []byte, index uint64) {
	opened, err := l.rx.OpenRTP(nil, sealed)
	old := l.anyGot && index+WindowRTP <= l.newest
	if l.got[index] || old {
		tooOld := old && errors.Is(err, ErrAuth) // so old that its rollover counter is guessed wrong
		if !errors.Is(err, ErrReplayed) && !tooOld {
			l.t.Fatalf("index %d again or %d behind: %v", index, l.newest-index, err)
		}
		return
	}
	if err != nil || !bytes.Equal(opened, rtpPacket(l.ssrc, index)) {
		l.t.Fatalf("index %d (base %d, newest %d) does not open: %v", index, l.base, l.newest, err)
	}
	l.opened++
	l.got[index], l.anyGot = true, true
	l.newest = max(l.newest, index)
}

func TestRulesHoldForAnyListener(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for run := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, run))
		l := newListener(t, rng, profiles[run%2])
		next := rng.Uint64N(1 << 20) // of the talker
		if run%3 == 0 {
			next = next | 0xffff - rng.Uint64N(40) // about to wrap
		}
		start := next
		for range 12000 {
			switch n := rng.IntN(1000); {
			case n < 800:
				l.send(next)
				next++
			case n < 900: // repaired or asked for again
				l.send(next - rng.Uint64N(min(next-start+2, 1200)))
			case n < 980: // lost before the daemon, perhaps repaired later
				next += rng.Uint64N(4)
			case n < 995: // the talker jumps
				next += rng.Uint64N(MaxJump)
			case n < 998: // the listener leaves and comes back
				next += []uint64{1 << 14, 1<<15 - 1, 1 << 15, 1<<16 - 100, 1 << 16, 1<<16 + 1, 1<<16 + 50, 1 << 17}[rng.IntN(8)]
			default: // the listener leaves, and comes back as another session of the talker's
				l.newSSRC()
				start = next
			}
		}
		l.deliver(0)
		if l.opened < 5000 || l.renewed == 0 || l.refused[ErrTooOld] == 0 || len(l.used) < l.opened {
			t.Errorf("run %d exercised too little: %d opened, %d new SSRCs, refused %v", run, l.opened, l.renewed, l.refused)
		}
	}
}

func TestRTCPIndicesAreNeverUsedAgain(t *testing.T) {
	for _, profile := range profiles {
		tx, rx := direction(t, profile)
		seen := map[string]bool{}
		for i := range 5000 {
			ssrc := uint32(i % 3)
			rx.Allow(ssrc)
			sealed, err := tx.SealRTCP(nil, report(ssrc))
			if err != nil || seen[string(sealed)] {
				t.Fatalf("report %d: %v, seen before: %t", i, err, seen[string(sealed)])
			}
			seen[string(sealed)] = true
			if _, err := rx.OpenRTCP(nil, sealed); err != nil {
				t.Fatalf("report %d: %v", i, err)
			}
		}
	}
}
