package peer

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"yodel/wire/secure"
)

func TestForgedAnswersToAPathRequestAreIgnored(t *testing.T) {
	r, sent := pathRig(t)
	r.e.askHere(r.now, []byte("a nonce"))
	request, ok := secure.ParsePathRequest((*sent)[0])
	if !ok || string(request.Session[:]) != "0123456789abcdef" || request.Count != 1 {
		t.Fatalf("%+v", request)
	}
	other := [12]byte{1}
	key := r.e.s.key
	for name, b := range map[string][]byte{
		"401 of another request":     secure.AppendPathUnknown(nil, other),
		"success of another request": secure.AppendPathAnswer(nil, other, daemonAddr, &key),
		"success with another key":   secure.AppendPathAnswer(nil, request.TxID, daemonAddr, &secure.PathKey{1}),
		"success without integrity":  secure.AppendPathAnswer(nil, request.TxID, daemonAddr, &key)[:32],
		"garbage":                    make([]byte, 40),
	} {
		r.e.receive(r.now, b, r.now)
		if r.e.failed() != nil || !r.e.s.check.open() {
			t.Fatalf("%s: %v, check open: %t", name, r.e.failed(), r.e.s.check.open())
		}
	}
	r.e.receive(r.now, secure.AppendPathAnswer(nil, request.TxID, daemonAddr, &key), r.now)
	if r.e.s.check.open() {
		t.Error("the answer is not taken")
	}
	r.e.askHere(r.now, []byte("a nonce"))
	request, _ = secure.ParsePathRequest((*sent)[len(*sent)-1])
	if request.Count != 2 {
		t.Errorf("count %d, want 2", request.Count)
	}
	r.now = r.now.Add(time.Millisecond)
	r.e.receive(r.now, secure.AppendPathUnknown(nil, request.TxID), r.now)
	r.e.advance(r.now.Add(minUnknown - time.Millisecond))
	if err := r.e.failed(); err != nil {
		t.Errorf("401 is believed at once: %v", err)
	}
	r.e.advance(r.now.Add(maxUnknown))
	if err := r.e.failed(); !errors.Is(err, ErrLost) {
		t.Errorf("401: %v", err)
	}
}

func TestAPathRequestIsRepeated(t *testing.T) {
	r, sent := pathRig(t)
	r.cut = true
	start := r.now
	r.e.doubtPath(r.now)
	var at []time.Duration
	for n := 0; len(at) < 5; r.now = r.now.Add(5 * time.Millisecond) {
		r.e.advance(r.now)
		for ; n < len(*sent); n++ {
			at = append(at, r.now.Sub(start))
		}
	}
	want := []time.Duration{0, 250 * time.Millisecond, 750 * time.Millisecond, 1750 * time.Millisecond, 2750 * time.Millisecond}
	for i := range want {
		if at[i] != want[i] || string((*sent)[i]) != string((*sent)[0]) {
			t.Fatalf("sent at %v, want %v, all the same", at, want)
		}
	}
}

// The daemon may have decided that the session stays where it was: what it is asked later is another request.
func TestAPathRequestWithoutAnAnswerIsMadeAnew(t *testing.T) {
	r, sent := pathRig(t)
	r.cut = true
	r.e.askHere(r.now, []byte("a nonce"))
	for range 2000 {
		r.now = r.now.Add(5 * time.Millisecond)
		r.e.advance(r.now)
	}
	counts := make(map[uint64]int)
	var newest secure.PathRequest
	for _, b := range *sent {
		newest, _ = secure.ParsePathRequest(b)
		counts[newest.Count]++
	}
	if len(counts) != 4 || newest.Count != 4 || counts[1] != 5 || string(newest.Nonce) != "a nonce" {
		t.Errorf("requests by their counts: %v, the newest %+v", counts, newest)
	}
	key := r.e.s.key
	r.e.receive(r.now, secure.AppendPathAnswer(nil, newest.TxID, daemonAddr, &key), r.now)
	if r.e.s.check.open() {
		t.Error("the answer to the newest is not taken")
	}
}

func TestTheDaemonsQuestionIsAnsweredOnTheLinkInUse(t *testing.T) {
	r, sent := pathRig(t)
	key := r.e.s.key
	ask := func(count uint64, txid byte, key *secure.PathKey, id string) int {
		before := len(*sent)
		q := secure.PathRequest{TxID: [12]byte{txid}, Session: secure.SessionID([]byte(id)), Count: count}
		r.e.receive(r.now, secure.AppendPathQuestion(nil, q, key), r.now)
		return len(*sent) - before
	}
	const id = "0123456789abcdef"
	for _, tt := range []struct {
		name  string
		count uint64
		txid  byte
		key   *secure.PathKey
		id    string
		want  int
	}{
		{"the first", 5, 1, &key, id, 1},
		{"its repetition", 5, 1, &key, id, 1},
		{"another of the same count", 5, 2, &key, id, 0},
		{"an older one", 4, 3, &key, id, 0},
		{"one that is not authentic", 9, 4, &secure.PathKey{1}, id, 0},
		{"one of another session", 9, 5, &key, "0123456789abcdeX", 0},
		{"the next", 6, 6, &key, id, 1},
		{"an old one again", 5, 1, &key, id, 0},
	} {
		if got := ask(tt.count, tt.txid, tt.key, tt.id); got != tt.want {
			t.Errorf("%s: %d answers, want %d", tt.name, got, tt.want)
		}
	}
	own := secure.PathRequest{TxID: [12]byte{8}, Session: secure.SessionID([]byte(id)), Count: 99, Nonce: []byte("a nonce")}
	before := len(*sent)
	r.e.receive(r.now, secure.AppendPathRequest(nil, own, &key), r.now)
	if len(*sent) != before || ask(7, 8, &key, id) != 1 {
		t.Error("a request of its own that was sent back is answered, or shuts out the daemon's question")
	}
	if _, err := secure.ParsePathReply((*sent)[0], [12]byte{1}, &key); err != nil {
		t.Error(err)
	}
	r.e.s.check.beside = &pathProbe{link: &link{}} // it is moving away
	if got := ask(8, 7, &key, id); got != 0 {
		t.Error("answered on the link that it leaves")
	}
}

func TestPathErrors(t *testing.T) {
	for _, err := range []error{syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.EADDRNOTAVAIL, syscall.EINVAL, syscall.EPERM} {
		r, sent := pathRig(t)
		r.e.s.socketSays(&netError{err})
		r.run()
		if len(*sent) != 1 || r.e.failed() != nil {
			t.Errorf("%v: %d requests, %v", err, len(*sent), r.e.failed())
		}
	}
	r, sent := pathRig(t)
	r.e.s.socketSays(&netError{syscall.ECONNREFUSED})
	if r.run(); len(*sent) != 0 || !errors.Is(r.e.failed(), ErrLost) {
		t.Errorf("refused: %d requests, %v", len(*sent), r.e.failed())
	}
}

type netError struct{ error }

func (e *netError) Unwrap() error { return e.error }
