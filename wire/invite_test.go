package wire

import (
	"errors"
	"strings"
	"testing"
)

// The fingerprint's bytes are 0 to 31, the token's 0xf0 to 0xff.
const inviteKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8.8PHy8_T19vf4-fr7_P3-_w"

func TestInvites(t *testing.T) {
	want := Invite{Host: "example.org", Port: DefaultPort, Room: "lobby"}
	for i := range want.Fingerprint {
		want.Fingerprint[i] = byte(i)
	}
	for i := range want.Token {
		want.Token[i] = 0xf0 + byte(i)
	}
	for text, change := range map[string]func(*Invite){
		"yodel://example.org/lobby/":       func(*Invite) {},
		"yodel://example.org:1/a.b_c-9/":   func(i *Invite) { i.Port, i.Room = 1, "a.b_c-9" },
		"yodel://192.0.2.1:65535/lobby/":   func(i *Invite) { i.Host, i.Port = "192.0.2.1", 65535 },
		"yodel://[2001:db8::1]/lobby/":     func(i *Invite) { i.Host = "2001:db8::1" },
		"yodel://[2001:db8::1]:700/lobby/": func(i *Invite) { i.Host, i.Port = "2001:db8::1", 700 },
	} {
		w := want
		change(&w)
		got, err := ParseInvite(text + inviteKey)
		if err != nil || got != w {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		if s := w.String(); s != text+inviteKey {
			t.Errorf("%s, want %s%s", s, text, inviteKey)
		}
	}
	if got, err := ParseInvite("yodel://example.org:9635/lobby/" + inviteKey); err != nil || got != want {
		t.Errorf("the usual port: %+v, %v", got, err)
	}
}

func TestMalformedInvites(t *testing.T) {
	fingerprint, token, _ := strings.Cut(inviteKey, ".")
	for _, text := range []string{
		"", "yodel://", "yodel:///lobby/" + inviteKey, "YODEL://h/lobby/" + inviteKey, "http://h/lobby/" + inviteKey, " yodel://h/lobby/" + inviteKey,
		"yodel://h//" + inviteKey, "yodel://h/lobby", "yodel://h/lobby/", "yodel://h/lobby/x/" + inviteKey, "yodel://h/a b/" + inviteKey,
		"yodel://h:0/lobby/" + inviteKey, "yodel://h:65536/lobby/" + inviteKey, "yodel://h:/lobby/" + inviteKey, "yodel://h:1:2/lobby/" + inviteKey,
		"yodel://::1/lobby/" + inviteKey, "yodel://[h]/lobby/" + inviteKey, "yodel://[::1/lobby/" + inviteKey, "yodel://[192.0.2.1]/lobby/" + inviteKey,
		"yodel://[fe80::1%eth0]x/lobby/" + inviteKey, "yodel://a$b/lobby/" + inviteKey, "yodel://-h/lobby/" + inviteKey, "yodel://hé/lobby/" + inviteKey,
		"yodel://h/lobby/" + fingerprint, "yodel://h/lobby/" + fingerprint + ".", "yodel://h/lobby/." + token, "yodel://h/lobby/" + inviteKey + "A",
		"yodel://h/lobby/" + inviteKey + "=", "yodel://h/lobby/" + inviteKey[:len(inviteKey)-1], "yodel://h/lobby/" + inviteKey[:len(inviteKey)-1] + "x",
		"yodel://h/lobby/" + strings.Repeat("A", 43) + "." + token, "yodel://h/lobby/" + inviteKey + "\n", "yodel://" + strings.Repeat("h", 254) + "/lobby/" + inviteKey,
	} {
		if i, err := ParseInvite(text); !errors.Is(err, ErrInvite) {
			t.Errorf("%q: %+v, %v", text, i, err)
		} else if strings.Contains(err.Error(), token[:8]) {
			t.Errorf("%q: the error tells the token: %v", text, err)
		}
	}
}
