package audio

import "errors"

// Errors of input.
var (
	// ErrNotAudio says that the input is in no container that is read.
	ErrNotAudio = errors.New("neither WAV nor Ogg Opus")
	// ErrUnsupported says that the input is WAV or Ogg of a kind that is not read.
	ErrUnsupported = errors.New("not supported")
	// ErrTruncated says that a file ends before the audio that its header promises.
	ErrTruncated = errors.New("truncated file")
	// ErrEmpty says that the input holds no audio.
	ErrEmpty = errors.New("no audio in the input")
	// ErrFormat says that a Format does not describe raw PCM that is read here.
	ErrFormat = errors.New("bad audio format")
)

// Errors of codecs.
var (
	// ErrUnknownCodec says that no codec has that name.
	ErrUnknownCodec = errors.New("unknown codec")
	// ErrNoOpus says that this program was built without libopus: it hears Opus, but cannot send it.
	ErrNoOpus = errors.New("this build has no Opus encoder: use l16")
	// ErrPayloadType says that no decoder exists for a payload type, or that it changed within a talk.
	ErrPayloadType = errors.New("unexpected payload type")
	// ErrPayload says that a payload cannot be a packet of its codec.
	ErrPayload = errors.New("malformed audio payload")
	// ErrBitrate says that a codec is not sent at a bit rate.
	ErrBitrate = errors.New("bad bit rate")
	// ErrFrameSize says that a frame given to an encoder has the wrong number of samples.
	ErrFrameSize = errors.New("wrong frame size")
)

// Errors of playout and output.
var (
	// ErrTooManyStreams says that a playout already holds all the streams it may.
	ErrTooManyStreams = errors.New("too many streams")
	// ErrNoSpeaker says that sound cannot be played on this machine or by this build.
	ErrNoSpeaker = errors.New("no speaker")
)
