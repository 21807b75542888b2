package wire

import (
	"fmt"

	"google.golang.org/protobuf/proto"
)

// Encode gives the bytes of one message. The kind is one of the Message_… wrappers, as in
// Encode(&Message_Ping{Ping: &Ping{}}).
func Encode(kind isMessage_Kind) []byte {
	b, err := proto.Marshal(&Message{Kind: kind})
	if err != nil { // a string that is not UTF-8: a fault of the caller, who validates text at the edge
		panic(fmt.Sprintf("wire: %T cannot be encoded: %v", kind, err))
	}
	return b
}

// Decode reads one message. A kind that this version does not know gives a Message whose Kind is nil.
func Decode(b []byte) (*Message, error) {
	m := new(Message)
	if err := proto.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("%w: %d bytes: %w", ErrMessage, len(b), err)
	}
	return m, nil
}
