//go:build linux

package load

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"yodel/wire/secure"
)

const (
	// joiners is how many sessions begin at once at most.
	joiners = 64
	// maxFailedInRow is how many sessions may fail one after the other before no more are tried.
	maxFailedInRow = joiners
)

// joining is the phase in which sessions begin. Its goroutines share it.
type joining struct {
	loop  *loop
	cfg   *Config
	begin time.Time
	ids   []*secure.Identity

	mu     sync.Mutex
	took   histogram
	ended  time.Time // when the last one was in its room
	failed int
	row    int   // failures since the last success
	err    error // the first
	delay  Seconds
	lead   Seconds
}

// join begins all sessions at the wanted rate. The first is waited for: when it fails there is no daemon to load. Later failures are
// counted, until there is nothing but failures.
func (j *joining) join(ctx context.Context) error {
	var err error
	if j.ids, err = identities(ctx, j.cfg.Sessions()); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	j.begin = time.Now()
	if j.one(ctx, 0, new(scratch)); j.err != nil {
		return j.err
	}
	numbers := make(chan int)
	var all sync.WaitGroup
	for range min(joiners, j.cfg.Sessions()) {
		all.Go(func() {
			s := new(scratch)
			for n := range numbers {
				if !j.one(ctx, n, s) {
					cancel(fmt.Errorf("%d sessions in a row: %w", maxFailedInRow, j.first()))
				}
			}
		})
	}
	j.pace(ctx, numbers)
	close(numbers)
	all.Wait()
	return context.Cause(ctx)
}

// pace gives out the numbers of the sessions at the wanted rate, all but the first.
func (j *joining) pace(ctx context.Context, numbers chan<- int) {
	begin := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n := 1; n < j.cfg.Sessions(); n++ {
		timer.Reset(time.Until(begin.Add(time.Duration(float64(n-1) / j.cfg.JoinRate * float64(time.Second)))))
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		select {
		case numbers <- n:
		case <-ctx.Done():
			return
		}
	}
}

// one begins a session and gives it to the loop; false when too many have failed.
func (j *joining) one(ctx context.Context, n int, s *scratch) bool {
	e := &entry{cfg: j.cfg, member: j.cfg.member(n), scratch: s}
	err := e.enter(ctx, j.ids[n])
	j.ids[n] = nil
	if err == nil {
		j.loop.post(func() { j.loop.adopt(e.member) })
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err == nil {
		j.row, j.ended = 0, time.Now()
		j.took.add(e.took)
		j.delay, j.lead = Seconds(e.joined.GetDelayMs())/1000, Seconds(e.joined.GetLeadMs())/1000
		return true
	}
	j.failed++
	j.row++
	if j.err == nil {
		j.err = err
	}
	return j.row < maxFailedInRow
}

// first is the first failure.
func (j *joining) first() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}

func (j *joining) result() Sessions {
	s := Sessions{Joined: j.took.n, Failed: j.failed, Join: j.took.quantiles()}
	if took := j.ended.Sub(j.begin).Seconds(); took > 0 {
		s.Rate = float64(j.took.n) / took
	}
	return s
}

// identities makes keys for all sessions: an identity may hold 32 nicks and 128 voices of a room.
func identities(ctx context.Context, n int) ([]*secure.Identity, error) {
	ids := make([]*secure.Identity, n)
	var next atomic.Int64
	var all sync.WaitGroup
	var failed atomic.Pointer[error]
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && ctx.Err() == nil; i = next.Add(1) - 1 {
				id, err := secure.NewIdentity()
				if err != nil {
					failed.Store(&err)
					return
				}
				ids[i] = id
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return nil, *err
	}
	return ids, context.Cause(ctx)
}

const (
	// plainChunk sockets are registered with a plain relay one after the other, then there is a pause for it to take them.
	plainChunk = 50
	plainPause = 2 * time.Millisecond
)

// registerPlain has the sockets of a plain relay registered. Whether they are shows by what is delivered.
func (j *joining) registerPlain(ctx context.Context) error {
	j.begin = time.Now()
	pause := time.NewTicker(plainPause)
	defer pause.Stop()
	for n := range j.cfg.Sessions() {
		m := j.cfg.member(n)
		conn, fd, err := open(j.cfg.Server)
		if err != nil {
			return err
		}
		_ = conn.Close() // the descriptor stays
		m.fd = fd
		takeGroups(fd) // as sessions do
		if n == 0 && send(fd, []byte{plainForget}) != 0 {
			_ = unix.Close(fd)
			return fmt.Errorf("%w: %s", ErrUnreachable, j.cfg.Server)
		}
		if j.cfg.hears(m) {
			_ = send(fd, []byte{plainRegister, byte(m.room)})
		}
		if j.cfg.talks(m) {
			m.voice = j.cfg.newVoice(m, uint32(n), 0)
		}
		j.loop.post(func() { j.loop.adopt(m) })
		j.took.n++
		if n%plainChunk != plainChunk-1 {
			continue
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	j.ended = time.Now()
	return context.Cause(ctx)
}
