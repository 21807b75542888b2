package control

import "time"

// The bodies of requests and answers that are no types of the daemon. Times are RFC 3339, durations are numbers of seconds.
type (
	// KickRequest ends sessions: of a nick, of a key, or of both; with a room only those that are in it.
	KickRequest struct {
		Nick        string `json:"nick,omitempty"`
		Fingerprint string `json:"fingerprint,omitempty"`
		Room        string `json:"room,omitempty"`
		Reason      string `json:"reason,omitempty"`
	}
	// KickAnswer tells how many sessions were ended: at least one, else the answer is 404.
	KickAnswer struct {
		Ended int `json:"ended"`
	}

	// BanRequest keeps out a key, the addresses of a prefix (an address is one of its own), or the keys that are there under a nick: exactly one of these.
	BanRequest struct {
		Fingerprint string  `json:"fingerprint,omitempty"`
		Prefix      string  `json:"prefix,omitempty"`
		Nick        string  `json:"nick,omitempty"`
		For         float64 `json:"for_s,omitempty"` // 0: until it is lifted
		Reason      string  `json:"reason,omitempty"`
	}
	// BanAnswer tells whom it keeps out, and how many sessions it has ended.
	BanAnswer struct {
		Banned []string  `json:"banned"`
		Ended  int       `json:"ended"`
		Until  time.Time `json:"until,omitzero"`
	}

	// UnbanRequest lifts the ban of a key or of a prefix: exactly one of these.
	UnbanRequest struct {
		Fingerprint string `json:"fingerprint,omitempty"`
		Prefix      string `json:"prefix,omitempty"`
	}

	// AllowRequest lets a key in.
	AllowRequest struct {
		Fingerprint string   `json:"fingerprint"`
		Nick        string   `json:"nick,omitempty"`
		Roles       []string `json:"roles,omitempty"`
	}

	// DenyRequest keeps a key out for good.
	DenyRequest struct {
		Fingerprint string `json:"fingerprint"`
		Reason      string `json:"reason,omitempty"`
	}
	// DenyAnswer tells whom it keeps out (the key that was named, and the one that has its place), and how many sessions it has ended.
	DenyAnswer struct {
		Denied []string `json:"denied"`
		Ended  int      `json:"ended"`
	}

	// InviteRequest makes an invite.
	InviteRequest struct {
		Uses    int      `json:"uses"`                // keys that it lets in; 0: any number
		Expires float64  `json:"expires_s,omitempty"` // from now; 0: never
		Roles   []string `json:"roles,omitempty"`
	}
	// InviteAnswer has the token: base64url without padding, as in the link.
	InviteAnswer struct {
		ID      string    `json:"id"` // names it where the token is a secret
		Token   string    `json:"token"`
		Expires time.Time `json:"expires,omitzero"`
	}

	// RevokeRequest takes back the invite whose ID begins so: four digits or more.
	RevokeRequest struct {
		ID string `json:"id"`
	}
	// RevokeAnswer has the whole ID.
	RevokeAnswer struct {
		ID string `json:"id"`
	}

	// RoomRequest changes a room until the daemon is started or its configuration is read again. What is absent stays.
	RoomRequest struct {
		Room  string   `json:"room"`
		Delay *float64 `json:"delay_s,omitempty"`
		// The limits of the room log for this room; 0 is no limit. Those that are absent stay.
		Messages *int     `json:"keep,omitempty"`
		Age      *float64 `json:"keep_age_s,omitempty"`
		Bytes    *int64   `json:"keep_bytes,omitempty"`
	}

	// StopAnswer tells which process is going to end.
	StopAnswer struct {
		PID int `json:"pid"`
	}

	// Done is the answer of what has nothing else to tell.
	Done struct{}

	// failure is the body of an answer that is no success.
	failure struct {
		Error string `json:"error"`
	}
)
