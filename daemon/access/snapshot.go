package access

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"yodel/wire/secure"
)

// Snapshot is a book as it was: it shares nothing with it that changes. To take one costs the book's owner little (BenchmarkSnapshot), the rest is its
// writer's.
type Snapshot struct {
	keys    []keyed
	bans    []BanInfo
	invites []hashed
	nicks   []holder
}

// keyed is a key of the state folder with its entry.
type keyed struct {
	key secure.Fingerprint
	*entry
}

type hashed struct {
	sum tokenHash
	invite
}

// Snapshot gives what is to be stored. Of the holders of nicks it takes those of the snapshot before, unless fresh ones are asked for or a key has given
// its nicks to another one since; a nick that a session has is in use now.
func (b *Book) Snapshot(now time.Time, fresh bool) *Snapshot {
	s := &Snapshot{
		keys: make([]keyed, 0, len(b.keys)), bans: b.Bans(now), invites: make([]hashed, 0, len(b.invites)),
	}
	for key, e := range b.keys {
		s.keys = append(s.keys, keyed{key, e})
	}
	for sum, i := range b.invites {
		s.invites = append(s.invites, hashed{sum, *i})
	}
	if fresh || b.nicks.stored == nil {
		b.nicks.stored = b.nicks.copy(now)
		b.nicks.changed = false
	}
	s.nicks = b.nicks.stored
	return s
}

func (n *nicks) copy(now time.Time) []holder {
	all := make([]holder, 0, n.order.Len())
	for at := n.order.Front(); at != nil; at = at.Next() {
		h := *at.Value.(*holder)
		if n.present[h.look] > 0 {
			h.used = now
		}
		all = append(all, h)
	}
	return all
}

// encode gives the file.
func (s *Snapshot) encode() ([]byte, error) {
	st := state{Version: stateVersion, Keys: []KeyInfo{}, Bans: s.bans, Invites: []inviteInfo{}, Nicks: []nickInfo{}}
	for _, k := range s.keys {
		st.Keys = append(st.Keys, k.info(k.key))
	}
	for _, i := range s.invites {
		st.Invites = append(st.Invites, inviteInfo{hex.EncodeToString(i.sum[:]), i.uses, i.used, i.created.UTC(), i.expires, i.roles})
	}
	for _, h := range s.nicks {
		st.Nicks = append(st.Nicks, nickInfo{h.look, h.who.String(), h.used.UTC()})
	}
	slices.SortFunc(st.Keys, func(a, b KeyInfo) int { return strings.Compare(a.Fingerprint, b.Fingerprint) })
	slices.SortFunc(st.Invites, func(a, b inviteInfo) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.Token, b.Token))
	})
	slices.SortStableFunc(st.Nicks, func(a, b nickInfo) int { return a.Used.Compare(b.Used) })
	text, err := json.MarshalIndent(st, "", " ")
	return append(text, '\n'), err
}
