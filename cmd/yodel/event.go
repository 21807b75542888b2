package main

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"yodel/peer"
	"yodel/wire"
)

// plainText is the media type of a line of text.
const plainText = "text/plain"

// reasonLeft is the daemon's word for one who just left; it needs no telling.
const reasonLeft = "left"

// maxNamed bounds how many members the joined line names.
const maxNamed = 20

// messageLine is a message as it is printed, with its newline.
func (sh *shell) messageLine(m *peer.Message, now time.Time) []byte {
	media := cmp.Or(m.Media, plainText)
	text, isText := string(m.Body), strings.HasPrefix(media, "text/") && utf8.Valid(m.Body)
	if sh.json {
		o := messageObject{
			Type: "message", Room: m.Room, Pos: m.Pos, Log: hex.EncodeToString(m.LogID), From: m.From,
			Fingerprint: m.Fingerprint.String(), Media: media, At: stamp(m.At),
		}
		if isText {
			o.Text = &text
		} else {
			o.Data = m.Body
		}
		return jsonLine(o)
	}
	if !isText {
		text = fmt.Sprintf("[%s, %d bytes]", media, len(m.Body))
	}
	line := make([]byte, 0, len(time.DateTime)+len(m.From)+len(text)+len(" : \n"))
	line = appendClock(line, m.At, now)
	line = append(append(line, ' '), shownNick(m.From)...)
	line = append(append(line, ": "...), wire.Printable(text)...)
	if sh.out.outTerminal {
		return sh.out.fold(string(line))
	}
	return append(line, '\n')
}

// nickMarks are the characters that Yodel's own lines are made with.
const nickMarks = `:*"(),;`

// shownNick is a nick as it stands in a line for people: in quotes where it could pass for a part of the line ("bob: hi", "* bob left").
func shownNick(nick string) string {
	if nick == "" || strings.ContainsAny(nick, nickMarks) {
		return quoted(nick)
	}
	return wire.Printable(nick)
}

// quoted is a name of others in quotes.
func quoted(name string) string {
	return `"` + strings.ReplaceAll(wire.Printable(name), `"`, `\"`) + `"`
}

// tellEvent prints what happens around the messages.
func (sh *shell) tellEvent(ev peer.Event) {
	now := time.Now()
	switch ev := ev.(type) {
	case *peer.Presence:
		sh.tellPresence(ev, now)
	case *peer.Crowd:
		sh.tellCrowd(ev, now)
	case *peer.Talking:
		sh.tellTalking(ev, now)
	case *peer.Truncated:
		sh.note(noteObject{Type: "truncated", Room: ev.Room}, "* older messages are not there any more")
	case *peer.RoomChanged:
		sh.live = ev.Lead == 0
		delay := ev.Delay.Seconds()
		sh.note(noteObject{Type: "delay", Room: ev.Room, Delay: &delay}, "* the room's delay is now "+exact(ev.Delay))
	case *peer.Lost:
		sh.note(noteObject{Type: "lost", Message: ev.Err.Error()}, "* connection lost: "+ev.Err.Error()+"; reconnecting")
	case *peer.Back:
		for _, j := range ev.Rooms {
			sh.live = j.Lead == 0 // a command is in one room
		}
		sh.note(noteObject{Type: "back", Room: sh.room}, "* connected again")
	}
}

func (sh *shell) note(o noteObject, text string) {
	now := time.Now()
	o.At = stamp(now)
	sh.out.event(clock(now, now)+" "+wire.Printable(text), o)
}

func (sh *shell) tellPresence(ev *peer.Presence, now time.Time) {
	o := presenceObject{
		Type: "leave", Room: ev.Room, From: ev.Member.Nick, Fingerprint: ev.Member.Fingerprint.String(),
		Address: ev.Member.Address, Reason: ev.Reason, At: stamp(now),
	}
	text := " left"
	if ev.Joined {
		o.Type, text = "join", " joined"
	}
	switch {
	case !ev.Joined && ev.Reason != "" && ev.Reason != reasonLeft:
		text += " (" + ev.Reason + ")"
	case ev.Joined && ev.Member.Address != "":
		text += " (" + ev.Member.Address + ")"
	}
	sh.out.event(clock(now, now)+" * "+shownNick(ev.Member.Nick)+wire.Printable(text), o)
}

// crowdEvery is how often people are told how many there are; scripts are told each time.
const crowdEvery = time.Minute

func (sh *shell) tellCrowd(ev *peer.Crowd, now time.Time) {
	o := crowdObject{Type: "crowd", Room: ev.Room, Count: ev.Count, At: stamp(now)}
	if now.Sub(sh.crowdTold) >= crowdEvery {
		sh.crowdTold = now
		sh.out.event(clock(now, now)+" * "+strconv.Itoa(ev.Count)+" here", o)
		return
	}
	if sh.json {
		sh.out.object(o)
	}
}

