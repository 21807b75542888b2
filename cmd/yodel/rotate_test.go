package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"yodel/wire"
	"yodel/wire/secure"
)

// keeper is a daemon that lets in one key, and gives its place to another. Its fields are set under mu.
type keeper struct {
	*hostileDaemon
	key      secure.Fingerprint
	replaced map[secure.Fingerprint]secure.Fingerprint // by whom
	open     bool                                      // to all but denied
	denied   secure.Fingerprint
	reply    func(v *victim, request uint64) // to a Succeed; nil: as a daemon does
}

func newKeeper(t *testing.T) *keeper {
	t.Helper()
	k := &keeper{replaced: make(map[secure.Fingerprint]secure.Fingerprint)}
	k.hostileDaemon = newHostileDaemon(t, attack{message: func(v *victim, m *wire.Message) bool {
		reason := k.refuses(v.peer)
		switch s := m.GetSucceed(); {
		case reason != "" && m.GetHello() != nil:
			v.say(refusal(wire.Code_CODE_ACCESS, reason, "", m))
		case reason != "":
		case s == nil:
			return false
		default:
			next, err := secure.CheckSuccession(s.GetKey(), s.GetSignature(), k.identity.Fingerprint(), v.peer)
			if err != nil {
				t.Error(err)
			}
			k.succeeds(v.peer, next)
			if k.reply != nil {
				k.reply(v, s.GetRequest())
				return true
			}
			v.say(&wire.Message{Kind: &wire.Message_Succeeded{Succeeded: &wire.Succeeded{Request: s.GetRequest()}}})
			v.settle()
			v.bye(wire.ByeAccess)
		}
		return true
	}})
	return k
}

// refuses tells why a key stays out, as a daemon words it; empty: it comes in.
func (k *keeper) refuses(key secure.Fingerprint) string {
	by, replaced := k.replaced[key]
	switch {
	case key == k.denied:
		return "this key is denied"
	case replaced:
		return "this key was replaced by " + by.String()
	case k.open, key == k.key:
		return ""
	}
	return "this key is not known"
}

// succeeds has one key take the place of another.
func (k *keeper) succeeds(old, next secure.Fingerprint) {
	k.key, k.replaced[old] = next, next
}

// set changes what the daemon does.
func (k *keeper) set(change func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change()
}

// lets is the key that it lets in.
func (k *keeper) lets() secure.Fingerprint {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.key
}

// keyring is a folder with the key files of one user.
type keyring struct {
	t    *testing.T
	path string
}

// newKeyring makes a key, which the daemon lets in.
func newKeyring(t *testing.T, k *keeper) keyring {
	t.Helper()
	r := keyring{t, filepath.Join(t.TempDir(), "identity.pem")}
	id, _, err := secure.LoadOrCreateIdentity(r.path)
	if err != nil {
		t.Fatal(err)
	}
	k.set(func() { k.key = id.Fingerprint() })
	return r
}

// at gives the key in one of the files; zero: there is none.
func (r keyring) at(suffix string) (fp secure.Fingerprint) {
	r.t.Helper()
	id, err := secure.LoadIdentity(r.path + suffix)
	switch {
	case err == nil:
		return id.Fingerprint()
	case !errors.Is(err, fs.ErrNotExist):
		r.t.Error(err)
	}
	return fp
}

// rotate is the command.
func (r keyring) rotate(k *keeper) hostileCmd {
	return hostileCommand(r.t, k.hostileDaemon, "key", "rotate", "--json", "--timeout", "1s", "--identity", r.path)
}

// makes makes the key in one of the files.
func (r keyring) makes(suffix string) secure.Fingerprint {
	r.t.Helper()
	id, _, err := secure.LoadOrCreateIdentity(r.path + suffix)
	if err != nil {
		r.t.Fatal(err)
	}
	return id.Fingerprint()
}

