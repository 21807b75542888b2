package access

import (
	"maps"
	"slices"
	"strings"
	"time"

	"yodel/wire/secure"
)

// KeyInfo is what is known of a key.
type KeyInfo struct {
	Fingerprint string    `json:"fingerprint"`
	Nick        string    `json:"nick,omitempty"`
	Roles       []string  `json:"roles,omitempty"`
	Source      Source    `json:"source"`
	Since       time.Time `json:"since,omitzero"` // zero in the operator's file
	Reason      string    `json:"reason,omitempty"`
	Successor   string    `json:"successor,omitempty"` // of a replaced one
}

// Keys are the keys of a book as it was. They share nothing with it that changes, so that any goroutine may list them.
type Keys struct {
	granted map[secure.Fingerprint]Key
	keys    map[secure.Fingerprint]*entry
}

// Keys gives all keys that are known. It costs the book's owner a copy, the rest is List's.
func (b *Book) Keys() *Keys { return &Keys{b.granted, maps.Clone(b.keys)} }

// List gives the keys by fingerprint, each once: as what it is judged by. Nick and roles are all that it has.
func (k *Keys) List() []KeyInfo {
	list := make([]KeyInfo, 0, len(k.keys)+len(k.granted))
	for fp, g := range k.granted {
		if e := k.keys[fp]; e == nil || e.comesIn() {
			var all entry
			if e != nil {
				all = *e
				all.roles = slices.Clone(e.roles)
			}
			all.inherit(g.Nick, g.Roles)
			all.source = Authorized
			list = append(list, all.info(fp))
		}
	}
	for fp, e := range k.keys {
		if _, granted := k.granted[fp]; !granted || !e.comesIn() {
			list = append(list, e.info(fp))
		}
	}
	slices.SortFunc(list, func(a, b KeyInfo) int { return strings.Compare(a.Fingerprint, b.Fingerprint) })
	return list
}

func (e *entry) info(key secure.Fingerprint) KeyInfo {
	i := KeyInfo{Fingerprint: key.String(), Nick: e.nick, Roles: e.roles, Source: e.source, Since: e.since.UTC(), Reason: e.reason}
	if e.source == Replaced {
		i.Successor = e.successor.String()
	}
	if e.since.IsZero() {
		i.Since = time.Time{}
	}
	return i
}
