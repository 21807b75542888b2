package daemon

import (
	"errors"
	"fmt"
	"testing"

	"yodel/wire/secure"
)

func TestNickIsFreeWhenUnusedForLong(t *testing.T) {
	n := newNicks()
	alice, bob := secure.Fingerprint{1}, secure.Fingerprint{2}
	for i := range maxNicks {
		if _, _, err := n.claim(ms(i), fmt.Sprint("n", i), alice); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := n.claim(ms(100), "one more", alice); !errors.Is(err, errNicks) {
		t.Errorf("one nick too many: %v", err)
	}
	month := epoch.Add(nickKept)
	if _, _, err := n.claim(month.Add(-1), "N0", bob); !errors.Is(err, errNickTaken) {
		t.Errorf("a nick that was used 30 days ago, less an instant: %v", err)
	}
	if shown, key, err := n.claim(month, "N0", bob); err != nil || shown != "N0" || key != "n0" {
		t.Errorf("%q, %q, %v", shown, key, err)
	}
	if _, _, err := n.claim(month, "one more", alice); err != nil {
		t.Errorf("after another has taken one: %v", err)
	}
	if _, _, err := n.claim(month, "and one", alice); err == nil {
		t.Error("33 nicks are held")
	}
	if _, _, err := n.claim(ms(1).Add(nickKept), "and one", alice); err != nil {
		t.Errorf("after the oldest has expired: %v", err)
	}
	if got, want := len(n.holders), len(n.held[alice])+len(n.held[bob]); got != want {
		t.Errorf("%d holders of %d nicks", got, want)
	}
}
