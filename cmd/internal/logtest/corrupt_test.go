//go:build linux

package logtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"yodel/cmd/internal/programs"
)

const (
	damaged = 2000 // messages of a log that is damaged
	page    = 4096
)

// flippedBody flips bits in the bodies of three messages of the file, that of the newest too: they must be left out and told in the log,
// and all others delivered.
func flippedBody(w *world) (figures string, err error) {
	receipts, err := w.seedMessages(damaged)
	if err != nil {
		return "", err
	}
	db, err := os.ReadFile(w.database())
	if err != nil {
		return "", err
	}
	for _, n := range []int{damaged / 3, damaged / 2, damaged} {
		at := bytes.Index(db, []byte(line(seeder, n)))
		if at < 0 {
			return "", fmt.Errorf("line %d is not in the file", n)
		}
		db[at+40] ^= 0x14
	}
	if err := errors.Join(os.WriteFile(w.database(), db, 0o600), w.serve()); err != nil {
		return "", err
	}
	messages, err := w.readAll()
	if err != nil {
		return "", err
	}
	follower, err := w.follow("follower", "-n", "1000000")
	if err != nil {
		return "", err
	}
	if _, err := w.say("late", "after all that"); err != nil {
		return "", err
	}
	err = w.within(settle, func(ctx context.Context) error { return follower.AwaitCount(ctx, "message", damaged-3+1) })
	return fmt.Sprintf("%d of %d messages delivered, without the damaged", len(messages), damaged),
		errors.Join(err, sameTexts(messages, receipts, 3), w.logs("damaged", "corrupt", "crc", "checksum"))
}

// garbledPage writes noise over the middle of a page of the file, chosen at random. The daemon refuses to start, ends with an error when it finds out,
// or leaves out what is damaged: whatever it delivers was sent.
func garbledPage(w *world) (figures string, err error) {
	receipts, err := w.seedMessages(damaged)
	if err != nil {
		return "", err
	}
	at, err := w.garble()
	if err != nil {
		return "", err
	}
	s, err := w.try()
	if err != nil {
		return "", err
	}
	if !s.ready {
		figures, err = s.clear("damaged", "corrupt", "malformed")
		return fmt.Sprintf("page %d; %s", at, figures), err
	}
	messages, how, err := w.readDamaged()
	figures = fmt.Sprintf("page %d; %d of %d messages delivered%s", at, len(messages), damaged, how)
	return figures, errors.Join(err, sameTexts(messages, receipts, damaged), w.logsUnless(len(messages) == damaged))
}

// garble writes noise over the middle of a page, not the first, and gives its number from 1.
func (w *world) garble() (number int, err error) {
	db, err := os.ReadFile(w.database())
	if err != nil {
		return 0, err
	}
	number = 2 + w.rng.IntN(len(db)/page-1)
	begin := (number-1)*page + w.rng.IntN(page/2)
	for i := range page / 4 {
		db[begin+i] = byte(w.rng.Uint32())
	}
	return number, os.WriteFile(w.database(), db, 0o600)
}

// readDamaged reads what can be read of a damaged log. Reading may be refused, and the daemon may end with an error, but not by a panic: how tells.
func (w *world) readDamaged() (messages []programs.Event, how string, err error) {
	o, err := w.do("reader", "read", "--timeout", "20s", "-n", "1000000")
	for _, e := range o.events {
		if e.Type == "message" {
			messages = append(messages, e)
		}
	}
	if !w.alive() {
		if code := w.daemon.Cmd.ProcessState.ExitCode(); code != 1 || strings.Contains(w.daemon.Stderr(), "goroutine ") {
			err = errors.Join(err, fmt.Errorf("the daemon ended with %v", w.daemon.Cmd.ProcessState))
		}
		return messages, ", then the daemon ended", err
	}
	switch {
	case o.code == exitRefused && strings.Contains(o.stderr, "malformed"):
		how = ", then reading was refused"
	case o.code != 0:
		err = errors.Join(err, fmt.Errorf("yodel read: exit code %d, %s", o.code, o.stderr))
	}
	return messages, how, err
}

// logsUnless checks that the daemon has told of the damage, unless there was none to be seen.
func (w *world) logsUnless(whole bool) error {
	if whole {
		return nil
	}
	return w.logs("damaged", "corrupt", "malformed", "crc", "checksum")
}

// spoiledFile is a way to spoil the file so that the daemon must refuse it and leave it as it is.
func spoiledFile(spoil func(w *world, f *os.File) error, words ...string) func(*world) (string, error) {
	return func(w *world) (figures string, err error) {
		if _, err := w.seedMessages(damaged); err != nil {
			return "", err
		}
		f, err := os.OpenFile(w.database(), os.O_RDWR, 0)
		if err != nil {
			return "", err
		}
		if err := errors.Join(spoil(w, f), f.Close()); err != nil {
			return "", err
		}
		before, err := digest(w.database())
		if err != nil {
			return "", err
		}
		figures, err = w.refuses(words...)
		after, digestErr := digest(w.database())
		return figures, errors.Join(err, digestErr, untouched(before, after))
	}
}

func untouched(before, after [sha256.Size]byte) error {
	if before != after {
		return errors.New("the daemon has changed the file that it refuses")
	}
	return nil
}

// spoilHeader writes noise where SQLite's name should be.
func spoilHeader(_ *world, f *os.File) error {
	_, err := f.WriteAt([]byte("NotALogFormat 7\x00"), 0)
	return err
}

// spoilLength cuts the second half off, in the middle of a page.
func spoilLength(_ *world, f *os.File) error {
	size, err := f.Seek(0, io.SeekEnd)
	return errors.Join(err, f.Truncate(size/2/page*page+page/2))
}

// spoilVersion makes it a file of a later version of the program.
func spoilVersion(w *world, _ *os.File) error {
	o, err := w.tool("sqlite3", w.database(), "PRAGMA user_version=99")
	if err == nil && o.code != 0 {
		err = errors.New(o.stderr)
	}
	return err
}

// restartsSoon bounds the start after a kill -9 of a log with a long WAL.
const restartsSoon = 3 * time.Second

// longWAL kills the daemon at once after many messages: the next start takes in what is in the WAL, and nothing is lost.
func longWAL(w *world) (figures string, err error) {
	if err := w.serve(); err != nil {
		return "", err
	}
	receipts, err := w.sendLines(seeder, 5*damaged)
	if err != nil {
		return "", err
	}
	if err := w.stop(syscall.SIGKILL); err != nil {
		return "", err
	}
	begin := time.Now()
	if err := w.serve(); err != nil {
		return "", err
	}
	took := time.Since(begin)
	messages, err := w.readAll()
	if took > bar(restartsSoon) {
		err = errors.Join(err, fmt.Errorf("the start after kill -9 takes %v, at most %v", took, bar(restartsSoon)))
	}
	return fmt.Sprintf("%d messages, ready again after %s", len(messages), seconds(took)), errors.Join(err, sameTexts(messages, receipts, 0))
}
