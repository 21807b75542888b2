package access

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"yodel/wire"
)

// idLength is how many hexadecimal digits of the hash of a token name an invite, and leastID how many of them are enough to ask for it.
const idLength, leastID = 12, 4

// InviteInfo is an invite that lets somebody in. Its token is known to nobody but who has the link.
type InviteInfo struct {
	ID      string    `json:"id"`   // of its token (InviteID)
	Uses    int       `json:"uses"` // 0: any number
	Used    int       `json:"used"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"`
	Roles   []string  `json:"roles,omitempty"`
}

// InviteID gives what an invite is called by, where its token is a secret: the first 12 hexadecimal digits of the token's SHA-256. What is no token gives
// nothing.
func InviteID(token []byte) string {
	if len(token) != wire.InviteToken {
		return ""
	}
	return hashOf([wire.InviteToken]byte(token)).id()
}

func (h tokenHash) id() string { return hex.EncodeToString(h[:idLength/2]) }

// Invites gives the invites that let somebody in. list, which any goroutine may call once, makes them what they are shown as, the oldest first.
func (b *Book) Invites(now time.Time) (list func() []InviteInfo) {
	good := make([]hashed, 0, len(b.invites))
	for sum, i := range b.invites {
		if i.check(now) == nil {
			good = append(good, hashed{sum, *i})
		}
	}
	return func() []InviteInfo {
		all := make([]InviteInfo, 0, len(good))
		for _, i := range good {
			all = append(all, InviteInfo{i.sum.id(), i.uses, i.used, i.created.UTC(), i.expires, i.roles})
		}
		slices.SortFunc(all, func(a, b InviteInfo) int { return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID)) })
		return all
	}
}

// Revoke takes back the invite whose ID begins with these digits, four or more, and gives the whole ID; empty: there is none. Who has come in with it
// stays. Like a denial it holds at once, whether it can be stored or not.
func (b *Book) Revoke(id string) (whole string, err error) {
	id = strings.ToLower(id)
	if len(id) < leastID || len(id) > idLength || strings.Trim(id, "0123456789abcdef") != "" {
		return "", fmt.Errorf("%w: an invite is named by %d to %d hexadecimal digits", ErrRequest, leastID, idLength)
	}
	var meant []tokenHash
	for sum := range b.invites {
		if strings.HasPrefix(sum.id(), id) {
			meant = append(meant, sum)
		}
	}
	switch len(meant) {
	case 0:
		return "", nil
	case 1:
		delete(b.invites, meant[0])
		return meant[0].id(), nil
	}
	return "", fmt.Errorf("%w: %d invites begin with %s", ErrRequest, len(meant), id)
}
