package access

import "fmt"

// Mode says who may come in.
type Mode string

// The modes. Denied and banned keys stay out in each.
const (
	Open   Mode = "open"   // everyone
	Known  Mode = "known"  // the keys that the operator has let in
	Invite Mode = "invite" // these, and who brings an invite
)

// ParseMode reads a mode.
func ParseMode(text string) (Mode, error) {
	switch m := Mode(text); m {
	case Open, Known, Invite:
		return m, nil
	}
	return "", fmt.Errorf("%w: %q: open, known or invite", ErrMode, text)
}
