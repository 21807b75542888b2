package roomlog

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// rows counts the rooms in a closed log's file.
func (l *testLog) rows() (n int) {
	l.t.Helper()
	db, conn, err := attach(l.t.Context(), l.options.Dir)
	if err != nil {
		l.t.Fatal(err)
	}
	defer db.Close()
	defer conn.Close()
	if err := conn.QueryRowContext(l.t.Context(), "SELECT count(*) FROM room").Scan(&n); err != nil {
		l.t.Fatal(err)
	}
	return n
}

// TestEmptyRoomsAreForgotten has the entries of many rooms removed, and then their keys.
func TestEmptyRoomsAreForgotten(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		const rooms = forgetRooms + 100
		l := reopen(t, Options{Dir: dir, Keep: Keep{Age: time.Hour}})
		id := l.ID()
		for i := range rooms {
			e := message(fmt.Sprintf("room %d", i), 1, "x")
			e.At = time.Now().UnixNano()
			l.Append(e, func(Result) {})
			l.Append(Entry{Room: e.Room, ID: 2, At: e.At, Body: []byte("y")}, func(Result) {})
		}
		<-time.After(2 * time.Hour)
		synctest.Wait()
		if c := l.seek("room 7", After(id[:], 15)); l.Count() != 0 || !c.Truncated {
			t.Errorf("%d rooms have entries; %+v", l.Count(), c)
		}
		l.end()
		if n := l.rows(); n != rooms {
			t.Errorf("%d rooms in the file before their keys are old, want %d", n, rooms)
		}
		l = reopen(t, l.options)
		<-time.After(keepKeys + 2*time.Hour)
		synctest.Wait()
		l.mu.Lock()
		if n := len(l.rooms); n != 0 {
			t.Errorf("%d rooms are in memory", n)
		}
		l.mu.Unlock()
		for _, again := range []bool{false, true} {
			if again {
				l.end()
				if n := l.rows(); n != 0 {
					t.Errorf("%d rooms are in the file", n)
				}
				l = reopen(t, l.options)
			}
			if c := l.seek("room 7", After(id[:], 15)); !c.Truncated {
				t.Errorf("after a position of a forgotten room: %+v", c)
			}
			if c := l.seek("room 7", After(id[:], 0)); c.Truncated {
				t.Errorf("from the beginning: %+v", c)
			}
		}
		e := message("room 7", 3, "new")
		e.At = time.Now().UnixNano()
		if r := l.append(e); r.Err != nil || r.Entry.Pos != 2*rooms+1 || r.Entry.Prev != 0 {
			t.Errorf("%+v", r)
		}
		if c := l.seek("room 7", After(id[:], 15)); !c.Truncated || c.Count != 1 {
			t.Errorf("after a position of the room that was there before: %+v", c)
		}
		if c := l.seek("room 7", After(id[:], 2*rooms+1)); c.Truncated || c.Count != 0 {
			t.Errorf("after its newest: %+v", c)
		}
		l.end()
	})
}

// TestEntriesOfTheFutureGrowOld has a clock that was ten years ahead, and is set right while the log runs, or while it does not.
func TestEntriesOfTheFutureGrowOld(t *testing.T) {
	const age = 24 * time.Hour
	for name, restart := range map[string]bool{"at run time": false, "while it does not run": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				o := Options{Dir: dir}
				if !restart {
					o.Keep.Age = age
				}
				l := reopen(t, o)
				e := message("a", 1, "x")
				e.At = time.Now().Add(10 * 365 * age).UnixNano()
				l.append(e)
				o.Keep.Age = age
				for range 3 { // restarts do not make it younger
					if restart {
						l.end()
						l = reopen(t, o)
					}
					<-time.After(age / 4)
					synctest.Wait()
				}
				if n := len(l.all("a", 0)); n != 1 {
					t.Fatalf("%d entries, want 1", n)
				}
				now := message("a", 2, "y")
				now.At = time.Now().UnixNano()
				l.append(now)
				<-time.After(age/4 + 2*sweepEvery)
				synctest.Wait()
				if all := l.all("a", 0); len(all) != 1 || all[0].ID != 2 {
					t.Errorf("%d entries are left, want the second", len(all))
				}
				<-time.After(age)
				synctest.Wait()
				if n := len(l.all("a", 0)); n != 0 {
					t.Errorf("%d entries are left", n)
				}
				l.end()
			})
		})
	}
}
