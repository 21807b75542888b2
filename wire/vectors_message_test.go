package wire

import (
	"bytes"
	"encoding/json"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"yodel/wire/internal/vector"
)

type messageCase struct {
	Name    string          `json:"name"`
	Hex     vector.Hex      `json:"hex"`
	Refused bool            `json:"refused,omitempty"`
	Inexact bool            `json:"not_remade,omitempty"` // has something that is not known
	JSON    json.RawMessage `json:"json,omitempty"`       // ProtoJSON
}

// vectorMessages has each kind at least once.
func vectorMessages() []struct {
	name string
	kind isMessage_Kind
} {
	id, fingerprint := bytes.Repeat([]byte{0xa5}, 16), bytes.Repeat([]byte{0x5a}, 32)
	member := &Member{Nick: "ål", Fingerprint: fingerprint, Address: "10.0.0.1:5000", Talking: true, SinceUnixNs: 1767225600000000000}
	info := &RoomInfo{Room: "lobby", DelayMs: 10000, LeadMs: 1500, Members: 3, Talkers: 1, Newest: 9}
	start := &TalkStart{Room: "a", Ssrc: 65536, PayloadType: 111, FirstSeq: 5}
	told := &TalkStart{Room: "a", Ssrc: 65537, PayloadType: 96, FirstSeq: 32767, Nick: "al", Fingerprint: fingerprint, FirstTimestamp: 1<<32 - 1}
	return []struct {
		name string
		kind isMessage_Kind
	}{
		{"Hello", &Message_Hello{Hello: &Hello{Versions: []uint32{1}, Software: "x/1", Nick: "al"}}},
		{"Hello that resumes", &Message_Hello{Hello: &Hello{Versions: []uint32{1, 300}, SessionId: id}}},
		{"Welcome", &Message_Welcome{Welcome: &Welcome{Version: 1, Software: "yodeld/1", Features: []string{"x"}, SessionId: id, Nick: "al", MaxMessage: MaxBody}}},
		{"Refused", &Message_Refused{Refused: &Refused{Request: 3, Code: Code_CODE_NICK_TAKEN, Reason: "nick is taken: al"}}},
		{"Refused version", &Message_Refused{Refused: &Refused{Code: Code_CODE_VERSION, Reason: "no", MinVersion: 1, MaxVersion: 1}}},
		{"Refused publish", &Message_Refused{Refused: &Refused{Code: Code_CODE_ID_REUSED, Room: "a", Id: 300}}},
		{"SetNick", &Message_SetNick{SetNick: &SetNick{Request: 4, Nick: "bo"}}},
		{"NickSet", &Message_NickSet{NickSet: &NickSet{Request: 4, Nick: "bo"}}},
		{"Join live", &Message_Join{Join: &Join{Request: 2, Room: "lobby", From: &Join_Live{Live: true}, Hear: true}}},
		{"Join last 10", &Message_Join{Join: &Join{Request: 2, Room: "lobby", From: &Join_Last{Last: 10}}}},
		{"Join last 0", &Message_Join{Join: &Join{Request: 2, Room: "lobby", From: &Join_Last{}}}},
		{"Join since", &Message_Join{Join: &Join{Request: 2, Room: "lobby", From: &Join_SinceUnixNs{SinceUnixNs: 1767225600000000000}, Observe: true}}},
		{"Join after", &Message_Join{Join: &Join{Request: 2, Room: "lobby", From: &Join_After{After: &After{LogId: id, Pos: 1 << 40}}}}},
		{"Joined", &Message_Joined{Joined: &Joined{
			Request: 2, Room: "lobby", LogId: id, Newest: 9, Replay: 2, Truncated: true, DelayMs: 10000, LeadMs: 1500,
			Members: []*Member{member}, AtUnixNs: 1767225600000000001, Talking: []*TalkStart{told}, Count: 1,
		}}},
		{"Leave", &Message_Leave{Leave: &Leave{Request: 5, Room: "lobby"}}},
		{"Left", &Message_Left{Left: &Left{Request: 5, Room: "lobby"}}},
		{"Presence", &Message_Presence{Presence: &Presence{Room: "a", Count: 2, Events: []*PresenceEvent{
			{Joined: true, Member: member}, {Member: &Member{Nick: "bo"}, Reason: "left"},
		}}}},
		{"Presence of a crowd", &Message_Presence{Presence: &Presence{Room: "a", Count: 5000}}},
		{"Publish", &Message_Publish{Publish: &Publish{Room: "a", Id: 300, Body: []byte("hi")}}},
		{"Publish transient", &Message_Publish{Publish: &Publish{Room: "a", Id: 1<<64 - 1, Type: "application/x-stroke", Body: []byte{0, 255}, Transient: true}}},
		{"Receipt", &Message_Receipt{Receipt: &Receipt{Room: "a", Id: 300, Pos: 7}}},
		{"Entry", &Message_Entry{Entry: &Entry{
			Room: "a", Pos: 7, Prev: 5, Nick: "al", Fingerprint: fingerprint, Body: []byte("hi"), AtUnixNs: 1767225600000000002, Id: 300,
		}}},
		{"Talk", &Message_Talk{Talk: &Talk{Request: 6, Room: "a", PayloadType: 96}}},
		{"TalkGranted", &Message_TalkGranted{TalkGranted: &TalkGranted{Request: 6, Room: "a", Ssrc: 65536}}},
		{"TalkStart", &Message_TalkStart{TalkStart: start}},
		{"TalkStart from the daemon", &Message_TalkStart{TalkStart: told}},
		{"TalkEnd", &Message_TalkEnd{TalkEnd: &TalkEnd{Room: "a", Ssrc: 65536, LastSeq: 65535, DurationMs: 3200}}},
		{"TalkReport", &Message_TalkReport{TalkReport: &TalkReport{Room: "a", Ssrc: 65536, Received: 159, Lost: 1}}},
		{"TalkLoss", &Message_TalkLoss{TalkLoss: &TalkLoss{Room: "a", Ssrc: 65536, FractionLost: 13}}},
		{"Credit", &Message_Credit{Credit: &Credit{Limit: FirstCredit + 64<<10}}},
		{"Ping", &Message_Ping{Ping: &Ping{Request: 7, Padding: make([]byte, 3)}}},
		{"Pong", &Message_Pong{Pong: &Pong{Request: 7}}},
		{"Who", &Message_Who{Who: &Who{Request: 8, Room: "a"}}},
		{"Members", &Message_Members{Members: &Members{Request: 8, Room: "a", Members: []*Member{member}, Count: 1}}},
		{"Rooms", &Message_Rooms{Rooms: &Rooms{Request: 9}}},
		{"RoomList", &Message_RoomList{RoomList: &RoomList{Request: 9, Rooms: []*RoomInfo{info}, Count: 1}}},
		{"RoomInfo", &Message_RoomInfo{RoomInfo: info}},
		{"Succeed", &Message_Succeed{Succeed: &Succeed{Request: 10, Key: bytes.Repeat([]byte{0x30}, 91), Signature: bytes.Repeat([]byte{0x31}, 70)}}},
		{"Succeeded", &Message_Succeeded{Succeeded: &Succeeded{Request: 10}}},
	}
}

