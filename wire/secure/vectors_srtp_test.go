package secure

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"os"
	"testing"

	"github.com/pion/srtp/v3"

	"yodel/wire/internal/vector"
)

// names of the profiles in the vectors.
var profileNames = map[string]srtp.ProtectionProfile{"AEAD_AES_128_GCM": gcm, "AES128_CM_HMAC_SHA1_80": cm}

type keysCase struct {
	Name     string     `json:"name"`
	Profile  string     `json:"profile"`
	Exported vector.Hex `json:"exported"`
	Client   halfKeys   `json:"client"`
	Server   halfKeys   `json:"server"`
}

// halfKeys are the keys under which one side sends.
type halfKeys struct {
	MasterKey  vector.Hex `json:"master_key"`
	MasterSalt vector.Hex `json:"master_salt"`
	RTPKey     vector.Hex `json:"srtp_key"`
	RTPAuth    vector.Hex `json:"srtp_auth,omitempty"`
	RTPSalt    vector.Hex `json:"srtp_salt"`
	RTCPKey    vector.Hex `json:"srtcp_key"`
	RTCPAuth   vector.Hex `json:"srtcp_auth,omitempty"`
	RTCPSalt   vector.Hex `json:"srtcp_salt"`
}

// exported is what the exporter gives in the vectors, as long as the profile needs.
func exported(tb testing.TB, profile srtp.ProtectionProfile) []byte {
	tb.Helper()
	if profile == gcm {
		return sequence(56)
	}
	// the client's half is the sample of RFC 3711, B.3
	server := sequence(60)
	return bytes.Join([][]byte{bytesOf(tb, rfc3711Key), server[16:32], bytesOf(tb, rfc3711Salt), server[46:]}, nil)
}

