package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"yodel/daemon"
	"yodel/daemon/access"
	"yodel/daemon/roomlog"
	"yodel/wire"
)

// kind is what a setting may be in the configuration file.
type kind uint8

const (
	kindText  kind = iota
	kindPath       // a text; relative to the folder of the file
	kindCount      // a number
	kindSize       // of bytes, or a time: a text as in a flag, or a number
	kindBool
)

// setting is one of the things that can be set: by a flag, in the environment (env) and in the configuration file.
type setting struct {
	key      string // in the file, with its table: "keep.age"
	flag     string // without its hyphens
	kind     kind
	usual    string // what holds when nothing is said, as text
	usage    string // one line, with the flag's value in backquotes
	expected string // what its value is: "a time like 2s"
	take     func(s *settings, text string) error
}

// allSettings are in the order of the file. The rooms' are apart (roomSettings).
var allSettings = []setting{
	{
		"listen", "listen", kindText, "127.0.0.1:9635",
		"UDP `ADDRESS:PORT`; port 0 lets the system choose, 0.0.0.0 and [::] are all addresses",
		"an address like 127.0.0.1:9635, [::1]:9635 or :9635",
		func(s *settings, text string) (err error) {
			s.Listen, err = localAddress(text, netip.IPv6Unspecified())
			return err
		},
	},
	{
		"public_address", "public-address", kindText, "",
		"where peers elsewhere find this daemon, `HOST[:PORT]`, for invites",
		"a host, and a port if it is another than 9635: yodel.example.org, 192.0.2.1:7000 or [2001:db8::1]",
		takePublicAddress,
	},
	{
		"access", "access", kindText, "",
		"who may come in: `open` (everyone), known (keys that were let in) or invite (and who has an invite); unset: open on loopback, else invite",
		"open, known or invite", takeAccess,
	},
	{
		keysSetting, "authorized-keys", kindPath, "authorized_keys",
		"`FILE` of keys that may come in, which is read again when it changes; without --config there is none unless it is given",
		"the path of a file", func(s *settings, text string) error { s.AuthorizedKeys = text; return nil },
	},
	{
		"state", "state", kindPath, "", stateUsage,
		"the path of a folder", func(s *settings, text string) error { s.State = text; return nil },
	},
	{
		"control", "control", kindPath, "",
		"`PATH` of the control socket (default $RUNTIME_DIRECTORY/control.sock, else control.sock in the state folder)",
		"a path", func(s *settings, text string) error { s.Control = text; return nil },
	},
	{
		"delay", "delay", kindSize, daemon.DefaultDelay.String(), "echo `DELAY` of rooms without one of their own; 0 is a live room",
		expectedTime, func(s *settings, text string) error { return takeTime(&s.Delay, text) },
	},
	{
		"gather", "gather", kindSize, daemon.DefaultGather.String(),
		"in a live room where several talk gather their packets for up to `TIME`; 0 sends each at once",
		"a time like 5ms, or 0", func(s *settings, text string) error { return takeTime(&s.Gather, text) },
	},
	{
		"grid", "grid", kindSize, daemon.DefaultGrid.String(),
		"play rooms with a delay out every `TIME`, so that packets leave up to half of it early or late; 0: each at its own time",
		"a time like 20ms, or 0", func(s *settings, text string) error { return takeTime(&s.Grid, text) },
	},
	{
		"presence_address", "presence-address", kindText, string(daemon.AddressPrivate),
		"show members' addresses to others: `private|always|never`", "private, always or never",
		func(s *settings, text string) error { s.ShowAddress = daemon.AddressRule(text); return nil },
	},
	{
		"keep.messages", "keep", kindCount, strconv.Itoa(roomlog.DefaultKeep.Entries), "keep the last `N` messages of a room; 0: any number",
		"a number of messages like 10000, or 0", func(s *settings, text string) error { return takeCount(&s.Keep.Entries, text, 0) },
	},
	{
		"keep.age", "keep-age", kindSize, "0", "keep messages for `TIME` (30d, 12h); 0: for ever",
		"a time like 30d or 12h, or 0", func(s *settings, text string) error { return takeTime(&s.Keep.Age, text) },
	},
	{
		"keep.bytes", "keep-bytes", kindSize, sizeText(roomlog.DefaultKeep.Bytes), "keep the last messages of a room, `SIZE` in all (K, M, G); 0: any size",
		expectedSize, func(s *settings, text string) error { return takeSize(&s.Keep.Bytes, text) },
	},
	{
		"keep.total", "keep-total", kindSize, sizeText(roomlog.DefaultTotal), "keep the last messages of all rooms, `SIZE` in all; 0: any size",
		expectedSize, func(s *settings, text string) error { return takeSize(&s.KeepTotal, text) },
	},
	{
		"limits.sessions", "max-sessions", kindCount, strconv.Itoa(daemon.DefaultLimits.Sessions),
		"let `N` sessions be there at once; more are refused",
		expectedCount, func(s *settings, text string) error { return takeCount(&s.Limits.Sessions, text, 1) },
	},
	{
		"limits.rooms", "max-rooms", kindCount, strconv.Itoa(daemon.DefaultLimits.Rooms),
		"let there be `N` rooms, with those that have messages; one key may make half of them",
		expectedCount, func(s *settings, text string) error { return takeCount(&s.Limits.Rooms, text, 1) },
	},
	{
		"limits.members", "max-members", kindCount, strconv.Itoa(daemon.DefaultLimits.Members), "let `N` sessions be in one room",
		expectedCount, func(s *settings, text string) error { return takeCount(&s.Limits.Members, text, 1) },
	},
	{
		"limits.publish_rate", "publish-rate", kindSize, sizeText(daemon.DefaultLimits.PublishRate),
		"take messages of one session at `SIZE` a second (K, M, G); who sends faster is slowed; 0: at any rate",
		expectedSize, func(s *settings, text string) error { return takeSize(&s.Limits.PublishRate, text) },
	},
	{
		"limits.echo_bytes", "echo-bytes", kindSize, sizeText(daemon.DefaultLimits.EchoBytes),
		"keep voices of all rooms that are not played yet, `SIZE` in all",
		"a size like 512M", func(s *settings, text string) error { return takeSize(&s.Limits.EchoBytes, text) },
	},
	{
		"log.level", "log-level", kindText, "info", "log `info|debug`",
		"info or debug", takeLevel,
	},
	{
		"log.messages", "log-messages", kindBool, "false", "put the text of messages into the log",
		"true or false", takeLogMessages,
	},
	{
		"http.listen", "http", kindText, "",
		"serve metrics and health by HTTP on `HOST:PORT`; without HOST on 127.0.0.1; unset: not at all",
		"an address like 127.0.0.1:9636", takeHTTP,
	},
}

