//go:build linux

package systemd_test

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What a listener in a live room may miss, and how often that is tried: on a busy machine the programs themselves take long.
const (
	gapRestart = time.Second
	gapKill    = 3 * time.Second
	tries      = 4
)

// misses has something happen to the voice of a room until a listener has missed at most so much of it.
func misses(t *testing.T, most time.Duration, outage func(try int) time.Duration) {
	t.Helper()
	for try := 1; ; try++ {
		gap := outage(try)
		if gap <= most || t.Failed() {
			return
		}
		if try == tries {
			t.Errorf("the voice was away for %v, want at most %v; %d times it was more", gap, most, tries)
			return
		}
	}
}

func restartsUnderLoad(t *testing.T, b *box) {
	misses(t, gapRestart, func(try int) time.Duration { return b.restartUnderLoad(t, try) })
}

// restartUnderLoad restarts the service while alice sends lines as fast as they are taken and talks, and bob reads and hears.
func (b *box) restartUnderLoad(t *testing.T, try int) (gap time.Duration) {
	t.Helper()
	const lines = 2000
	load := "load " + strconv.Itoa(try) + " "
	bob := b.start(t, as("bob", "read", "-f", "-n", "0")...)
	bob.waitFor(t, "joined lobby")
	send := `for i in $(seq ` + strconv.Itoa(lines) + `); do echo "` + load + `$i"; [ $((i % 20)) = 0 ] && sleep 0.02; done | "$@"`
	alice := b.start(t, append([]string{"bash", "-c", send, "send"}, as("alice", "send", "--timeout", "50s")...)...)
	gap = b.outage(t, func() { b.run(t, "systemctl", "restart", "yodeld") })
	alice.wait(t)
	bob.waitFor(t, "connected again")
	bob.kill(t)
	if stored := strings.Count(b.run(t, as("bob", "read", "-n", strconv.Itoa(lines+100))...), load); stored != lines {
		t.Errorf("%d messages are there, %d were sent and have receipts", stored, lines)
	}
	return gap
}

// comesBack also shows that the daemon keeps its key: alice would refuse another.
func comesBack(t *testing.T, b *box) {
	misses(t, gapKill, func(int) time.Duration { return b.outage(t, func() { b.untilAnother(t, "KILL") }) })
	b.run(t, as("alice", "send", "hello again")...)
}

// isReplaced stops the daemon's process, whose watchdog systemd misses.
func isReplaced(t *testing.T, b *box) {
	b.untilAnother(t, "STOP")
	b.run(t, as("alice", "send", "still here")...)
}

// untilAnother sends the daemon a signal and waits until another process has taken its place.
func (b *box) untilAnother(t *testing.T, signal string) {
	t.Helper()
	const untilAnother = `kill -$1 $0; until p=$(systemctl show -P MainPID yodeld); [ "$p" != "$0" ] && [ "$p" != 0 ] && systemctl -q is-active yodeld; do sleep 0.05; done`
	b.run(t, "timeout", "50", "bash", "-c", untilAnother, mainPID(t, b), signal)
}

// outage gives for how long a listener in the live room misses the voice of a talker while something happens to the daemon.
func (b *box) outage(t *testing.T, happens func()) time.Duration {
	t.Helper()
	const length = 7 * time.Second
	if err := os.WriteFile(filepath.Join(b.share, "tone.wav"), tone(length), 0o644); err != nil {
		t.Fatal(err)
	}
	bob := b.start(t, as("bob", "hear", "-r", "intercom", "-o", "/share/gap.wav", "--for", (length+3*time.Second).String())...)
	bob.waitFor(t, "joined intercom")
	talk := b.start(t, append([]string{"sh", "-c", `cat /share/tone.wav | "$@"`, "talk"}, as("alice", "talk", "-r", "intercom", "-")...)...)
	talk.waitFor(t, "joined intercom")
	b.run(t, "sleep", "2") // of the voice, before it happens
	happens()
	bob.wait(t)
	talk.wait(t)
	heard := readWAV(t, filepath.Join(b.share, "gap.wav"))
	_, audibly := heard.voice()
	gap := heard.longestGap()
	t.Logf("%v of %v were heard; the voice was away for %v", audibly, length, gap)
	if audibly < length/4 {
		t.Errorf("%v of %v were heard", audibly, length)
	}
	return gap
}

// tone is a WAV file of a loud tone without pauses.
func tone(length time.Duration) []byte {
	const rate = 48000
	n := int(length * rate / time.Second)
	b := []byte("RIFF")
	b = binary.LittleEndian.AppendUint32(b, uint32(36+2*n))
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, 2*rate)
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(2*n))
	for i := range n {
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(8000*math.Sin(2*math.Pi*440*float64(i)/rate))))
	}
	return b
}