// messageJSON is ProtoJSON with sorted keys and no blanks, so that it is the same each time.
func messageJSON(t *testing.T, m *Message) json.RawMessage {
	t.Helper()
	b, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(b, &fields); err != nil {
		t.Fatal(err)
	}
	if b, err = json.Marshal(fields); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVectorsMessages(t *testing.T) {
	var cases []messageCase
	kinds := map[string]bool{}
	for _, m := range vectorMessages() {
		message := &Message{Kind: m.kind}
		kinds[string(message.ProtoReflect().WhichOneof(message.ProtoReflect().Descriptor().Oneofs().Get(0)).Name())] = true
		cases = append(cases, messageCase{Name: m.name, Hex: Encode(m.kind), JSON: messageJSON(t, message)})
	}
	if all := new(Message).ProtoReflect().Descriptor().Fields(); all.Len() != len(kinds) {
		t.Errorf("%d of %d kinds have a case", len(kinds), all.Len())
	}
	cases = append(cases,
		messageCase{Name: "empty", Hex: vector.Hex{}, JSON: json.RawMessage(`{}`)},
		messageCase{Name: "a kind that is not known", Hex: unhex(t, "fa3f0401020304"), Inexact: true, JSON: json.RawMessage(`{}`)},
		messageCase{Name: "a field that is not known", Hex: unhex(t, "9a0105 0805 f80101"), Inexact: true, JSON: json.RawMessage(`{"ping":{"request":"5"}}`)},
		messageCase{Name: "a code that is not known", Hex: unhex(t, "1a02 1063"), JSON: json.RawMessage(`{"refused":{"code":99}}`)},
		messageCase{Name: "two kinds: the last one counts", Hex: unhex(t, "9a0102 0805 a20102 0806"), Inexact: true, JSON: json.RawMessage(`{"pong":{"request":"6"}}`)},
	)
	for _, r := range []struct{ name, hex string }{
		{"cut off tag", "0a"},
		{"length without bytes", "0aff"},
		{"cut off", "0a0c0a0101"},
		{"a tag without end", "ffffffffffffffffffffff"},
		{"a string that is not UTF-8", "0a03 1a01ff"},
		{"field number 0", "0001"},
	} {
		cases = append(cases, messageCase{Name: r.name, Hex: unhex(t, r.hex), Refused: true})
	}
	for _, c := range vector.Check(t, vectorPath+"messages.json", vector.File[messageCase]{
		About: "messages of yodel.proto; json is ProtoJSON", Cases: cases,
	}) {
		t.Run(c.Name, func(t *testing.T) { checkMessage(t, c) })
	}
}

func checkMessage(t *testing.T, c messageCase) {
	t.Helper()
	m, err := Decode(c.Hex)
	if (err != nil) != c.Refused {
		t.Fatal(err)
	}
	if c.Refused {
		return
	}
	want := new(Message)
	if err := protojson.Unmarshal(c.JSON, want); err != nil {
		t.Fatal(err)
	}
	made, err := proto.Marshal(want)
	if err != nil || !c.Inexact && !bytes.Equal(made, c.Hex) {
		t.Errorf("made %x, %v", made, err)
	}
	if got := messageJSON(t, m); !bytes.Equal(got, messageJSON(t, want)) {
		t.Errorf("read as %s", got)
	}
}