func (sh *shell) tellTalking(ev *peer.Talking, now time.Time) {
	o := talkObject{
		Type: "talk", State: "start", Room: ev.Room, From: ev.Nick, Fingerprint: ev.Fingerprint.String(),
		SSRC: ev.SSRC, Self: ev.Self, Heard: sh.hearing, At: stamp(now),
	}
	text := " speaks"
	if sh.hearing {
		latency := ev.Latency.Seconds()
		o.Latency = &latency
		if sh.live {
			text += " (latency " + millis(ev.Latency) + ")"
		}
	}
	if !ev.Start {
		text = o.end(ev)
	}
	sh.out.event(clock(now, now)+" * "+shownNick(ev.Nick)+text, o)
}

// end adds the end of a talk, and gives it for people.
func (o *talkObject) end(ev *peer.Talking) (text string) {
	seconds := ev.Duration.Seconds()
	o.State, o.Duration = "end", &seconds
	text = " ended, " + tenth(ev.Duration)
	frames := ev.Packets + ev.Lost - ev.Late // what came late is counted by both
	if frames == 0 {
		return text
	}
	o.Frames, o.Lost, o.Late, o.Recovered = &frames, &ev.Lost, &ev.Late, &ev.Recovered
	switch {
	case ev.Lost > 0 && ev.Recovered > 0:
		text += fmt.Sprintf("; %d of %d frames lost, %d recovered", ev.Lost, frames, ev.Recovered)
	case ev.Lost > 0:
		text += fmt.Sprintf("; %d of %d frames lost", ev.Lost, frames)
	case ev.Recovered > 0:
		text += fmt.Sprintf("; %d of %d frames recovered", ev.Recovered, frames)
	}
	return text
}

// tellJoined prints the line that starts every command which stays in a room.
func (sh *shell) tellJoined(j *peer.Joined, at time.Time) {
	delay := "delay " + exact(j.Delay)
	switch {
	case j.Delay == 0 && j.Tick > 0:
		delay = "live, no delay but up to " + exact(j.Tick) + " when several talk"
	case j.Delay == 0:
		delay = "live, no delay"
	case j.Tick > 0:
		delay += " ± " + exact(j.Tick)
	}
	o := joinedObject{
		Type: "joined", Room: j.Room, Log: hex.EncodeToString(j.LogID), Newest: j.Newest,
		Delay: j.Delay.Seconds(), Lead: j.Lead.Seconds(), Tick: j.Tick.Seconds(), At: stamp(at), Members: memberObjects(j.Members), Count: j.Count,
	}
	if isCrowd(j) {
		sh.crowdTold = time.Now()
	}
	sh.out.event("joined "+wire.Printable(j.Room)+"; "+delay+"; "+here(j), o)
}

// isCrowd tells that there are more in a room than it lists.
func isCrowd(j *peer.Joined) bool { return j.Count > len(j.Members) }

// here tells who is in a room that was joined; in a large one how many, and who of them speaks.
func here(j *peer.Joined) string {
	switch {
	case !isCrowd(j):
		return "here: " + names(j.Members, len(j.Members))
	case len(j.Members) == 0:
		return strconv.Itoa(j.Count) + " here"
	}
	return strconv.Itoa(j.Count) + " here; speaking: " + names(j.Members, len(j.Members))
}

// names lists members for people; count is of all, also of those that are not in the list.
func names(members []peer.Member, count int) string {
	if count == 0 {
		return "nobody"
	}
	shown := make([]string, 0, maxNamed+1)
	for _, m := range members[:min(len(members), maxNamed)] {
		shown = append(shown, shownNick(m.Nick))
	}
	if more := count - len(shown); more > 0 {
		shown = append(shown, "and "+strconv.Itoa(more)+" more")
	}
	return strings.Join(shown, ", ")
}

func memberObjects(members []peer.Member) []memberObject {
	list := make([]memberObject, 0, len(members))
	for _, m := range members {
		list = append(list, memberObject{
			Nick: m.Nick, Fingerprint: m.Fingerprint.String(), Address: m.Address, Talking: m.Talking, Since: stamp(m.Since),
		})
	}
	return list
}

// exact gives a time in seconds, all of it: "0.25 s".
func exact(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " s"
}

// tenth gives a time in seconds, rounded: "4.1 s".
func tenth(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
}

// millis gives a time in milliseconds, rounded: "42 ms".
func millis(d time.Duration) string {
	return strconv.FormatInt(d.Round(time.Millisecond).Milliseconds(), 10) + " ms"
}
