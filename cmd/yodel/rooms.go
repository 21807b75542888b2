package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"yodel/peer"
	"yodel/wire"
)

func (sh *shell) roomsCommand() *cli.Command {
	return sh.command(&cli.Command{
		Name:        "rooms",
		Usage:       "list the daemon's rooms",
		Description: "One line a room: name, echo delay, members. With --json one object each.",
	}, roomsAction)
}

func roomsAction(ctx context.Context, sh *shell, _ *cli.Context) error {
	client, err := sh.dial(ctx, dialing{})
	if err != nil {
		return err
	}
	defer hangUp(client)
	var rooms []peer.RoomInfo
	err = sh.ask(ctx, func(ctx context.Context) (err error) {
		rooms, err = client.Rooms(ctx)
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range rooms {
		sh.out.result(roomLine(r), roomObject{
			Type: "room", Room: r.Room, Delay: r.Delay.Seconds(), Members: r.Members, Talkers: r.Talkers, Newest: r.Newest,
		})
	}
	if len(rooms) == 0 {
		sh.out.remark("there is no room yet: the first who joins one makes it")
	}
	return nil
}

func roomLine(r peer.RoomInfo) string {
	delay := "delay " + exact(r.Delay)
	if r.Delay == 0 {
		delay = "live"
	}
	name := r.Room
	if wire.CheckRoom(name) != nil { // no daemon should have it
		name = quoted(name)
	}
	text := fmt.Sprintf("%s  %s  %d here", name, delay, r.Members)
	if r.Talkers > 0 {
		text += fmt.Sprintf(", %d talking", r.Talkers)
	}
	return text
}