// sequence is n bytes that go up from 0.
func sequence(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func half(tb testing.TB, profile srtp.ProtectionProfile, master masterKey) halfKeys {
	tb.Helper()
	rtp, rtcp := deriveAll(tb, profile, master, 0), deriveAll(tb, profile, master, 3)
	return halfKeys{
		master.key, master.salt, rtp.encryption, rtp.authentication, rtp.salt, rtcp.encryption, rtcp.authentication, rtcp.salt,
	}
}

func TestVectorsKeys(t *testing.T) {
	var cases []keysCase
	for _, name := range []string{"AEAD_AES_128_GCM", "AES128_CM_HMAC_SHA1_80"} {
		material := exported(t, profileNames[name])
		client, server := splitKeys(material, 16, true)
		cases = append(cases, keysCase{
			name, name, material, half(t, profileNames[name], client), half(t, profileNames[name], server),
		})
	}
	for _, c := range vector.Check(t, vectorPath+"keys.json", vector.File[keysCase]{
		About: "what the exporter gives under EXTRACTOR-dtls_srtp, cut into master keys, and the session keys made of these", Cases: cases,
	}) {
		local, remote := splitKeys(c.Exported, 16, false)
		if !bytes.Equal(local.key, c.Server.MasterKey) || !bytes.Equal(remote.salt, c.Client.MasterSalt) {
			t.Errorf("%s: the server's are %x and the client's %x", c.Name, local, remote)
		}
	}
}

// srtpCase is a datagram of a group: what one side sends, in the order in which it is opened under one context.
type srtpCase struct {
	Name    string     `json:"name"`
	Group   string     `json:"group"`
	Profile string     `json:"profile"`
	Sender  string     `json:"sender"`
	Key     vector.Hex `json:"master_key"`
	Salt    vector.Hex `json:"master_salt"`
	Kind    string     `json:"kind"` // srtp or srtcp
	ROC     uint32     `json:"roc"`
	Index   uint32     `json:"index"` // of srtcp
	Plain   vector.Hex `json:"plain,omitempty"`
	Hex     vector.Hex `json:"hex"`
	Refused bool       `json:"refused,omitempty"`
}

// streamSteps are extended sequence numbers of one stream: over two wraps, with late ones.
var streamSteps = []struct {
	name  string
	index uint64
}{
	{"first", 30000},
	{"next", 30001},
	{"a gap", 46000},
	{"another", 62000},
	{"before the wrap", 65533},
	{"last before the wrap", 65535},
	{"first after the wrap", 65536},
	{"late, from before the wrap", 65534},
	{"ROC 1", 65537},
	{"ROC 1, later", 81900},
	{"ROC 1, 16000 later", 97900},
	{"ROC 1, 32000 later", 113900},
	{"ROC 1, 48000 later", 129900},
	{"first after the second wrap", 131072},
	{"ROC 2", 131073},
}

// srtpGroup makes the cases of one profile and direction.
func srtpGroup(tb testing.TB, profile, sender string) []srtpCase {
	tb.Helper()
	p := profileNames[profile]
	client, server := splitKeys(exported(tb, p), 16, true)
	master, ssrc := client, uint32(1)
	if sender == "server" {
		master, ssrc = server, 2
	}
	base := srtpCase{Group: profile + " " + sender, Profile: profile, Sender: sender, Key: master.key, Salt: master.salt}
	rtp, rtcp := deriveAll(tb, p, master, 0), deriveAll(tb, p, master, 3)
	var cases []srtpCase
	for _, step := range streamSteps {
		c := base
		c.Name, c.Kind, c.ROC, c.Plain = step.name, "srtp", uint32(step.index>>16), rtpPacket(65536+ssrc, step.index)
		c.Hex = rtp.rtp(tb, c.Plain, c.ROC)
		cases = append(cases, c)
	}
	message := base
	message.Name, message.Kind = "a message packet", "srtp"
	message.Plain = append([]byte{0x80, 100, 0, 7, 0, 0, 0, 9, 0, 0, 0, byte(ssrc)}, bytesOf(tb, "000000050568656c6c6f")...)
	message.Hex = rtp.rtp(tb, message.Plain, 0)
	forged := base
	forged.Name, forged.Kind, forged.Refused, forged.Hex = "a bit of the tag", "srtp", true, bytes.Clone(cases[1].Hex)
	forged.Hex[3] += 9 // a sequence number that did not come
	cases = append(cases, message, forged)
	for i, plain := range [][]byte{report(ssrc), bytesOf(tb, "81cd0003000000010001000000070005"), bytesOf(tb, "81cb000300000001046c656674000000")} {
		c := base
		plain[7] = byte(ssrc)
		c.Name, c.Kind, c.Index, c.Plain = []string{"report", "NACK", "BYE"}[i], "srtcp", uint32(i+1), plain
		c.Hex = rtcp.rtcp(tb, plain, c.Index)
		cases = append(cases, c)
	}
	far, bare := base, base
	far.Name, far.Kind, far.Index, far.Plain = "a high index", "srtcp", 0x12345, report(ssrc)
	far.Hex = rtcp.rtcp(tb, far.Plain, far.Index)
	bare.Name, bare.Kind, bare.Refused = "E not set", "srtcp", true
	bare.Hex = rtcp.rtcp(tb, report(ssrc), 0x12346)
	at := len(bare.Hex) - 4
	if p == cm {
		at -= 10
	}
	bare.Hex[at] &= 0x7f
	return append(cases, far, bare)
}

func TestVectorsSRTP(t *testing.T) {
	var cases []srtpCase
	for _, profile := range []string{"AEAD_AES_128_GCM", "AES128_CM_HMAC_SHA1_80"} {
		for _, sender := range []string{"client", "server"} {
			cases = append(cases, srtpGroup(t, profile, sender)...)
		}
	}
	txs, rxs := map[string]*Tx{}, map[string]*Rx{}
	for _, c := range vector.Check(t, vectorPath+"srtp.json", vector.File[srtpCase]{
		About: "protected packets; those of a group are opened in this order under one context", Cases: cases,
	}) {
		if txs[c.Group] == nil {
			tx, txErr := newTx(profileNames[c.Profile], masterKey{c.Key, c.Salt})
			rx, rxErr := newRx(profileNames[c.Profile], masterKey{c.Key, c.Salt})
			if err := errors.Join(txErr, rxErr); err != nil {
				t.Fatal(err)
			}
			for _, ssrc := range []uint32{1, 2, 65537, 65538} {
				rx.Allow(ssrc)
			}
			txs[c.Group], rxs[c.Group] = tx, rx
		}
		t.Run(c.Group+" "+c.Name, func(t *testing.T) {
			checkSRTP(t, c, txs[c.Group], rxs[c.Group])
		})
	}
}

// checkSRTP makes and opens one datagram.
func checkSRTP(t *testing.T, c srtpCase, tx *Tx, rx *Rx) {
	t.Helper()
	var opened, sealed []byte
	var err, sealErr error
	switch c.Kind {
	case "srtp":
		opened, err = rx.OpenRTP(nil, c.Hex)
		if !c.Refused {
			sealed, sealErr = tx.SealRTP(nil, c.Plain, uint64(c.ROC)<<16|uint64(c.Plain[2])<<8|uint64(c.Plain[3]))
		}
	case "srtcp":
		opened, err = rx.OpenRTCP(nil, c.Hex)
		if !c.Refused && c.Index < 0x1000 { // Tx counts from 1
			sealed, sealErr = tx.SealRTCP(nil, c.Plain)
		}
	default:
		t.Fatalf("unknown kind %q", c.Kind)
	}
	if (err != nil) != c.Refused || err == nil && !bytes.Equal(opened, c.Plain) {
		t.Errorf("opened %x, %v", opened, err)
	}
	if sealErr != nil || sealed != nil && !bytes.Equal(sealed, c.Hex) {
		t.Errorf("sealed %x, %v", sealed, sealErr)
	}
}

type fingerprintCase struct {
	Name        string     `json:"name"`
	SPKI        vector.Hex `json:"spki"`
	Hex         vector.Hex `json:"hex"`
	Fingerprint string     `json:"fingerprint"`
}

// The hash and its base64 are those of `openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256`.
func TestVectorsFingerprint(t *testing.T) {
	text, err := os.ReadFile(vectorPath + "certificate.pem")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	got, err := fingerprintOf([][]byte{block.Bytes})
	if err != nil {
		t.Fatal(err)
	}
	const want = "71be19550e83f3033cabe42c6ebc0a071a5229f4ef6e83c16b96a1078f13df7e"
	if hex.EncodeToString(got[:]) != want {
		t.Errorf("%x, want %s", got, want)
	}
	for _, c := range vector.Check(t, vectorPath+"fingerprint.json", vector.File[fingerprintCase]{
		About: "hex is the SHA-256 of spki, which is the SubjectPublicKeyInfo of certificate.pem",
		Cases: []fingerprintCase{{"certificate.pem", certificate.RawSubjectPublicKeyInfo, got[:], "SHA256:cb4ZVQ6D8wM8q+QsbrwKBxpSKfTvboPBa5ahB48T334"}},
	}) {
		if parsed, err := ParseFingerprint(c.Fingerprint); err != nil || !bytes.Equal(parsed[:], c.Hex) || parsed.String() != c.Fingerprint {
			t.Errorf("%s is read as %s, %v", c.Fingerprint, parsed, err)
		}
	}
}