// Each old key is kept in a file of its own: other daemons know it only.
func TestRotatingTheKey(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	r := newKeyring(t, k)
	kept := make(map[string]secure.Fingerprint)
	for _, suffix := range []string{formerKey, formerKey + ".1", formerKey + ".2"} {
		kept[suffix] = r.at("")
		before, err := os.Stat(r.path)
		if err != nil {
			t.Fatal(err)
		}
		got := endure(t, r.rotate(k), 0)
		got.says(t, exitDone, `"type":"key","fingerprint":"SHA256:.*"replaces":"`+regexp.QuoteMeta(kept[suffix].String()))
		if !strings.Contains(got.errors, r.path+suffix+"; ") {
			t.Error("it does not tell where the old key is")
		}
		if now := r.at(""); now == kept[suffix] || now != k.lets() || r.at(nextKey) != (secure.Fingerprint{}) {
			t.Errorf("from %v to %v, the daemon lets in %v", kept[suffix], now, k.lets())
		}
		for suffix, key := range kept {
			if r.at(suffix) != key {
				t.Errorf("%s has %v, want %v", suffix, r.at(suffix), key)
			}
		}
		if after, err := os.Stat(r.path + suffix); err != nil || os.SameFile(before, after) {
			t.Errorf("the old key is kept by a link, which not all file systems have: %v", err)
		}
	}
}

// Whatever ends it, the next run goes on, and at every moment a key that the daemon takes is there.
func TestRotatingGoesOnAfterAnEnd(t *testing.T) {
	t.Parallel()
	stored := func(k *keeper, r keyring) {
		next := r.makes(nextKey)
		k.set(func() { k.succeeds(r.at(""), next) })
	}
	for name, end := range map[string]func(t *testing.T, k *keeper, r keyring){
		"the new key is made":      func(_ *testing.T, _ *keeper, r keyring) { r.makes(nextKey) },
		"the daemon has stored it": func(_ *testing.T, k *keeper, r keyring) { stored(k, r) },
		"the old key has its second file": func(t *testing.T, k *keeper, r keyring) {
			stored(k, r)
			if text, err := os.ReadFile(r.path); err != nil || os.WriteFile(r.path+formerKey, text, 0o600) != nil {
				t.Fatal(err)
			}
		},
		"the answer is lost": func(t *testing.T, k *keeper, r keyring) {
			k.set(func() { k.reply = func(v *victim, _ uint64) { v.bye("gone") } })
			endure(t, r.rotate(k), 0).says(t, exitUnreachable)
			k.set(func() { k.reply = nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKeeper(t)
			r := newKeyring(t, k)
			old := r.at("")
			end(t, k, r)
			if l := k.lets(); l != r.at("") && l != r.at(nextKey) {
				t.Fatal("no key is left that the daemon takes")
			}
			endure(t, r.rotate(k), 0).says(t, exitDone, `"type":"key"`)
			if now := r.at(""); now == old || now != k.lets() || r.at(formerKey) != old || r.at(nextKey) != (secure.Fingerprint{}) {
				t.Errorf("from %v to %v, the daemon lets in %v; kept: %v, %v", old, now, k.lets(), r.at(formerKey), r.at(nextKey))
			}
			if r.at(formerKey+".1") != (secure.Fingerprint{}) {
				t.Error("the old key is kept twice")
			}
		})
	}
}

// A session that ends for the new key's sake before the answer came is as good as the answer, for the daemon tells the old key which one replaced it.
func TestRotatingWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	k.set(func() { k.reply = func(v *victim, _ uint64) { v.bye(wire.ByeAccess) } })
	r := newKeyring(t, k)
	endure(t, r.rotate(k), 0).says(t, exitDone)
	if r.at("") != k.lets() {
		t.Error("the daemon does not know the key")
	}
}

