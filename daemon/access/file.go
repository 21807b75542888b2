package access

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"yodel/wire/secure"
)

// fileName and newName are the state folder's file, and what is to take its place.
const (
	fileName = "access.json"
	newName  = "access.json.new"
	// stateVersion is the form of the file.
	stateVersion = 1
)

// state is the file.
type state struct {
	Version int          `json:"version"`
	Keys    []KeyInfo    `json:"keys"`
	Bans    []BanInfo    `json:"bans"`
	Invites []inviteInfo `json:"invites"`
	Nicks   []nickInfo   `json:"nicks"`
}

// inviteInfo is an invite in the file.
type inviteInfo struct {
	Token   string    `json:"token_sha256"` // in hexadecimal
	Uses    int       `json:"uses"`         // 0: any number
	Used    int       `json:"used"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"`
	Roles   []string  `json:"roles,omitempty"`
}

// nickInfo is the holder of a nick in the file, the one that was used longest ago first.
type nickInfo struct {
	Nick        string    `json:"nick"` // as it looks: wire.Lookalike of the comparison form
	Fingerprint string    `json:"fingerprint"`
	Used        time.Time `json:"used"`
}

// Load reads the file of a state folder into a new book. A folder without the file gives an empty book, one that is damaged ErrDamaged with the file and
// what is wrong where. What a daemon that was killed has left half written is removed.
func Load(dir string, mode Mode) (*Book, error) {
	path := filepath.Join(dir, fileName)
	if err := os.Remove(filepath.Join(dir, newName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	b := NewBook(mode)
	text, err := readFile(path, maxState)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, err
	}
	st, err := decode(text)
	if err == nil {
		err = b.restore(st)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w: restore a backup of it, or move it away: then all that it let in and kept out is forgotten", path, ErrDamaged, err)
	}
	return b, nil
}

// readFile reads a regular file of at most so many bytes.
func readFile(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path) // before it is opened: a FIFO would wait
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return nil, fmt.Errorf("%s: %w: %v, %d bytes of at most %d", path, ErrFile, info.Mode(), info.Size(), most)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return io.ReadAll(io.LimitReader(file, most+1))
}

// decode reads the JSON of the file, and nothing else.
func decode(text []byte) (*state, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	st := new(state)
	if err := d.Decode(st); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("line %d: it ends too early", lineOf(text, int64(len(text))))
	} else if err != nil {
		return nil, fmt.Errorf("line %d: %w", lineOf(text, offsetOf(err, d)), err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("line %d: something behind the end", lineOf(text, d.InputOffset()))
	}
	if st.Version != stateVersion {
		return nil, fmt.Errorf("version %d, not %d", st.Version, stateVersion)
	}
	return st, nil
}

// offsetOf tells where an error of decoding is.
func offsetOf(err error, d *json.Decoder) int64 {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return syntax.Offset
	}
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return kind.Offset
	}
	return d.InputOffset()
}

func lineOf(text []byte, offset int64) int {
	return 1 + bytes.Count(text[:min(int64(len(text)), offset)], []byte("\n"))
}

// restore puts what was stored into an empty book.
func (b *Book) restore(st *state) error {
	if len(st.Keys) > maxKeys || len(st.Bans) > maxBans || len(st.Invites) > maxInvites || len(st.Nicks) > maxHolders {
		return fmt.Errorf("%d keys, %d bans, %d invites and %d nicks: %w", len(st.Keys), len(st.Bans), len(st.Invites), len(st.Nicks), ErrFull)
	}
	return errors.Join(
		each("keys", st.Keys, b.restoreKey), each("bans", st.Bans, b.restoreBan),
		each("invites", st.Invites, b.restoreInvite), each("nicks", st.Nicks, b.restoreNick),
	)
}

// each restores a list; the error is that of the first item that cannot be.
func each[T any](name string, list []T, restore func(T) error) error {
	for i, item := range list {
		if err := restore(item); err != nil {
			return fmt.Errorf("%s[%d]: %w", name, i, err)
		}
	}
	return nil
}

func (b *Book) restoreKey(i KeyInfo) error {
	fp, err := secure.ParseFingerprint(i.Fingerprint)
	if err != nil {
		return err
	}
	k := Key{Nick: i.Nick, Roles: i.Roles}
	if err := k.check(); err != nil {
		return err
	}
	e := &entry{source: i.Source, nick: k.Nick, roles: k.Roles, since: i.Since, reason: i.Reason}
	switch i.Source {
	case Enrolled, Allowed, Denied:
	case Replaced:
		if e.successor, err = secure.ParseFingerprint(i.Successor); err != nil {
			return fmt.Errorf("successor: %w", err)
		}
	default:
		return fmt.Errorf("the source %q", i.Source)
	}
	if b.keys[fp] != nil {
		return fmt.Errorf("%s a second time", fp)
	}
	b.set(fp, e)
	return nil
}

func (b *Book) restoreBan(i BanInfo) (err error) {
	var n Ban
	if i.Key != "" {
		if n.Key, err = secure.ParseFingerprint(i.Key); err != nil {
			return err
		}
	}
	if i.Prefix != "" {
		if n.Prefix, err = netip.ParsePrefix(i.Prefix); err != nil {
			return err
		}
	}
	n.Reason = i.Reason
	if err := n.check(); err != nil {
		return err
	}
	b.bans.put(n, &ban{since: i.Since, until: i.Until, reason: i.Reason})
	return nil
}

func (b *Book) restoreInvite(i inviteInfo) error {
	sum, err := hex.DecodeString(i.Token)
	switch {
	case err != nil:
		return err
	case len(sum) != sha256.Size:
		return fmt.Errorf("a hash of %d bytes", len(sum))
	case i.Uses < 0 || i.Used < 0:
		return fmt.Errorf("%d of %d uses", i.Used, i.Uses)
	}
	roles, err := cleanRoles(i.Roles)
	b.invites[tokenHash(sum)] = &invite{uses: i.Uses, used: i.Used, created: i.Created, expires: i.Expires, roles: roles}
	return err
}

func (b *Book) restoreNick(i nickInfo) error {
	who, err := secure.ParseFingerprint(i.Fingerprint)
	switch {
	case err != nil:
		return err
	case i.Nick == "" || len(i.Nick) > maxLook:
		return fmt.Errorf("the nick %q", i.Nick)
	case b.nicks.holders[i.Nick] != nil:
		return fmt.Errorf("%q a second time", i.Nick)
	}
	b.nicks.add(&holder{i.Nick, who, i.Used})
	return nil
}

// maxLook is the longest nick, as it looks, in bytes.
const maxLook = 1024
