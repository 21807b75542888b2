package access

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"yodel/wire/secure"
)

// Ban keeps a key or a prefix out: one of both is set.
type Ban struct {
	Key    secure.Fingerprint
	Prefix netip.Prefix
	Until  time.Time // zero: for good
	Reason string
}

// BanInfo is a ban that is in force.
type BanInfo struct {
	Key    string    `json:"key,omitempty"`
	Prefix string    `json:"prefix,omitempty"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until,omitzero"` // zero: for good
	Reason string    `json:"reason,omitempty"`
}

// ban is one in the book.
type ban struct {
	since, until time.Time
	reason       string
}

func (b *ban) over(now time.Time) bool { return !b.until.IsZero() && !now.Before(b.until) }

// why tells who is banned until when.
func (b *ban) why(what string) error {
	text := "for good"
	if !b.until.IsZero() {
		text = "until " + b.until.UTC().Format(time.RFC3339)
	}
	if b.reason != "" {
		text += ": " + b.reason
	}
	return fmt.Errorf("this %s is %w %s", what, ErrBanned, text)
}

type bans struct {
	keys     map[secure.Fingerprint]*ban
	prefixes map[netip.Prefix]*ban
	lengths  []int // of the prefixes, each once
}

func newBans() bans {
	return bans{keys: make(map[secure.Fingerprint]*ban), prefixes: make(map[netip.Prefix]*ban)}
}

func (b *bans) count() int { return len(b.keys) + len(b.prefixes) }

// check tells whether a key or an address is banned.
func (b *bans) check(now time.Time, key secure.Fingerprint, addr netip.Addr) error {
	if found := b.keys[key]; found != nil && !found.over(now) {
		return found.why("key")
	}
	addr = addr.Unmap().WithZone("")
	for _, bits := range b.lengths {
		prefix, err := addr.Prefix(bits)
		if found := b.prefixes[prefix]; err == nil && found != nil && !found.over(now) {
			return found.why("address")
		}
	}
	return nil
}

// plainPrefix gives the one form of a prefix: masked, and IPv4 where it is.
func plainPrefix(p netip.Prefix) netip.Prefix {
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked()
}

// measure notes how long the prefixes are.
func (b *bans) measure() {
	b.lengths = b.lengths[:0]
	for p := range b.prefixes {
		if !slices.Contains(b.lengths, p.Bits()) {
			b.lengths = append(b.lengths, p.Bits())
		}
	}
}

// check tells what is wrong with a ban.
func (n *Ban) check() error {
	if n.Prefix.IsValid() == (n.Key != secure.Fingerprint{}) {
		return fmt.Errorf("%w: a ban is of a key or of a prefix", ErrRequest)
	}
	return checkReason(n.Reason)
}

// Ban keeps a key or a prefix out, in place of an earlier ban of it; with a key also the one that has its place, if another has replaced it: banned are
// these keys.
func (b *Book) Ban(now time.Time, n Ban) (banned []secure.Fingerprint, err error) {
	if err := n.check(); err != nil {
		return nil, err
	}
	if !n.Until.IsZero() && !n.Until.After(now) {
		return nil, fmt.Errorf("%w: a ban that is over at once", ErrRequest)
	}
	all := []Ban{n}
	if !n.Prefix.IsValid() {
		banned, all = b.andHeir(n.Key), nil
		for _, key := range banned {
			all = append(all, Ban{Key: key})
		}
	}
	if b.bans.count()+len(all) > maxBans {
		b.bans.expire(now)
	}
	if b.bans.count()+len(all) > maxBans {
		return nil, fmt.Errorf("%w bans: %d", ErrFull, maxBans)
	}
	for _, x := range all {
		b.bans.put(x, &ban{since: now, until: n.Until, reason: n.Reason})
	}
	return banned, nil
}

func (b *bans) put(n Ban, made *ban) {
	if n.Prefix.IsValid() {
		b.prefixes[plainPrefix(n.Prefix)] = made
		b.measure()
	} else {
		b.keys[n.Key] = made
	}
}

// Unban ends the ban of the key or the prefix of n; undo is nil when there was none.
func (b *Book) Unban(now time.Time, n Ban) (undo func(), err error) {
	if err := n.check(); err != nil {
		return nil, err
	}
	b.bans.expire(now)
	was := b.bans.keys[n.Key]
	if n.Prefix.IsValid() {
		was = b.bans.prefixes[plainPrefix(n.Prefix)]
		delete(b.bans.prefixes, plainPrefix(n.Prefix))
		b.bans.measure()
	} else {
		delete(b.bans.keys, n.Key)
	}
	if was == nil {
		return nil, nil
	}
	return func() { b.bans.put(n, was) }, nil
}

// expire forgets the bans that are over.
func (b *bans) expire(now time.Time) {
	for k, x := range b.keys {
		if x.over(now) {
			delete(b.keys, k)
		}
	}
	for p, x := range b.prefixes {
		if x.over(now) {
			delete(b.prefixes, p)
		}
	}
	b.measure()
}

// Bans gives those that are in force, keys first.
func (b *Book) Bans(now time.Time) []BanInfo {
	b.bans.expire(now)
	list := make([]BanInfo, 0, len(b.bans.keys)+len(b.bans.prefixes))
	for k, x := range b.bans.keys {
		list = append(list, x.info(BanInfo{Key: k.String()}))
	}
	for p, x := range b.bans.prefixes {
		list = append(list, x.info(BanInfo{Prefix: p.String()}))
	}
	slices.SortFunc(list, func(a, b BanInfo) int {
		return cmp.Or(strings.Compare(a.Prefix, b.Prefix), strings.Compare(a.Key, b.Key))
	})
	return list
}

func (b *ban) info(i BanInfo) BanInfo {
	i.Since, i.Until, i.Reason = b.since.UTC(), b.until, b.reason
	if !b.until.IsZero() {
		i.Until = b.until.UTC()
	}
	return i
}
