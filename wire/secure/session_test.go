package secure

import (
	"bytes"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestEachSideOpensWhatTheOtherSeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPair(t, 1, 0).session(t)
		for name, way := range map[string]struct {
			ssrc      uint32
			tx        *Tx
			rx, wrong *Rx
		}{
			"up":   {1, s.clientTx, s.serverRx, s.clientRx},
			"down": {2, s.serverTx, s.clientRx, s.serverRx},
		} {
			way.rx.Allow(way.ssrc)
			way.wrong.Allow(way.ssrc)
			sealed := mustSeal(t, way.tx, way.ssrc, 1)
			if _, err := way.wrong.OpenRTP(nil, sealed); !errors.Is(err, ErrAuth) {
				t.Errorf("%s: sent back to its sender: %v, want ErrAuth", name, err)
			}
			wantOpen(t, way.rx, sealed, rtpPacket(way.ssrc, 1))
		}
	})
}

func TestSessionsHaveKeysOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, 1, 0)
		first := p.session(t)
		again := newPair(t, 2, 0)
		again.clientConf.Identity, again.serverConf.Identity = p.clientConf.Identity, p.serverConf.Identity
		second := again.session(t)
		second.serverRx.Allow(1)
		if _, err := second.serverRx.OpenRTP(nil, mustSeal(t, first.clientTx, 1, 1)); !errors.Is(err, ErrAuth) {
			t.Errorf("a packet of another session: %v, want ErrAuth", err)
		}
	})
}

// RFC 5764, 4.2: client_write_key, server_write_key, client_write_salt, server_write_salt.
func TestSplitKeys(t *testing.T) {
	material := []byte("CCCCCCCCCCCCCCCCSSSSSSSSSSSSSSSSccccccccccccssssssssssss")
	for _, client := range []bool{true, false} {
		local, remote := splitKeys(material, 16, client)
		if !client {
			local, remote = remote, local
		}
		if string(local.key)+string(local.salt) != "CCCCCCCCCCCCCCCCcccccccccccc" ||
			string(remote.key)+string(remote.salt) != "SSSSSSSSSSSSSSSSssssssssssss" {
			t.Errorf("client %t: %s %s and %s %s", client, local.key, local.salt, remote.key, remote.salt)
		}
	}
}

// finish runs handshakes without a network between them and frees DTLS at both ends.
func finish(tb testing.TB, n int) []session {
	tb.Helper()
	client := Config{Identity: mustIdentity(tb), Client: true, Verify: anyone}
	server := Config{Identity: mustIdentity(tb), Verify: anyone}
	sessions := make([]session, 0, n)
	for range n {
		p := &pair{clientConf: client, serverConf: server}
		var up, down sync.Mutex
		p.client = NewMemConn(func(datagram []byte) { up.Lock(); defer up.Unlock(); _ = p.server.Feed(datagram) })
		p.server = NewMemConn(func(datagram []byte) { down.Lock(); defer down.Unlock(); _ = p.client.Feed(datagram) })
		sessions = append(sessions, p.session(tb))
	}
	return sessions
}

// inUse is the heap and the stacks that are in use once everything dead is gone.
func inUse() int64 {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

func TestAFinishedSessionIsSmall(t *testing.T) {
	const n, bar = 100, 3 << 10
	finish(t, 5) // what is made once
	before := inUse()
	sessions := finish(t, n)
	each := (inUse() - before) / (2 * n) // both ends are here
	t.Logf("%d bytes a session", each)
	if each > bar {
		t.Errorf("%d bytes a session, want at most %d", each, bar)
	}
	runtime.KeepAlive(sessions)
}

// idleSession has a message stream each way and has sent and received reports.
func idleSession(t *testing.T) (*Tx, *Rx) {
	t.Helper()
	tx, rx := direction(t, gcm)
	rx.Allow(1)
	for index := range uint64(3) {
		wantOpen(t, rx, mustSeal(t, tx, 1, index), rtpPacket(1, index))
		sealed, err := tx.SealRTCP(nil, report(1))
		if err == nil {
			_, err = rx.OpenRTCP(nil, sealed)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return tx, rx
}

func TestTheProtectionOfAnIdleSessionIsSmall(t *testing.T) {
	const n, bar = 1000, 2100
	idleSession(t) // what is made once
	txs, rxs := make([]*Tx, n), make([]*Rx, n)
	before := inUse()
	for i := range n {
		txs[i], rxs[i] = idleSession(t)
	}
	each := (inUse() - before) / n
	t.Logf("%d bytes of Tx and Rx", each)
	if each > bar {
		t.Errorf("%d bytes of Tx and Rx, want at most %d", each, bar)
	}
	runtime.KeepAlive(txs)
	runtime.KeepAlive(rxs)
}

func BenchmarkHandshake(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		finish(b, 1)
	}
}

// BenchmarkResponder reports what a handshake takes in Feed, without the client.
func BenchmarkResponder(b *testing.B) {
	client := Config{Identity: mustIdentity(b), Client: true, Verify: anyone}
	server := Config{Identity: mustIdentity(b), Verify: anyone}
	var spent time.Duration
	for b.Loop() {
		up := make(chan []byte, maxQueued)
		conn := NewMemConn(func(datagram []byte) { up <- bytes.Clone(datagram) })
		done := start(conn, client)
		r, err := NewResponder(server, time.Now(), func(datagram []byte) { _ = conn.Feed(datagram) })
		if err != nil {
			b.Fatal(err)
		}
		for r.Secrets() == nil {
			datagram, began := <-up, time.Now()
			if err := r.Feed(began, datagram); err != nil {
				b.Fatal(err)
			}
			spent += time.Since(began)
		}
		(<-done).secrets.Free()
	}
	b.ReportMetric(float64(spent.Microseconds())/float64(b.N), "us/Feed")
}
