package secure

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// remoteEnd is a Responder on a socket, and `openssl s_client` at the other end of a network that loses and delays as it is told.
type remoteEnd struct {
	socket *net.UDPConn
	client netip.AddrPort
	server *Responder
	lose   func(up bool, n int) bool // the n-th datagram of the client's or of the daemon's, from 1
	up     int
	down   int
	output bytes.Buffer // of openssl
}

// run starts openssl with further arguments and serves it until it has ended, or the handshake has failed.
func (f *remoteEnd) run(t *testing.T, arguments ...string) error {
	t.Helper()
	program, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatalf("%v: make deps installs it", err)
	}
	if f.socket, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		t.Fatal(err)
	}
	if f.server, err = NewResponder(Config{Identity: mustIdentity(t), Verify: anyone}, time.Now(), f.send); err != nil {
		t.Fatal(err)
	}
	arguments = append([]string{"s_client", "-connect", f.socket.LocalAddr().String(), "-keymatexport", exporterLabel, "-keymatexportlen", "56"}, arguments...)
	command := exec.CommandContext(t.Context(), program, arguments...)
	command.Stdin = strings.NewReader("Q\n") // is read after the handshake
	command.Stdout, command.Stderr = &f.output, &f.output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = command.Wait() // its code tells of the unknown certificate
		_ = f.socket.Close()
		close(ended)
	}()
	err = f.serve()
	if err != nil {
		_ = command.Process.Kill() // it would ask for a minute
	}
	<-ended
	return err
}

// serve feeds the Responder until the socket is closed, or it fails.
func (f *remoteEnd) serve() error {
	buffer := make([]byte, 2000)
	for {
		_ = f.socket.SetReadDeadline(f.server.Deadline()) // a closed socket tells so when it is read
		n, from, err := f.socket.ReadFromUDPAddrPort(buffer)
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			err = f.server.Advance(time.Now())
		case err == nil:
			f.client = from
			if f.up++; f.lose == nil || !f.lose(true, f.up) {
				err = f.server.Feed(time.Now(), buffer[:n])
			}
		}
		if err != nil && !errors.Is(err, ErrNotDTLS) { // it says good-bye with an alert
			return err
		}
	}
}

func (f *remoteEnd) send(datagram []byte) {
	if f.down++; f.lose == nil || !f.lose(false, f.down) {
		_, _ = f.socket.WriteToUDPAddrPort(datagram, f.client)
	}
}

// tried tries a handshake several times: openssl is stopped, and the handshake over, when a busy machine does not run it in time.
func tried(t *testing.T, try func() (*remoteEnd, error)) (f *remoteEnd) {
	t.Helper()
	const tries = 4
	var err error
	for n := range tries {
		if f, err = try(); err == nil {
			return f
		}
		t.Logf("try %d: %v", n+1, err)
	}
	t.Fatalf("%v\n%s", err, f.output.String())
	return nil
}

func TestOpenSSLUnderLoss(t *testing.T) {
	for name, test := range map[string]struct {
		lose      func(up bool, n int) bool
		arguments []string
	}{
		"ClientHello":          {func(up bool, n int) bool { return up && n == 1 }, nil},
		"the daemon's first":   {func(up bool, n int) bool { return !up && n == 1 }, nil},
		"the client's second":  {func(up bool, n int) bool { return up && n == 2 }, nil},
		"the daemon's last":    {func(up bool, n int) bool { return !up && n == 2 }, nil},
		"every other":          {func(up bool, n int) bool { return up && n%2 == 1 || !up && n%2 == 1 }, nil},
		"nothing, in bits":     {nil, []string{"-mtu", "256"}},
		"every fifth, in bits": {func(up bool, n int) bool { return up && n%5 == 0 || !up && n == 2 }, []string{"-mtu", "256"}},
		"nothing, with X25519": {nil, []string{"-groups", "X25519:P-256", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key, certificate := pemFiles(t, mustIdentity(t))
			arguments := slices.Concat(test.arguments, []string{"-dtls1_2", "-use_srtp", "SRTP_AEAD_AES_128_GCM", "-cert", certificate, "-key", key})
			f := tried(t, func() (*remoteEnd, error) {
				f := &remoteEnd{lose: test.lose}
				begin := time.Now()
				if err := f.run(t, arguments...); err != nil {
					return f, err
				}
				t.Logf("%d and %d datagrams in %s", f.up, f.down, time.Since(begin))
				if f.server.Secrets() == nil {
					return f, errors.New("no keys")
				}
				return f, nil
			})
			checkExported(t, f.server.Secrets(), f.output.String())
		})
	}
}

// keyFiles writes a key of any kind and a certificate of it for openssl.
func keyFiles(t *testing.T, key, public any) []string {
	t.Helper()
	dir := t.TempDir()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string]*pem.Block{
		"-key":  {Type: "PRIVATE KEY", Bytes: der},
		"-cert": {Type: "CERTIFICATE", Bytes: selfSigned(t, key, public).Certificate[0]},
	}
	var arguments []string
	for option, block := range blocks {
		path := filepath.Join(dir, option)
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		arguments = append(arguments, option, path)
	}
	return arguments
}

// What the daemon does not speak ends a handshake when it is said, and not after a while.
func TestOpenSSLIsRefused(t *testing.T) {
	key, certificate := pemFiles(t, mustIdentity(t))
	ours := []string{"-cert", certificate, "-key", key}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	srtp, v12 := []string{"-use_srtp", "SRTP_AEAD_AES_128_GCM"}, []string{"-dtls1_2"}
	for name, test := range map[string]struct {
		arguments [][]string
		want      string // in the error
	}{
		"no certificate":  {[][]string{v12, srtp}, "none was shown"},
		"an RSA key":      {[][]string{v12, srtp, keyFiles(t, rsaKey, rsaKey.Public())}, ErrCertificate.Error()},
		"a P-384 key":     {[][]string{v12, srtp, keyFiles(t, p384, p384.Public())}, ErrCertificate.Error()},
		"no use_srtp":     {[][]string{v12, ours}, "use_srtp is missing"},
		"another profile": {[][]string{v12, ours, {"-use_srtp", "SRTP_AES128_CM_SHA1_32"}}, "extension 14"},
		"other suites":    {[][]string{v12, srtp, ours, {"-cipher", "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"}}, "no cipher suite in common"},
		"other curves":    {[][]string{v12, srtp, ours, {"-groups", "P-384"}}, "extension 10"},
		"RSA signatures":  {[][]string{v12, srtp, ours, {"-sigalgs", "RSA+SHA256"}}, "extension 13"},
		"DTLS 1.0":        {[][]string{{"-dtls1", "-cipher", "ALL:@SECLEVEL=0"}, srtp, ours}, "version 0xfeff"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var arguments []string
			for _, a := range test.arguments {
				arguments = append(arguments, a...)
			}
			tried(t, func() (*remoteEnd, error) {
				f := &remoteEnd{}
				err := f.run(t, arguments...)
				if !errors.Is(err, ErrHandshake) || !strings.Contains(err.Error(), test.want) || f.server.Secrets() != nil {
					return f, fmt.Errorf("%w, want %q", err, test.want)
				}
				if f.down > 1 || f.server.held() > maxHeld { // it repeats what is not answered
					return f, fmt.Errorf("%d datagrams were sent, %d bytes are held", f.down, f.server.held())
				}
				return f, nil
			})
		})
	}
}
