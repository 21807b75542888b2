package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestErrorsSayWhatHelps(t *testing.T) {
	missing := &fs.PathError{Op: "open", Path: packagedConfig, Err: syscall.ENOENT}
	elsewhere := &fs.PathError{Op: "open", Path: "mine.toml", Err: syscall.ENOENT}
	denied := &fs.PathError{Op: "open", Path: "authorized_keys", Err: syscall.EACCES}
	secret := &fs.PathError{Op: "open", Path: "access.json", Err: syscall.EACCES}
	readable := "must be able to read it"
	if os.Geteuid() == 0 {
		readable = "" // root is not told that it is another
	}
	for name, c := range map[string]struct {
		err, got error
		says     string // besides the error
	}{
		"the packaged file is gone": {missing, explainConfig(packagedConfig, missing), "--force-confmiss"},
		"another file is gone":      {elsewhere, explainConfig("mine.toml", elsewhere), ""},
		"no permission":             {denied, explainStart("authorized_keys", fmt.Errorf("start: %w", denied)), readable},
		"no permission for another": {secret, explainStart("authorized_keys", secret), ""},
		"no IPv6":                   {syscall.EAFNOSUPPORT, explainStart("", syscall.EAFNOSUPPORT), "0.0.0.0:9635"},
	} {
		if !errors.Is(c.got, c.err) || !strings.Contains(c.got.Error(), c.says) || c.says == "" && strings.Contains(c.got.Error(), "root") {
			t.Errorf("%s: %v", name, c.got)
		}
	}
}

func TestAListenThatIsNotUsedIsTold(t *testing.T) {
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	port := socket.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	for name, c := range map[string]struct {
		listen netip.AddrPort
		told   bool
	}{
		"the same":         {netip.AddrPortFrom(netip.IPv4Unspecified(), port), false},
		"all addresses":    {netip.AddrPortFrom(netip.IPv6Unspecified(), port), false},
		"nothing is set":   {usualSettings().Listen, false},
		"another port":     {netip.AddrPortFrom(netip.IPv4Unspecified(), port^1), true},
		"a single address": {netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), port), true},
	} {
		var log bytes.Buffer
		s := &settings{}
		s.Listen, s.Socket, s.Logger = c.listen, socket, slog.New(slog.NewTextHandler(&log, nil))
		tellUnused(s)
		if told := strings.Contains(log.String(), c.listen.String()); told != c.told {
			t.Errorf("%s: the log says %q", name, &log)
		}
	}
}
