package secure

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/pion/dtls/v3"
	"github.com/pion/srtp/v3"
)

// exporterLabel names the keys of SRTP (RFC 5764, 4.2).
const exporterLabel = "EXTRACTOR-dtls_srtp"

// Secrets is what a handshake leaves: who the other side is, and the keys of the session. All but Free is for one
// goroutine.
type Secrets struct {
	Remote Fingerprint // the key that the other side has proved to have

	path          PathKey
	profile       srtp.ProtectionProfile
	local, remote masterKey
	protected     bool
	held          atomic.Pointer[association]
}

// masterKey is an SRTP master key and salt (RFC 3711, 3.2.1).
type masterKey struct {
	key, salt []byte
}

// association is what lives on of a handshake to repeat its last flight.
type association struct {
	session *dtls.Conn // of a client; nil: the conn repeats it
	conn    *MemConn
}

// end stops the library's goroutines; nothing is sent.
func (a *association) end() {
	a.conn.Mute()
	if a.session != nil {
		_ = a.session.Close() // the conn never fails to close
	}
	_ = a.conn.Close()
}

// Free lets go of everything of DTLS: its goroutines end, its buffers are freed, and nothing more is sent, no alert
// either. The client calls it when Handshake has returned, the daemon with the first packet that Rx opens or after
// HandshakeTimeout. The keys stay. Any goroutine may call it, any number of times.
func (s *Secrets) Free() {
	if held := s.held.Swap(nil); held != nil {
		held.end()
	}
}

// PathKey is the key for requests about the session's path.
func (s *Secrets) PathKey() PathKey { return s.path }

// Protect gives the protection of what is sent and of what is received. It works once, because a second Tx
// under the same keys would repeat nonces (rule R4): then it is ErrProtected.
func (s *Secrets) Protect() (*Tx, *Rx, error) {
	if s.protected {
		return nil, nil, ErrProtected
	}
	s.protected = true
	tx, err := newTx(s.profile, s.local)
	if err != nil {
		return nil, nil, fmt.Errorf("keys: %w", err)
	}
	rx, err := newRx(s.profile, s.remote)
	if err != nil {
		return nil, nil, fmt.Errorf("keys: %w", err)
	}
	clear(s.local.key)
	clear(s.remote.key)
	return tx, rx, nil
}

// exportSecrets takes the keys of a finished handshake out of the library.
func exportSecrets(held *association) (*Secrets, error) {
	state, ok := held.session.ConnectionState()
	if !ok {
		return nil, errors.New("no connection state")
	}
	remote, err := fingerprintOf(state.PeerCertificates)
	if err != nil {
		return nil, err
	}
	selected, _ := held.session.SelectedSRTPProtectionProfile()
	export := func(label string, n int) ([]byte, error) { return state.ExportKeyingMaterial(label, nil, n) }
	s, err := newSecrets(uint16(selected), true, export)
	if err != nil {
		return nil, err
	}
	s.Remote = remote
	s.held.Store(held)
	return s, nil
}

// newSecrets derives the keys of a session, for the client or the server of a handshake that has agreed on the SRTP profile of that number
// in use_srtp.
func newSecrets(number uint16, client bool, export func(label string, n int) ([]byte, error)) (*Secrets, error) {
	profile, err := protectionProfile(number)
	if err != nil {
		return nil, err
	}
	keyLen, err := profile.KeyLen()
	if err != nil {
		return nil, err
	}
	saltLen, err := profile.SaltLen()
	if err != nil {
		return nil, err
	}
	material, err := export(exporterLabel, 2*(keyLen+saltLen))
	if err != nil {
		return nil, err
	}
	path, err := export(pathLabel, len(PathKey{}))
	if err != nil {
		return nil, err
	}
	s := &Secrets{profile: profile, path: PathKey(path)}
	s.local, s.remote = splitKeys(material, keyLen, client)
	return s, nil
}

// splitKeys cuts what the exporter gave (RFC 5764, 4.2): client key, server key, client salt, server salt. Each
// side sends under its own and receives under the other's.
func splitKeys(material []byte, keyLen int, client bool) (local, remote masterKey) {
	keys, salts := material[:2*keyLen], material[2*keyLen:]
	saltLen := len(salts) / 2
	ofClient := masterKey{keys[:keyLen], salts[:saltLen]}
	ofServer := masterKey{keys[keyLen:], salts[saltLen:]}
	if client {
		return ofClient, ofServer
	}
	return ofServer, ofClient
}

// protectionProfile gives a profile by its number in use_srtp.
func protectionProfile(number uint16) (srtp.ProtectionProfile, error) {
	for _, p := range srtpProfiles {
		if p.number == number {
			return p.profile, nil
		}
	}
	return 0, fmt.Errorf("no SRTP profile agreed on (%#04x)", number)
}
