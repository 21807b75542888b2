package secure

import (
	"bytes"
	"encoding/hex"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestOpenSSLAgreesOnKeys lets `openssl s_client`, of other authors, handshake with us over UDP, and compares the keys that it
// exports with ours.
func TestOpenSSLAgreesOnKeys(t *testing.T) {
	program, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatalf("%v: make deps installs it", err)
	}
	for name, test := range map[string]struct {
		offered string
		length  string // of the exported keys
	}{
		"GCM": {"SRTP_AEAD_AES_128_GCM", "56"},
		"CM":  {"SRTP_AES128_CM_SHA1_80", "60"},
	} {
		t.Run(name, func(t *testing.T) {
			key, certificate := pemFiles(t, mustIdentity(t))
			socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = socket.Close() }()
			command := exec.Command(program, "s_client", "-dtls1_2", "-connect", socket.LocalAddr().String(),
				"-use_srtp", test.offered, "-cert", certificate, "-key", key,
				"-keymatexport", exporterLabel, "-keymatexportlen", test.length)
			input, err := command.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			var output bytes.Buffer
			command.Stdout, command.Stderr = &output, &output
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			secrets := serveOne(t, socket)
			// It prints the keys, reads Q and leaves; Free would stop the repetition of a lost last flight.
			_, _ = input.Write([]byte("Q\n"))
			_ = command.Wait() // its code tells of the unknown certificate
			secrets.Free()
			checkExported(t, secrets, output.String())
		})
	}
}

// serveOne handshakes with whoever sends to the socket first.
func serveOne(t *testing.T, socket *net.UDPConn) *Secrets {
	t.Helper()
	if err := socket.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 2000)
	n, client, err := socket.ReadFromUDPAddrPort(buffer)
	if err != nil {
		t.Fatal(err)
	}
	conn := NewMemConn(func(datagram []byte) { _, _ = socket.WriteToUDPAddrPort(datagram, client) })
	_ = conn.Feed(buffer[:n])
	done := start(conn, Config{Identity: mustIdentity(t), Verify: anyone})
	go func() { // until the socket is closed
		buffer := make([]byte, 2000)
		for {
			n, _, err := socket.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			_ = conn.Feed(buffer[:n])
		}
	}()
	got := <-done
	if got.err != nil {
		t.Fatal(got.err)
	}
	return got.secrets
}

func pemFiles(t *testing.T, id *Identity) (key, certificate string) {
	t.Helper()
	dir := t.TempDir()
	key, certificate = filepath.Join(dir, "key.pem"), filepath.Join(dir, "certificate.pem")
	if err := id.store(key); err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: id.certificate.Certificate[0]})
	if err := os.WriteFile(certificate, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return key, certificate
}

func checkExported(t *testing.T, s *Secrets, output string) {
	t.Helper()
	found := regexp.MustCompile(`Keying material: ([0-9A-F]+)`).FindStringSubmatch(output)
	if found == nil {
		t.Fatalf("openssl exported nothing:\n%s", output)
	}
	// RFC 5764, 4.2; we are the server, so the client's half is the remote one.
	ours := bytes.Join([][]byte{s.remote.key, s.local.key, s.remote.salt, s.local.salt}, nil)
	if theirs := strings.ToLower(found[1]); theirs != hex.EncodeToString(ours) {
		t.Errorf("openssl has %s, we have %x", theirs, ours)
	}
	if !strings.Contains(output, "Extended master secret: yes") {
		t.Errorf("no extended master secret:\n%s", output)
	}
}
