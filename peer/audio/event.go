package audio

import "time"

// EventKind tells what was heard.
type EventKind uint8

// What is heard of a talk.
const (
	// TalkStarted is the first sample of a talk that is played.
	TalkStarted EventKind = iota + 1
	// TalkEnded is its end: all was played that came, or nothing came for 35 s.
	TalkEnded
	// TalkMissed is the end of a talk of which nothing was played: nothing came in 70 s since it was announced, or nothing that decodes.
	TalkMissed
)

// Event tells that a talk began or ended in what was pulled: not when the network said so, but when it is heard. Each talk has
// TalkStarted and then TalkEnded, or only TalkMissed.
type Event struct {
	Kind    EventKind
	SSRC    uint32
	At      int64         // position on the timeline, in samples at 48 kHz
	Samples int64         // TalkEnded: length of the talk in samples at 48 kHz, with what was lost in it
	Depth   time.Duration // TalkStarted, TalkEnded: as of Voice
	Stats   Stats         // TalkEnded, TalkMissed: the counts of this talk
}

// Stats counts the packets of one talk.
type Stats struct {
	Received   int // usable packets that came for the first time, in time or not
	Played     int // packets decoded and played
	Lost       int // packets of the talk that could not be played: never came, came too late, or malformed
	Late       int // packets that came after their time; each is in Lost, or in Recovered, too
	Recovered  int // packets that only a copy in a later packet, or its forward error correction, brought; each is in Received, or, if it came by error correction, not
	Duplicates int // packets that had come before, but copies
	Overflowed int // packets too far ahead of their time to be held; each is in Lost too
	Malformed  int // packets that did not decode; each is in Lost too
}
