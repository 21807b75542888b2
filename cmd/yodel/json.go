package main

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf16"

	"yodel/wire"
)

// The objects of --json. Times are RFC 3339 in UTC, durations are seconds.
type (
	messageObject struct {
		Type        string  `json:"type"`
		Room        string  `json:"room"`
		Pos         uint64  `json:"pos"` // 0: transient, not in the room log
		Log         string  `json:"log"` // the room log's id: "log:pos" is good for --after
		From        string  `json:"from"`
		Fingerprint string  `json:"fingerprint"`
		Media       string  `json:"media"`
		Text        *string `json:"text,omitempty"` // of text/* in UTF-8
		Data        []byte  `json:"data,omitempty"` // of anything else, in base64
		At          string  `json:"at"`
	}
	// presenceObject is "join" or "leave".
	presenceObject struct {
		Type        string `json:"type"`
		Room        string `json:"room"`
		From        string `json:"from"`
		Fingerprint string `json:"fingerprint"`
		Address     string `json:"address,omitempty"`
		Reason      string `json:"reason,omitempty"`
		At          string `json:"at"`
	}
	// crowdObject tells how many are in a room in which there are too many for "join" and "leave".
	crowdObject struct {
		Type  string `json:"type"`
		Room  string `json:"room"`
		Count int    `json:"count"`
		At    string `json:"at"`
	}
	talkObject struct {
		Type        string   `json:"type"`
		State       string   `json:"state"` // "start" or "end"
		Room        string   `json:"room"`
		From        string   `json:"from"`
		Fingerprint string   `json:"fingerprint"`
		SSRC        uint32   `json:"ssrc"`
		Self        bool     `json:"self"`
		Heard       bool     `json:"heard"`              // it is played here now; else the daemon tells of it, or it is being sent
		Duration    *float64 `json:"duration,omitempty"` // at the end
		Frames      *int     `json:"frames,omitempty"`
		Lost        *int     `json:"lost,omitempty"`
		Late        *int     `json:"late,omitempty"`
		Bitrate     *int     `json:"bitrate,omitempty"` // at the end of what is sent: bit/s, and frames that a packet carried again, of the last one
		Copies      *int     `json:"copies,omitempty"`
		Recovered   *int     `json:"recovered,omitempty"` // frames that only a copy in a later packet, or its error correction, brought
		Latency     *float64 `json:"latency,omitempty"`   // where it is heard: how long its quickest packet waits to be played
		At          string   `json:"at"`
	}
	// echoObject is what echo has measured.
	echoObject struct {
		Type         string   `json:"type"`
		Room         string   `json:"room"`
		Delay        float64  `json:"delay"`      // from when it was said to when it was heard, without the codec's own
		RoomDelay    float64  `json:"room_delay"` // of that, what the room makes on purpose
		Latency      float64  `json:"latency"`    // how long the quickest packet waited to be played
		Frames       int      `json:"frames"`
		Lost         int      `json:"lost"`
		Recovered    int      `json:"recovered"`
		Level        float64  `json:"level"`             // of what was said, where there is sound, in dB relative to full scale; -96: nothing
		Peak         float64  `json:"peak"`              // of it, likewise
		Quality      *float64 `json:"quality,omitempty"` // of the echo, in dB; these two are not there when nothing was said
		CodecQuality *float64 `json:"codec_quality,omitempty"`

		clipped bool // what was said had more than fits
	}
	joinedObject struct {
		Type    string         `json:"type"`
		Room    string         `json:"room"`
		Log     string         `json:"log"`
		Newest  uint64         `json:"newest"`
		Delay   float64        `json:"delay"`
		Lead    float64        `json:"lead"`
		At      string         `json:"at"`      // of hear: the instant of sample 0
		Members []memberObject `json:"members"` // in a room of over 200 those who talk
		Count   int            `json:"count"`   // of all
		Tick    float64        `json:"tick"`
	}
	memberObject struct {
		Nick        string `json:"nick"`
		Fingerprint string `json:"fingerprint"`
		Address     string `json:"address,omitempty"`
		Talking     bool   `json:"talking"`
		Since       string `json:"since,omitempty"`
	}
	whoObject struct {
		Type    string         `json:"type"`
		Room    string         `json:"room"`
		Members []memberObject `json:"members"` // the first 200 by nick
		Count   int            `json:"count"`   // of all
	}
	roomObject struct {
		Type    string  `json:"type"`
		Room    string  `json:"room"`
		Delay   float64 `json:"delay"`
		Members int     `json:"members"`
		Talkers int     `json:"talkers"`
		Newest  uint64  `json:"newest"`
	}
	// fileObject tells that a file of hear --split is complete.
	fileObject struct {
		Type        string  `json:"type"`
		Path        string  `json:"path"`
		Room        string  `json:"room"`
		From        string  `json:"from"`
		Fingerprint string  `json:"fingerprint"`
		SSRC        uint32  `json:"ssrc"` // as in the objects of the talk
		At          string  `json:"at"`   // the instant of its first sample
		Duration    float64 `json:"duration"`
	}
	receiptObject struct {
		Type string `json:"type"`
		Room string `json:"room"`
		ID   string `json:"id"`
		Pos  uint64 `json:"pos"`
		At   string `json:"at"`
	}
	pingObject struct {
		Type   string  `json:"type"`
		Server string  `json:"server"`
		Seq    int     `json:"seq"`
		Time   float64 `json:"time"`
	}
	keyObject struct {
		Type        string `json:"type"`
		Fingerprint string `json:"fingerprint"`
		Path        string `json:"path"`
		Created     bool   `json:"created"`
		Replaces    string `json:"replaces,omitempty"` // of key rotate: the fingerprint before
	}
	// enrolledObject tells what join has done.
	enrolledObject struct {
		Type        string `json:"type"`
		Server      string `json:"server"` // these two are the defaults now
		Room        string `json:"room"`
		Daemon      string `json:"daemon"`      // its fingerprint
		Fingerprint string `json:"fingerprint"` // of this identity
		Config      string `json:"config"`      // the file of the defaults
	}
	errorObject struct {
		Type    string `json:"type"`
		Code    string `json:"code"`
		Message string `json:"message"`
		Hint    string `json:"hint,omitempty"`
		Exit    int    `json:"exit"`

		Unsent *unsentObject `json:"unsent,omitempty"` // of send
	}
	// unsentObject tells of the lines of send that have no receipt. Some of them may be in the room log nevertheless.
	unsentObject struct {
		Lines int  `json:"lines"`
		First int  `json:"first"` // numbers count all lines of the input from 1; of TEXT 0
		Last  int  `json:"last"`
		Ended bool `json:"ended"` // the input ends with Last; else what follows was not read
	}
	// noteObject is "lost", "back", "truncated" or "delay".
	noteObject struct {
		Type    string   `json:"type"`
		Room    string   `json:"room,omitempty"`
		Message string   `json:"message,omitempty"`
		Delay   *float64 `json:"delay,omitempty"`
		At      string   `json:"at"`
	}
)

// jsonLine encodes an object and ends it with a newline. Everything in its strings that must not reach a
// terminal (wire.Printable) is written as \u escapes, which every reader turns back.
func jsonLine(object any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(object); err != nil { // only a type that has no JSON: a fault of this program
		panic("yodel: " + err.Error())
	}
	line := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	return append([]byte(wire.Escape(string(line), appendEscaped)), '\n')
}

// appendEscaped appends one character of UTF-8.
func appendEscaped(out []byte, char string) []byte {
	for _, u := range utf16.Encode([]rune(char)) {
		hex := strconv.FormatUint(uint64(u)|1<<16, 16)
		out = append(append(out, `\u`...), hex[1:]...)
	}
	return out
}

// stamp is an instant in JSON; empty for none.
func stamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339Nano)
}
