package daemon

import (
	"sync"
	"time"

	"yodel/daemon/access"
)

// gate is who may come in: the book, which is the hub's, and what has it stored.
type gate struct {
	hub   *hub
	book  *access.Book
	store *access.Store // nil: nothing is stored

	writing  bool      // a snapshot is on its way to the disk …
	waiting  []unsaved // … and these are in the next one
	closing  bool      // there is one more, the last
	nicks    timer     // when holders of nicks are to be stored
	nicksDue bool      // they are to be in the next snapshot
	lines    bucket    // in the log, about those who are turned away

	followed string        // the operator's file
	stop     chan struct{} // ends the watch of it
	watches  sync.WaitGroup
}

// unsaved is a change that is to be stored.
type unsaved struct {
	undo func() // nil: it stays
	done func(now time.Time, err error)
}

// nicksEvery is how often holders of nicks are stored, when they have changed. A daemon that is killed forgets so much of them.
const nicksEvery = time.Minute

// openAccess reads who may come in, from the state folder and the operator's file, and begins to store and to follow them.
func (h *hub) openAccess() error {
	book, err := access.Load(h.cfg.State, h.cfg.Access)
	if err != nil {
		return err
	}
	g := &h.gate
	g.book = book
	file, err := readGrants(h.cfg.AuthorizedKeys)
	if err != nil {
		return err
	}
	g.follow(file)
	g.store = access.NewStore(h.cfg.State, func(f func()) {
		h.plane.tell.add(func(now time.Time) {
			h.now = now
			f()
		})
	})
	return nil
}

// grants are what the operator's file says.
type grants struct {
	path string // empty: there is no file
	seen *access.Stamp
	keys []access.Key
}

// readGrants reads the operator's file; any goroutine may.
func readGrants(path string) (f grants, err error) {
	if path == "" {
		return f, nil
	}
	f = grants{path: path, seen: access.StampOf(path)}
	f.keys, err = access.ReadAuthorizedKeys(path)
	return f, err
}

// follow goes by what the operator's file says, and follows it from now on.
func (g *gate) follow(f grants) {
	g.unwatch()
	g.book.Grant(f.keys)
	if f.path == "" {
		return
	}
	g.hub.log.Info("authorized keys", "file", f.path, "keys", len(f.keys))
	stop := make(chan struct{})
	g.followed, g.stop = f.path, stop
	g.watches.Go(func() {
		access.Watch(f.path, f.seen, stop, func(keys []access.Key, err error) {
			g.hub.plane.tell.add(func(time.Time) {
				if g.stop == stop {
					g.granted(keys, err)
				}
			})
		})
	})
}

// unwatch ends the following; the goroutine ends a little later.
func (g *gate) unwatch() {
	if g.stop != nil {
		close(g.stop)
	}
	g.followed, g.stop = "", nil
}

// granted takes what the operator's file says now. When it cannot be read, what it said before stays.
func (g *gate) granted(keys []access.Key, err error) {
	if err != nil {
		g.hub.log.Error("authorized keys not read; what they were before stays", "error", err)
		return
	}
	g.book.Grant(keys)
	file := g.followed
	g.hub.judging.everyone(func(_ time.Time, ended int) {
		g.hub.log.Info("authorized keys", "file", file, "keys", len(keys), "ended", ended)
	})
}

// save has the book be stored, with a change that was made in it; done is called when that is on the disk. If it cannot be put there undo is called
// first, and all sessions are judged again. All changes that are made while a snapshot is being written are in the next one.
func (g *gate) save(now time.Time, undo func(), done func(now time.Time, err error)) {
	g.waiting = append(g.waiting, unsaved{undo, done})
	if !g.writing {
		g.write(now)
	}
}

// write gives the book to be stored, with all changes that wait for it.
func (g *gate) write(now time.Time) {
	if g.closing {
		return
	}
	changes := g.waiting
	g.waiting = nil
	if g.store == nil {
		g.outcome(now, changes, nil)
		return
	}
	g.writing = true
	fresh := g.nicksDue
	g.nicksDue = false
	g.store.Save(g.book.Snapshot(now, fresh), func(err error) {
		g.writing = false
		g.outcome(g.hub.now, changes, err)
		if !g.writing && len(g.waiting) > 0 {
			g.write(g.hub.now)
		}
	})
}

// outcome tells those who have changed something how it went. What cannot be stored is taken back, the latest change first.
func (g *gate) outcome(now time.Time, changes []unsaved, err error) {
	if err != nil {
		g.hub.log.Error("access not stored", "error", err)
		g.book.NicksNotStored()
		g.nickUsed(now)
		for i := range changes {
			if undo := changes[len(changes)-1-i].undo; undo != nil {
				undo()
			}
		}
		g.hub.judging.everyone(nil)
	}
	for _, c := range changes {
		c.done(now, err)
	}
}

// nickUsed has the holders of nicks be stored in a while.
func (g *gate) nickUsed(now time.Time) {
	if g.nicks.index == 0 && g.book.NicksChanged() {
		g.hub.timers.set(&g.nicks, now.Add(nicksEvery))
	}
}

// storeNicks is the timer's.
func (g *gate) storeNicks(now time.Time) {
	if g.book.NicksChanged() {
		g.nicksDue = true
		g.save(now, nil, func(time.Time, error) {})
	}
}

// close has the last of the book be stored, and ends the goroutines. It waits for the disk until it is late.
func (g *gate) close(late time.Time) {
	g.unwatch()
	g.closing = true
	if g.store == nil {
		return
	}
	if !within(late, func() { g.watches.Wait(); g.store.Close() }) {
		g.hub.log.Error("access not stored", "error", errDisk)
		return
	}
	now := time.Now()
	g.hub.plane.tell.run(now) // how the latest writing went
	if len(g.waiting) == 0 && len(g.hub.sessions) == 0 && !g.book.NicksChanged() {
		return
	}
	last := g.book.Snapshot(now, true)
	err := errDisk
	written := make(chan error, 1)
	if within(late, func() { written <- access.Write(g.hub.cfg.State, last) }) {
		err = <-written
	}
	g.outcome(now, g.waiting, err)
}

// within does something that may wait for a disk, and tells whether it was done before it is late.
func within(end time.Time, f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	late := time.NewTimer(time.Until(end))
	defer late.Stop()
	select {
	case <-done:
		return true
	case <-late.C:
		return false
	}
}