// A daemon that lets in the new key, as it does all, has not put it in the place of the old one: what the old one had would be lost without a word.
func TestRotatingWhatIsNotReplaced(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(k *keeper, old secure.Fingerprint)
		says   string
	}{
		"denied":              {func(k *keeper, old secure.Fingerprint) { k.denied = old }, "this key is denied"},
		"replaced by another": {func(k *keeper, old secure.Fingerprint) { k.replaced[old] = secure.Fingerprint{1} }, "this key was replaced by SHA256:AQ"},
		"put out": {func(k *keeper, old secure.Fingerprint) {
			k.reply = func(v *victim, _ uint64) {
				k.denied = old
				v.bye(wire.ByeAccess)
			}
		}, "access withdrawn"},
		"the new key is denied": {func(k *keeper, old secure.Fingerprint) {
			k.reply = func(v *victim, request uint64) {
				delete(k.replaced, old)
				v.say(&wire.Message{Kind: &wire.Message_Refused{Refused: &wire.Refused{
					Request: request, Code: wire.Code_CODE_ACCESS, Reason: "this key is denied",
				}}})
			}
		}, "this key is denied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKeeper(t)
			r := newKeyring(t, k)
			old := r.at("")
			k.set(func() {
				k.open = true
				tt.change(k, old)
			})
			endure(t, r.rotate(k), 0).says(t, exitRefused, `"code":"access".*`+tt.says)
			if r.at("") != old || r.at(nextKey) == (secure.Fingerprint{}) || r.at(formerKey) != (secure.Fingerprint{}) {
				t.Errorf("the keys are %v, new %v, old %v", r.at(""), r.at(nextKey), r.at(formerKey))
			}
		})
	}
}

// A key that another daemon knows already is handed to this one as well; the files stay.
func TestRotatingToAKeyThatIsThere(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	r := newKeyring(t, k)
	old, next := r.at(""), r.makes(".next")
	for range 2 { // also when it was done before
		cmd := r.rotate(k)
		cmd.Args = append(cmd.Args, "--to", r.path+".next")
		endure(t, cmd, 0).says(t, exitDone, `"type":"key","fingerprint":"`+regexp.QuoteMeta(next.String()))
		if k.lets() != next || r.at("") != old || r.at(".next") != next || r.at(formerKey) != (secure.Fingerprint{}) {
			t.Errorf("the daemon lets in %v; the keys are %v and %v", k.lets(), r.at(""), r.at(".next"))
		}
	}
}

// A daemon that refuses, and one that is not there, leave the key as it is.
func TestRotatingThatIsRefused(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	r := newKeyring(t, k)
	old := r.at("")
	refuses := func(code wire.Code, reason string) {
		k.set(func() {
			k.reply = func(v *victim, request uint64) {
				k.key = old
				delete(k.replaced, old)
				v.say(&wire.Message{Kind: &wire.Message_Refused{Refused: &wire.Refused{Request: request, Code: code, Reason: reason}}})
			}
		})
	}
	refuses(wire.Code_CODE_LIMIT, "too many keys")
	endure(t, r.rotate(k), 0).says(t, exitRefused, `"code":"limit".*too many keys`)
	refuses(wire.Code_CODE_PROTOCOL, "the new key is known already")
	endure(t, r.rotate(k), 0).says(t, exitFailed, `the new key is known already.*identity.pem.new is removed`)
	k.set(func() { k.key = secure.Fingerprint{} })
	endure(t, r.rotate(k), 0).says(t, exitRefused, `"code":"access".*this key is not known`)
	away := r.rotate(k)
	away.Args = append(away.Args, "--server", "127.0.0.1:1")
	endure(t, away, 0).says(t, exitUnreachable, `"code":"unreachable"`)
	if r.at("") != old {
		t.Error("the key has changed")
	}
	none := keyring{t, filepath.Join(t.TempDir(), "identity.pem")}
	got := endure(t, none.rotate(k), 0)
	got.says(t, exitFailed)
	if !strings.Contains(got.errors, "there is no key yet") {
		t.Error(got.errors)
	}
}
