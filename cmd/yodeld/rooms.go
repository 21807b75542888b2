package main

import (
	"fmt"
	"maps"
	"strings"

	"yodel/daemon"
	"yodel/daemon/access"
	"yodel/wire"
)

// roomSettings is what is said of rooms that are always there, by name. It is not changed.
type roomSettings map[string]roomSetting

// roomSetting is what is said of one room; what is not is as for other rooms.
type roomSetting struct {
	texts      map[string]string // delay, keep, keep-age, keep-bytes, all of which were checked
	join, talk []access.Who      // nil: not said
}

// The settings of a room that are texts, as in --room, and what is expected of them. In the file they are written with _.
var expectedOfRoom = map[string]string{
	"delay":      expectedTime,
	"keep":       "a number of messages like 10000, or 0",
	"keep-age":   "a time like 30d or 12h, or 0",
	"keep-bytes": expectedSize,
}

// expectedWho is what a room's join and talk are.
const expectedWho = `a list like ["*"], ["crew", "SHA256:…"] or []`

// checkRoomText tells what is wrong with a setting of a room.
func checkRoomText(name, setting, text string) error {
	r := roomSetting{texts: map[string]string{setting: text}}
	probe := usualSettings()
	switch setting {
	case "delay":
		if err := takeTime(&probe.Delay, text); err != nil {
			return err
		}
	case "keep":
		if err := takeCount(&probe.Keep.Entries, text, 0); err != nil {
			return fmt.Errorf("not a number of messages: %w", err)
		}
	case "keep-age":
		if err := takeTime(&probe.Keep.Age, text); err != nil {
			return err
		}
	case "keep-bytes":
		if err := takeSize(&probe.Keep.Bytes, text); err != nil {
			return err
		}
	}
	probe.Rooms = map[string]daemon.RoomConfig{name: r.config(&probe.Config)}
	return plain(probe.Check())
}

// with are these settings, and what NAME=DELAY[,SETTING=VALUE...] says of some rooms over them. Label is how an error about a text begins.
func (rs roomSettings) with(label string, texts []string) (roomSettings, error) {
	if len(texts) == 0 {
		return rs, nil
	}
	said := make(roomSettings, len(texts))
	for _, text := range texts {
		name, r, err := parseRoom(label, text)
		if err != nil {
			return nil, err
		}
		if _, twice := said[name]; twice {
			return nil, usage("", "%s%s: the room is there twice", label, text)
		}
		said[name] = r
	}
	all := maps.Clone(rs)
	if all == nil {
		all = make(roomSettings)
	}
	for name, r := range said {
		all[name] = all[name].with(r)
	}
	return all, nil
}

// with is what is said of a room, and something more that wins.
func (r roomSetting) with(more roomSetting) roomSetting {
	texts := maps.Clone(r.texts)
	if texts == nil {
		texts = make(map[string]string)
	}
	maps.Copy(texts, more.texts)
	r.texts = texts
	if more.join != nil {
		r.join = more.join
	}
	if more.talk != nil {
		r.talk = more.talk
	}
	return r
}

// parseRoom reads NAME=DELAY[,SETTING=VALUE...].
func parseRoom(label, text string) (name string, r roomSetting, err error) {
	name, rest, ok := strings.Cut(text, "=")
	if !ok {
		return "", r, usage("a room is like studio=2s", "%s%s: no delay", label, text)
	}
	if err := wire.CheckRoom(name); err != nil {
		return "", r, usage("a room is like studio=2s", "%s%s: %v", label, text, err)
	}
	r.texts = make(map[string]string)
	for i, s := range strings.Split("delay="+rest, ",") {
		setting, value, _ := strings.Cut(s, "=")
		expected, known := expectedOfRoom[setting]
		if _, twice := r.texts[setting]; !known || twice || i > 0 && setting == "delay" {
			return "", r, usage("a room is like studio=2s,keep=10000,keep-age=30d,keep-bytes=64M", "%s%s: unknown setting %q, or it is there twice", label, text, setting)
		}
		if err := checkRoomText(name, setting, value); err != nil {
			return "", r, usage("expected: "+expected, "%s%s: %s %s: %v", label, text, setting, value, err)
		}
		r.texts[setting] = value
	}
	return name, r, nil
}

// configs is what the daemon is told of the rooms.
func (rs roomSettings) configs(all *daemon.Config) map[string]daemon.RoomConfig {
	out := make(map[string]daemon.RoomConfig, len(rs))
	for name, r := range rs {
		out[name] = r.config(all)
	}
	return out
}

// config is what the daemon is told of one of them. What was not said is as for all rooms.
func (r *roomSetting) config(all *daemon.Config) daemon.RoomConfig {
	out := daemon.RoomConfig{Delay: all.Delay, Join: r.join, Talk: r.talk}
	own := all.Keep
	for setting, text := range r.texts {
		if setting == "delay" {
			out.Delay, _ = parseTime(text) // it was checked
			continue
		}
		_ = keepSetting(&own, setting, text) // so was that
		out.Keep = &own
	}
	return out
}
