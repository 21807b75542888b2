package secure

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/pion/srtp/v3"
)

// Numbers of TLS that the daemon knows.
const (
	versionDTLS12 = 0xfefd // RFC 6347, 4.1

	suiteGCM    = 0xc02b // TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 (RFC 5289)
	suiteChaCha = 0xcca9 // TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 (RFC 7905)
	suiteSCSV   = 0x00ff // TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746)

	curveP256   = 23 // RFC 8422, 5.1.1
	curveX25519 = 29

	signatureP256 = 0x0403 // ecdsa_secp256r1_sha256 (RFC 8446, 4.2.3)

	extensionCurves        = 10 // RFC 8422
	extensionPointFormats  = 11
	extensionSignatures    = 13     // RFC 5246
	extensionSRTP          = 14     // RFC 5764
	extensionMasterSecret  = 23     // RFC 7627
	extensionRenegotiation = 0xff01 // RFC 5746
)

// srtpProfiles are the protection profiles of use_srtp in the daemon's order of preference.
var srtpProfiles = [...]struct {
	number  uint16
	profile srtp.ProtectionProfile
}{
	{0x0007, srtp.ProtectionProfileAeadAes128Gcm},
	{0x0001, srtp.ProtectionProfileAes128CmHmacSha1_80},
}

// clientHello is what the daemon takes of a ClientHello (RFC 5246, 7.4.1.2; RFC 6347, 4.2.1), chosen already.
type clientHello struct {
	random  [32]byte
	suite   uint16
	curve   uint16
	profile uint16 // of use_srtp

	masterSecret, renegotiation, pointFormats bool // offered
}

// parseClientHello reads a ClientHello and chooses: of suites and curves the first of the client's that the daemon knows.
func parseClientHello(body []byte) (*clientHello, error) {
	h := &clientHello{curve: curveP256} // RFC 8422, 4: without the extension any curve
	r := reader{rest: body}
	version := r.uint16()
	copy(h.random[:], r.take(len(h.random)))
	r.vector8() // session id: there is no resumption
	r.vector8() // cookie
	suites, compressions := r.vector16(), r.vector8()
	var extensions reader
	if len(r.rest) > 0 {
		extensions.rest = r.vector16()
	}
	if r.failed || len(r.rest) > 0 || len(suites)%2 != 0 {
		return nil, errors.New("malformed ClientHello")
	}
	if version != versionDTLS12 || !slices.Contains(compressions, 0) {
		return nil, fmt.Errorf("version %#04x, compressions %x", version, compressions)
	}
	h.suite, _ = first(suites, suiteGCM, suiteChaCha)
	_, h.renegotiation = first(suites, suiteSCSV)
	seen := map[uint16]bool{}
	for len(extensions.rest) > 0 && !extensions.failed {
		kind := extensions.uint16()
		if seen[kind] {
			return nil, fmt.Errorf("extension %d comes twice", kind)
		}
		seen[kind] = true
		if err := h.extension(kind, extensions.vector16()); err != nil {
			return nil, err
		}
	}
	if extensions.failed {
		return nil, errors.New("malformed extensions")
	}
	switch {
	case h.suite == 0:
		return nil, fmt.Errorf("no cipher suite in common: %x", suites)
	case h.profile == 0:
		return nil, errors.New("use_srtp is missing")
	case !h.masterSecret:
		return nil, errors.New("extended_master_secret is missing")
	}
	return h, nil
}

// extension takes one extension.
func (h *clientHello) extension(kind uint16, data []byte) error {
	r := reader{rest: data}
	ok := true
	switch kind {
	case extensionCurves:
		h.curve, ok = first(r.vector16(), curveP256, curveX25519)
	case extensionPointFormats:
		h.pointFormats = true
		ok = slices.Contains(r.vector8(), 0) // uncompressed
	case extensionSignatures:
		_, ok = first(r.vector16(), signatureP256)
	case extensionSRTP:
		offered := r.vector16()
		ok = false
		for _, p := range srtpProfiles {
			if _, has := first(offered, p.number); has && !ok {
				h.profile, ok = p.number, true
			}
		}
		r.vector8() // MKI: none is used
	case extensionMasterSecret:
		h.masterSecret = true
	case extensionRenegotiation:
		h.renegotiation = true
		ok = len(r.vector8()) == 0 // RFC 5746, 3.6: there was no handshake before
	default:
		return nil
	}
	if !ok || r.failed || len(r.rest) > 0 {
		return fmt.Errorf("nothing in common, or malformed: extension %d: %x", kind, data)
	}
	return nil
}

// serverHello gives the body of the answer (RFC 5246, 7.4.1.3).
func (h *clientHello) serverHello(random *[32]byte) []byte {
	extensions := []byte{
		0, extensionMasterSecret, 0, 0,
		0, extensionSRTP, 0, 5, 0, 2, byte(h.profile >> 8), byte(h.profile), 0,
	}
	if h.pointFormats {
		extensions = append(extensions, 0, extensionPointFormats, 0, 2, 1, 0)
	}
	if h.renegotiation {
		extensions = append(extensions, extensionRenegotiation>>8, extensionRenegotiation&0xff, 0, 1, 0)
	}
	b := binary.BigEndian.AppendUint16(nil, versionDTLS12)
	b = append(b, random[:]...)
	b = append(b, 0) // no session id
	b = binary.BigEndian.AppendUint16(b, h.suite)
	b = append(b, 0) // no compression
	b = binary.BigEndian.AppendUint16(b, uint16(len(extensions)))
	return append(b, extensions...)
}

// first gives the first of a list of 16-bit numbers that is among the known ones.
func first(list []byte, known ...uint16) (uint16, bool) {
	for ; len(list) >= 2; list = list[2:] {
		if n := binary.BigEndian.Uint16(list); slices.Contains(known, n) {
			return n, true
		}
	}
	return 0, false
}

// reader takes apart what TLS has put together (RFC 5246, 4). After the end it has failed, and gives zeros and nothing.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) take(n int) []byte {
	if r.failed || n > len(r.rest) {
		r.failed = true
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

// number takes an unsigned number of 1 to 3 bytes.
func (r *reader) number(size int) (n int) {
	for _, b := range r.take(size) {
		n = n<<8 | int(b)
	}
	return n
}

func (r *reader) uint16() uint16   { return uint16(r.number(2)) }
func (r *reader) vector8() []byte  { return r.take(r.number(1)) }
func (r *reader) vector16() []byte { return r.take(r.number(2)) }
func (r *reader) vector24() []byte { return r.take(r.number(3)) }
