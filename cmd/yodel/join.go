package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"yodel/peer"
	"yodel/wire"
	"yodel/wire/secure"
)

// maxInvite is the most bytes that are read for an invite; the longest has some 400.
const maxInvite = 4 << 10

func (sh *shell) joinCommand() *cli.Command {
	return sh.command(&cli.Command{
		Name:      "join",
		Usage:     "take an invite: from then on its daemon and room are the defaults",
		ArgsUsage: "LINK|-",
		Description: "LINK is what yodeld invite has printed, yodel://HOST[:PORT]/ROOM/KEY; with - it is the first line of standard input, because the\n" +
			"arguments of a program are seen by all users of the machine. The daemon must have the key that LINK names, which goes into\n" +
			"known_hosts; it takes this identity in; and HOST and ROOM go into " + configName + ", so that yodel send and the others need no flags.\n" +
			"--server and --room hold in place of what LINK says. When anything fails " + configName + " stays as it was. Joining again is no fault.",
	}, joinAction)
}

func joinAction(ctx context.Context, sh *shell, c *cli.Context) error {
	link, err := sh.inviteOf(ctx, c.Args().Slice())
	if err != nil {
		return err
	}
	if !c.IsSet("server") {
		sh.server = serverOf(link)
	}
	if !c.IsSet("room") {
		sh.room = link.Room
	}
	return sh.enrol(ctx, link)
}

// inviteOf reads the one argument of join, or for "-" the line on standard input. Its errors do not tell the token.
func (sh *shell) inviteOf(ctx context.Context, args []string) (wire.Invite, error) {
	if len(args) != 1 {
		return wire.Invite{}, withHint(usagef("join takes one LINK, or - for standard input"), "who runs the daemon makes one: yodeld invite")
	}
	text := args[0]
	if text == "-" {
		line, err := firstLine(ctx, sh.stdin)
		if err != nil {
			return wire.Invite{}, err
		}
		text = line
	}
	return wire.ParseInvite(strings.TrimSpace(text))
}

// firstLine reads the first line that is not blank. The goroutine that waits for it is left behind when ctx has ended.
func firstLine(ctx context.Context, r io.Reader) (string, error) {
	type result struct {
		line string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		lines := bufio.NewScanner(io.LimitReader(r, maxInvite))
		for lines.Scan() {
			if text := bytes.TrimSpace(lines.Bytes()); len(text) > 0 {
				done <- result{line: string(text)}
				return
			}
		}
		done <- result{err: errors.Join(lines.Err(), usagef("there is no invite on standard input"))}
	}()
	select {
	case got := <-done:
		return got.line, got.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// serverOf gives the daemon of an invite as --server has it.
func serverOf(link wire.Invite) string {
	if link.Port == wire.DefaultPort {
		return link.Host
	}
	return net.JoinHostPort(link.Host, strconv.Itoa(int(link.Port)))
}

// enrol has the daemon of an invite take this identity in, and makes daemon and room the defaults.
func (sh *shell) enrol(ctx context.Context, link wire.Invite) error {
	config, err := sh.writableConfig()
	if err != nil {
		return err
	}
	client, err := sh.dial(ctx, dialing{invite: &link})
	if err != nil {
		return inviteError(err)
	}
	defer hangUp(client)
	if err := orCause(ctx, client.Welcomed(ctx)); err != nil {
		return inviteError(err)
	}
	if err := changeConfig(config, sh.defaults()); err != nil {
		return withHint(fmt.Errorf("the daemon has taken this key in, but the defaults cannot be written: %w", err),
			"--server %s --room %s do for now; yodel join with the same LINK tries again", sh.server, sh.room)
	}
	sh.tellEnrolled(enrolledObject{
		Type: "enrolled", Server: sh.server, Room: sh.room, Daemon: client.Daemon().String(),
		Fingerprint: client.Fingerprint().String(), Config: config,
	})
	return nil
}

// defaults are the settings that join writes.
func (sh *shell) defaults() map[string]string {
	return map[string]string{"server": sh.server, "room": sh.room}
}

// writableConfig gives the path of the file of defaults, and an error when it could not be changed, so that this shows before an invite is used.
func (sh *shell) writableConfig() (string, error) {
	dir := configDir()
	if dir == "" {
		return "", withHint(usagef("there is no HOME to keep the defaults in"), "HOME or XDG_CONFIG_HOME names a folder")
	}
	path := filepath.Join(dir, configName)
	switch err := tryConfig(path, sh.defaults()); {
	case errors.Is(err, errConfig):
		return "", err
	case err != nil:
		return "", withHint(fmt.Errorf("the defaults cannot be written, and the invite is not used: %w", err), "XDG_CONFIG_HOME names another folder for them")
	}
	return path, nil
}

// tellEnrolled tells what was done, and what may keep the new defaults from being used.
func (sh *shell) tellEnrolled(o enrolledObject) {
	sh.out.remark("joined " + o.Server + ", " + o.Daemon + "; this is " + o.Fingerprint)
	sh.out.remark(fmt.Sprintf("server = %q and room = %q are now the defaults, in %s", o.Server, o.Room, o.Config))
	for _, name := range []string{envServer, envRoom} {
		if value := os.Getenv(name); value != "" {
			sh.out.remark(fmt.Sprintf("yodel: hint: %s is set to %q, and holds in place of the default", name, value))
		}
	}
	if sh.identityFlag {
		sh.out.remark(fmt.Sprintf("yodel: hint: the daemon knows the key in %s only: give --identity to the other commands too, or write identity = … into %s",
			sh.identity, configName))
	}
	sh.out.result(o.Server+"  "+o.Room+"  "+o.Daemon, o)
}

// inviteError adds to an error what can be done about an invite that did not get one in.
func inviteError(err error) error {
	if errors.Is(err, secure.ErrHostKeyChanged) {
		return withHint(err, "the daemon has the key that the invite names, but known_hosts has another one for this address; if the daemon was set up anew, remove that "+
			"line and join again")
	}
	var refused *peer.RefusedError
	if errors.As(err, &refused) && refused.Code == wire.Code_CODE_ACCESS {
		return withHint(err, "who runs the daemon can make another invite: yodeld invite")
	}
	return err
}
