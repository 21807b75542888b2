package wire

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// InviteToken is the bytes of an invite's token: 128 random bits.
const InviteToken = 16

// inviteScheme begins every invite.
const inviteScheme = "yodel://"

// Invite is what lets a new key in: one line, yodel://HOST[:PORT]/ROOM/FINGERPRINT.TOKEN, of characters that no shell changes and no chat program
// breaks. FINGERPRINT is the SHA-256 of the daemon's key (SPKI), and both it and TOKEN are base64url without padding (RFC 4648, 5).
type Invite struct {
	Host        string // a name, an IPv4 address, or an IPv6 address without brackets
	Port        uint16
	Room        string
	Fingerprint [32]byte // of the daemon
	Token       [InviteToken]byte
}

// String gives the line. The port is left out when it is the usual one.
func (i Invite) String() string {
	host := i.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if i.Port != DefaultPort {
		host += ":" + strconv.Itoa(int(i.Port))
	}
	e := base64.RawURLEncoding
	return inviteScheme + host + "/" + i.Room + "/" + e.EncodeToString(i.Fingerprint[:]) + "." + e.EncodeToString(i.Token[:])
}

// ParseInvite reads the line; the error (ErrInvite) says what is wrong with it, without the token.
func ParseInvite(line string) (i Invite, err error) {
	rest, ok := strings.CutPrefix(line, inviteScheme)
	if !ok {
		return i, fmt.Errorf("%w: it does not begin with %s", ErrInvite, inviteScheme)
	}
	parts := strings.Split(rest, "/")
	if len(parts) != 3 {
		return i, fmt.Errorf("%w: %d parts between slashes, not host, room and key", ErrInvite, len(parts))
	}
	if i.Host, i.Port, err = inviteHost(parts[0]); err != nil {
		return i, err
	}
	i.Room = parts[1]
	if err := CheckRoom(i.Room); err != nil {
		return i, fmt.Errorf("%w: %w", ErrInvite, err)
	}
	fingerprint, token, _ := strings.Cut(parts[2], ".")
	if !decodeExactly(i.Fingerprint[:], fingerprint) {
		return i, fmt.Errorf("%w: the fingerprint of %d characters is not one; is the end of the line missing?", ErrInvite, len(fingerprint))
	}
	if i.Fingerprint == [32]byte{} { // who asks for it would take any daemon
		return i, fmt.Errorf("%w: the fingerprint is zero", ErrInvite)
	}
	if !decodeExactly(i.Token[:], token) {
		return i, fmt.Errorf("%w: the token of %d characters is not one; is the end of the line missing?", ErrInvite, len(token))
	}
	return i, nil
}

// decodeExactly decodes what must be as long as dst, in its only form.
func decodeExactly(dst []byte, text string) bool {
	e := base64.RawURLEncoding.Strict()
	if len(text) != e.EncodedLen(len(dst)) {
		return false
	}
	n, err := e.Decode(dst, []byte(text))
	return err == nil && n == len(dst)
}

// inviteHost reads HOST, HOST:PORT, [V6] or [V6]:PORT.
func inviteHost(text string) (host string, port uint16, err error) {
	host, digits := text, strconv.Itoa(DefaultPort)
	if n := strings.LastIndexByte(text, ':'); n >= 0 && !strings.HasSuffix(text, "]") {
		if host, digits, err = net.SplitHostPort(text); err != nil {
			return "", 0, fmt.Errorf("%w: the host %q: %w", ErrInvite, text, err)
		}
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || n == 0 {
		return "", 0, fmt.Errorf("%w: %q is no port", ErrInvite, digits)
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		host = strings.TrimSuffix(inner, "]")
		if a, err := netip.ParseAddr(host); err != nil || !a.Is6() {
			return "", 0, fmt.Errorf("%w: %q is no IPv6 address", ErrInvite, host)
		}
		return host, uint16(n), nil
	}
	return host, uint16(n), CheckHost(host)
}

// CheckHost tells what is wrong with a host of an invite: it is a name of letters, digits, dots, hyphens and underscores, or an IP address.
func CheckHost(host string) error {
	if a, err := netip.ParseAddr(host); err == nil && a.Zone() == "" {
		return nil
	}
	for _, c := range host {
		if c >= 0x80 || !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_", c) {
			return fmt.Errorf("%w: %q is no host: %q", ErrInvite, host, c)
		}
	}
	if host == "" || len(host) > 253 || host[0] == '-' {
		return fmt.Errorf("%w: %q is no host", ErrInvite, host)
	}
	return nil
}
