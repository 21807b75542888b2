package foreign

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const (
	rate  = 48000
	frame = 480             // samples of a packet
	echo  = 2 * time.Second // so long that a stall of a busy machine is not heard
)

// ways are those between the foreign client and the daemon.
var ways = []struct {
	name    string
	profile string
	loss    float64
}{
	{"GCM", "gcm", 0},
	{"CM", "cm", 0},
	{"15 % loss", "gcm", 0.15},
}

// hiccups tries what a longer stall of the machine spoils several times. What is wrong with either program is wrong each time.
func hiccups(t *testing.T, try func() error) {
	t.Helper()
	const tries = 6
	var err error
	for n := range tries {
		if err = try(); err == nil {
			return
		}
		t.Logf("try %d: %v", n+1, err)
	}
	t.Error(err)
}

func TestVectorsHoldElsewhere(t *testing.T) {
	needPython(t)
	out, err := exec.Command(python, vectors).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("checked:\n%s", out)
}

func TestMessages(t *testing.T) {
	needPython(t)
	t.Parallel()
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, echo, way.loss)
			said := s.foreign("carol", "--profile", way.profile, "--daemon-fingerprint", s.fingerprint, "say", "one", "zwei ü", "three").ends()
			if n := len(events(t, said, "receipt")); n != 3 {
				t.Errorf("%d receipts, want 3:\n%s", n, said)
			}
			s.yodel("alice", "send", "four").ends()
			want := "one zwei ü three four"
			var texts []string
			for line := range strings.Lines(s.yodel("alice", "read", "--json").ends()) {
				var m struct{ Type, Text string }
				if json.Unmarshal([]byte(line), &m) == nil && m.Type == "message" {
					texts = append(texts, m.Text)
				}
			}
			if got := strings.Join(texts, " "); got != want {
				t.Errorf("the peer in Go reads %q, want %q", got, want)
			}
			texts = nil
			for _, e := range events(t, s.foreign("", "--profile", way.profile, "read").ends(), "entry") {
				texts = append(texts, e.Text)
			}
			if got := strings.Join(texts, " "); got != want {
				t.Errorf("the foreign client reads %q, want %q", got, want)
			}
		})
	}
}

// TestLongMessages sends what fills many windows, in both directions.
func TestLongMessages(t *testing.T) {
	needPython(t)
	t.Parallel()
	for _, loss := range []float64{0, 0.15} {
		t.Run(fmt.Sprintf("%v lost", loss), func(t *testing.T) {
			t.Parallel()
			const n, size = 10, 60_000 // more than a session may send without Credit
			s := newStage(t, echo, loss)
			args := []string{"say"}
			for i := range n {
				args = append(args, strings.Repeat(string(rune('a'+i)), size))
			}
			s.foreign("carol", args...).ends()
			got := events(t, s.foreign("", "read", "--last", "100").ends(), "entry")
			if len(got) != n {
				t.Fatalf("%d entries, want %d", len(got), n)
			}
			for i, e := range got {
				if e.Text != args[1+i] {
					t.Errorf("entry %d differs", i)
				}
			}
		})
	}
}

// TestForeignRoams moves the session to another socket in the middle of what is said and heard.
func TestForeignRoams(t *testing.T) {
	needPython(t)
	t.Parallel()
	for _, loss := range []float64{0, 0.15} {
		t.Run(fmt.Sprintf("%v lost", loss), func(t *testing.T) {
			t.Parallel()
			s := newStage(t, echo, loss)
			said := s.foreign("carol", "--roam", "say", "one", "two", "three", "four").ends()
			if n := len(events(t, said, "receipt")); n != 4 {
				t.Errorf("%d receipts, want 4:\n%s", n, said)
			}
			s.daemon.await("msg=moved")
			hiccups(t, func() error {
				e := events(t, s.foreign("carol", "--roam", "talk", "--tone", "440", "--seconds", "2").ends(), "talked")
				s.daemon.await("msg=moved")
				if len(e) != 1 || e[0].Received < 150 {
					return fmt.Errorf("the talker who moved says %+v, want 200 packets, and at most half a second of them lost on the way", e)
				}
				return nil
			})
		})
	}
}

// TestForeignComesBack drops a session without a word and goes on in a new one.
func TestForeignComesBack(t *testing.T) {
	needPython(t)
	t.Parallel()
	s := newStage(t, echo, 0)
	s.yodel("alice", "send", "one").ends()
	read := s.foreign("carol", "--resume", "read", "--count", "4")
	read.await(`"one"`)
	for _, text := range []string{"two", "three", "four"} {
		s.yodel("alice", "send", text).ends()
	}
	var texts []string
	for _, e := range events(t, read.ends(), "entry") {
		texts = append(texts, e.Text)
	}
	if got, want := strings.Join(texts, " "), "one two three four"; got != want {
		t.Errorf("read %q over two sessions, want %q", got, want)
	}
	s.daemon.await("msg=resumed")
}