// keysSetting is the setting of the operator's file of keys.
const keysSetting = "authorized_keys"

const (
	expectedTime  = "a time like 2s or 500ms, or 0"
	expectedSize  = "a size like 512M or 2G, or 0"
	expectedCount = "a number like 1000"
)

// check tells what is wrong with a value, whatever else is set.
func (s *setting) check(text string) error {
	if s.kind == kindPath && strings.ContainsRune(text, 0) {
		return errors.New("no path has a zero byte")
	}
	probe := usualSettings()
	if err := s.take(probe, text); err != nil {
		return err
	}
	return plain(probe.Check())
}

// usualSettings are those that hold when nothing is said. What a path is relative to is not known here, so that of authorized_keys is left out.
func usualSettings() *settings {
	s := new(settings)
	for i := range allSettings {
		_ = allSettings[i].take(s, allSettings[i].usual) // a test holds that they can be taken
	}
	s.AuthorizedKeys = ""
	return s
}

// plain is an error of the daemon's about its configuration, without saying so.
func plain(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(strings.Replace(err.Error(), daemon.ErrConfig.Error()+": ", "", 1))
}

func takeAccess(s *settings, text string) (err error) {
	if s.Access = ""; text != "" {
		s.Access, err = access.ParseMode(text)
	}
	return err
}

func takePublicAddress(s *settings, text string) error {
	s.PublicAddress = text
	if text == "" {
		return nil
	}
	host := strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	if strings.Contains(text, ":") && !strings.HasSuffix(text, "]") {
		var port string
		var err error
		if host, port, err = net.SplitHostPort(text); err != nil {
			return err
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("%q is no port", port)
		}
	}
	if strings.HasPrefix(text, "[") != strings.Contains(host, ":") {
		return errors.New("brackets are for IPv6 addresses, and for them only")
	}
	if wire.CheckHost(host) != nil {
		return fmt.Errorf("%q is no host", host)
	}
	return nil
}

func takeHTTP(s *settings, text string) (err error) {
	if s.HTTP = text; text != "" {
		_, err = httpAddress(text)
	}
	return err
}

func takeLevel(s *settings, text string) error {
	switch text {
	case "info":
		s.Level = slog.LevelInfo
	case "debug":
		s.Level = slog.LevelDebug
	default:
		return errors.New("unknown level")
	}
	return nil
}

func takeLogMessages(s *settings, text string) (err error) {
	if s.LogMessages, err = strconv.ParseBool(text); err != nil {
		return errors.New("neither true nor false")
	}
	return nil
}

func takeTime(to *time.Duration, text string) (err error) {
	*to, err = parseTime(text)
	return err
}

func takeSize(to *int64, text string) (err error) {
	*to, err = parseSize(text)
	return err
}

func takeCount(to *int, text string, least int) error {
	n, err := strconv.Atoi(text)
	if err != nil {
		return errors.New("not a number")
	}
	if n < least {
		return fmt.Errorf("it must be %d or more", least)
	}
	*to = n
	return nil
}

// localAddress reads an address to listen on; without a host it is the usual one. Nobody is asked for names, so that to check a setting and to take it give
// the same, and at once.
func localAddress(text string, usual netip.Addr) (at netip.AddrPort, err error) {
	host, digits, err := net.SplitHostPort(text)
	if err != nil {
		return at, err
	}
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return at, fmt.Errorf("address %s: invalid port", digits)
	}
	ip := usual
	switch host {
	case "":
	case "localhost":
		ip = loopback
	default:
		if ip, err = netip.ParseAddr(host); err != nil {
			return at, fmt.Errorf("%q is neither an IP address nor localhost", host)
		}
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(port)), nil
}

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// sizeText is a size as parseSize reads it.
func sizeText(n int64) string {
	units := []string{"", "K", "M", "G", "T"}
	for len(units) > 1 && n != 0 && n%1024 == 0 {
		n, units = n/1024, units[1:]
	}
	return strconv.FormatInt(n, 10) + units[0]
}
