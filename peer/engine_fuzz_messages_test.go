package peer

import (
	"yodel/wire"
)

// message makes a message of a kind that a daemon sends.
func (x *fuzzEngine) message() *wire.Message {
	kind := x.byte() % 16
	room := x.room()
	switch kind {
	case 0:
		m := &wire.Welcome{Version: uint32(x.byte() % 2), SessionId: x.bytes(), Nick: "alice", MaxMessage: uint32(x.number())}
		return &wire.Message{Kind: &wire.Message_Welcome{Welcome: m}}
	case 1:
		m := &wire.Joined{Room: room, Request: uint64(x.byte()), LogId: x.bytes(), Newest: x.number(), Replay: x.number(), Truncated: x.byte()%2 == 0}
		m.DelayMs, m.LeadMs, m.Count = uint32(x.number()), uint32(x.number()), uint32(x.number())
		for range x.byte() % 4 {
			m.Members = append(m.Members, x.member())
			m.Talking = append(m.Talking, x.start(room))
		}
		return &wire.Message{Kind: &wire.Message_Joined{Joined: m}}
	case 2:
		m := &wire.Refused{Request: uint64(x.byte()), Id: x.number(), Code: wire.Code(x.byte() % 20), Room: room, Reason: x.text()}
		return &wire.Message{Kind: &wire.Message_Refused{Refused: m}}
	case 3:
		return &wire.Message{Kind: &wire.Message_Presence{Presence: x.presence(room)}}
	case 4:
		m := &wire.Entry{Room: room, Pos: x.number(), Nick: x.text(), Body: x.bytes(), Type: x.text(), Fingerprint: x.bytes(), AtUnixNs: int64(x.number())}
		return &wire.Message{Kind: &wire.Message_Entry{Entry: m}}
	case 5:
		m := &wire.Receipt{Room: room, Id: x.number(), Pos: x.number()}
		return &wire.Message{Kind: &wire.Message_Receipt{Receipt: m}}
	case 6:
		return &wire.Message{Kind: &wire.Message_TalkStart{TalkStart: x.start(room)}}
	case 7:
		m := &wire.TalkEnd{Room: room, Ssrc: x.ssrc(), LastSeq: uint32(x.number()), DurationMs: uint32(x.number())}
		return &wire.Message{Kind: &wire.Message_TalkEnd{TalkEnd: m}}
	case 8:
		m := &wire.TalkGranted{Room: room, Ssrc: x.ssrc(), Request: uint64(x.byte())}
		return &wire.Message{Kind: &wire.Message_TalkGranted{TalkGranted: m}}
	case 9:
		m := &wire.TalkReport{Room: room, Ssrc: x.ssrc(), Received: uint32(x.number()), Lost: uint32(x.number())}
		return &wire.Message{Kind: &wire.Message_TalkReport{TalkReport: m}}
	case 10:
		return &wire.Message{Kind: &wire.Message_Credit{Credit: &wire.Credit{Limit: x.number()}}}
	case 11:
		return &wire.Message{Kind: &wire.Message_RoomInfo{RoomInfo: &wire.RoomInfo{Room: room, DelayMs: uint32(x.number()), LeadMs: uint32(x.number())}}}
	case 12:
		m := &wire.Members{Request: uint64(x.byte()), Room: room, Members: []*wire.Member{x.member()}, Count: uint32(x.number())}
		return &wire.Message{Kind: &wire.Message_Members{Members: m}}
	case 13:
		return &wire.Message{Kind: &wire.Message_Left{Left: &wire.Left{Request: uint64(x.byte()), Room: room}}}
	case 14:
		return &wire.Message{Kind: &wire.Message_NickSet{NickSet: &wire.NickSet{Request: uint64(x.byte()), Nick: x.text()}}}
	}
	return &wire.Message{Kind: &wire.Message_Ping{Ping: &wire.Ping{Request: x.number(), Padding: x.bytes()}}}
}

func (x *fuzzEngine) member() *wire.Member {
	return &wire.Member{Nick: x.text(), Fingerprint: x.bytes(), Talking: x.byte()%2 == 0}
}

func (x *fuzzEngine) start(room string) *wire.TalkStart {
	return &wire.TalkStart{
		Room: room, Ssrc: x.ssrc(), PayloadType: uint32(96 + x.byte()%16), FirstSeq: uint32(x.number()),
		Nick: x.text(), Fingerprint: x.bytes(), FirstTimestamp: uint32(x.number()),
	}
}

func (x *fuzzEngine) presence(room string) *wire.Presence {
	m := &wire.Presence{Room: room, Count: uint32(x.number())}
	for range x.byte() % 4 {
		m.Events = append(m.Events, &wire.PresenceEvent{Joined: x.byte()%2 == 0, Member: x.member(), Reason: x.text()})
	}
	return m
}