func TestForeignTalks(t *testing.T) {
	needPython(t)
	t.Parallel()
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, echo, way.loss)
			samples := tone(rate)
			write(t, s.file("tone.raw"), swap(samples))
			hiccups(t, func() error { return s.foreignTalks(way.profile, way.loss, samples) })
		})
	}
}

// foreignTalks has the foreign client say the samples to the peer in Go.
func (s *stage) foreignTalks(profile string, loss float64, samples []byte) (err error) {
	hear := s.yodel("bob", "hear", "-o", s.file("x.wav"), "--until-silence", "3s")
	hear.await("joined")
	e := events(s.t, s.foreign("carol", "--profile", profile, "talk", "--file", s.file("tone.raw")).ends(), "talked")
	hear.ends()
	if len(e) != 1 || e[0].Packets != rate/frame || e[0].Received+e[0].Lost != rate/frame {
		err = fmt.Errorf("the talker says %+v", e)
	}
	wav, readErr := os.ReadFile(s.file("x.wav"))
	if readErr != nil {
		s.t.Fatal(readErr)
	}
	if loss == 0 && !bytes.Contains(wav, samples) {
		err = errors.Join(err, errors.New("the tone is not in what was heard, bit for bit"))
	}
	if got := loud(wav); got < 900*time.Millisecond || got > 1010*time.Millisecond {
		err = errors.Join(err, fmt.Errorf("%v of sound were heard, want 1 s", got))
	}
	return err
}

func TestForeignHears(t *testing.T) {
	needPython(t)
	t.Parallel()
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, echo, way.loss)
			samples := tone(rate)
			write(t, s.file("tone.raw"), samples)
			hiccups(t, func() error { return s.foreignHears(way.profile, way.loss, samples) })
		})
	}
}

// foreignHears has the foreign client hear the samples from the peer in Go.
func (s *stage) foreignHears(profile string, loss float64, samples []byte) (err error) {
	hear := s.foreign("carol", "--profile", profile, "hear")
	hear.await(`"joined"`)
	s.yodel("bob", "talk", "--codec", "l16", "--format", "s16le", s.file("tone.raw")).ends()
	e := events(s.t, hear.await(`"heard"`), "heard")
	hear.ends()
	if len(e) != 1 || e[0].Nick != "bob" || e[0].Packets+e[0].Lost != rate/frame {
		return fmt.Errorf("heard %+v, want %d packets of bob", e, rate/frame)
	}
	sum := sha256.Sum256(swap(samples))
	if loss == 0 && e[0].SHA256 != hex.EncodeToString(sum[:]) {
		err = fmt.Errorf("what was heard is not what was said: %+v", e)
	}
	if most := int(math.Ceil(loss * 20)); e[0].Lost > most {
		err = errors.Join(err, fmt.Errorf("%d packets were lost for good, want at most %d", e[0].Lost, most))
	}
	return err
}

func TestForeignRefuses(t *testing.T) {
	needPython(t)
	t.Parallel()
	s := newStage(t, echo, 0)
	p := s.foreign("carol", "--daemon-fingerprint", "SHA256:"+strings.Repeat("A", 43), "say", "secret")
	p.await(`"failed"`)
	if out := s.yodel("alice", "read", "--json").ends(); strings.Contains(out, "secret") {
		t.Errorf("it spoke to another daemon:\n%s", out)
	}
	s.yodel("alice", "send", "first").ends()
	if l := s.foreign("alice", "say", "hello").await(`"failed"`); !strings.Contains(l, "NICK_TAKEN") {
		t.Errorf("a nick that is taken: %s", l)
	}
}

// An event is what the tests read of the foreign client's JSON objects.
type event struct {
	Event    string
	Text     string
	Nick     string
	Packets  int
	Received int
	Lost     int
	SHA256   string
}

// events are those of that kind in the output of the foreign client.
func events(t *testing.T, said, kind string) (found []event) {
	t.Helper()
	for line := range strings.Lines(said) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err == nil && e.Event == kind {
			found = append(found, e)
		}
	}
	return found
}

// tone makes n samples of 440 Hz, 16 bits little-endian, none of them 0.
func tone(n int) []byte {
	var b []byte
	for i := range n {
		v := int16(8000 * math.Sin(2*math.Pi*440*float64(i)/rate))
		b = binary.LittleEndian.AppendUint16(b, uint16(v|1))
	}
	return b
}

// swap turns the bytes of all samples around.
func swap(b []byte) []byte {
	s := bytes.Clone(b)
	for i := 0; i+1 < len(s); i += 2 {
		s[i], s[i+1] = s[i+1], s[i]
	}
	return s
}

// loud is how long a WAV file sounds, in steps of 10 ms.
func loud(wav []byte) (sum time.Duration) {
	const header = 44
	for b := wav[min(header, len(wav)):]; len(b) >= 2*frame; b = b[2*frame:] {
		for i := range frame {
			if v := int16(binary.LittleEndian.Uint16(b[2*i:])); v > 1000 || v < -1000 {
				sum += 10 * time.Millisecond
				break
			}
		}
	}
	return sum
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
