package wire

import (
	"bytes"
	"encoding/hex"
	"testing"

	"google.golang.org/protobuf/proto"
)

// Messages to the byte, as other implementations have to make them.
func TestGoldenMessages(t *testing.T) {
	for name, c := range map[string]struct {
		got  []byte
		want string
	}{
		"Hello": {
			Encode(&Message_Hello{Hello: &Hello{Versions: []uint32{1}, Software: "x/1", Nick: "al"}}),
			"0a0c" + // field 1 hello, 12 bytes
				"0a0101" + // versions, packed: 1
				"1203782f31" + // software
				"1a02616c", // nick
		},
		"Join last 10": {
			Encode(&Message_Join{Join: &Join{Request: 2, Room: "lobby", From: &Join_Last{Last: 10}}}),
			"320b" + // field 6 join, 11 bytes
				"0802" + // request
				"12056c6f626279" + // room
				"200a", // last
		},
		"Publish": {
			Encode(&Message_Publish{Publish: &Publish{Room: "a", Id: 300, Body: []byte("hi")}}),
			"5a0a" + // field 11 publish, 10 bytes
				"0a0161" + // room
				"10ac02" + // id
				"22026869", // body
		},
		"Receipt": {
			Encode(&Message_Receipt{Receipt: &Receipt{Room: "a", Id: 300, Pos: 7}}),
			"6208" + // field 12 receipt, 8 bytes
				"0a0161" + "10ac02" + "1807",
		},
		"TalkStart": {
			Encode(&Message_TalkStart{TalkStart: &TalkStart{Room: "a", Ssrc: 65536, PayloadType: 111, FirstSeq: 5}}),
			"82010b" + // field 16 talk_start, 11 bytes
				"0a0161" + "10808004" + "186f" + "2005",
		},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
		m, err := Decode(c.got)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if again := Encode(m.GetKind()); !bytes.Equal(again, c.got) {
			t.Errorf("%s: decoded and encoded: %x", name, again)
		}
	}
}

func TestUnknownKindsAndFieldsAreIgnored(t *testing.T) {
	unknown, err := hex.DecodeString("fa3f0401020304") // field 1023
	if err != nil {
		t.Fatal(err)
	}
	m, err := Decode(unknown)
	if err != nil || m.GetKind() != nil {
		t.Errorf("an unknown kind: %v, %v", m, err)
	}
	ping := append(Encode(&Message_Ping{Ping: &Ping{Request: 5}}), unknown...)
	if m, err = Decode(ping); err != nil || m.GetPing().GetRequest() != 5 {
		t.Errorf("a ping with an unknown field: %v, %v", m, err)
	}
}

func TestMalformedMessage(t *testing.T) {
	for _, in := range []string{"0a", "0aff", "0a0c0a0101", "ffffffffffffffffffffff"} {
		b, err := hex.DecodeString(in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(b); err == nil {
			t.Errorf("%s was taken for a message", in)
		}
	}
}

func FuzzMessage(f *testing.F) {
	f.Add(Encode(&Message_Join{Join: &Join{Room: "lobby", From: &Join_After{After: &After{LogId: make([]byte, 16), Pos: 9}}}}))
	f.Add(Encode(&Message_Entry{Entry: &Entry{Room: "r", Pos: 1, Body: []byte("x")}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil || m.GetKind() == nil {
			return
		}
		again, err := Decode(Encode(m.GetKind()))
		if err != nil {
			t.Fatalf("%x: encoded again it is malformed: %v", b, err)
		}
		m.ProtoReflect().SetUnknown(nil)
		if !proto.Equal(m, again) {
			t.Fatalf("%x: %v became %v", b, m, again)
		}
	})
}
