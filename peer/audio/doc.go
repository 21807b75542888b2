// Package audio is the sound of a peer: what goes from a file or pipe into RTP payloads, and what comes
// from RTP payloads to a speaker, a file or a pipe. It is the only package that knows oto and libopus. It knows no
// network: payload types, sequence numbers and timestamps are plain integers.
//
// Everything inside is 48 kHz mono (SampleRate), int16 at the edges.
//
//	io.Reader ─ Open ─ Source (WAV or raw PCM, downmix, resampler) ─ Encoder ─► payloads
//	payloads ─► Playout (per SSRC: order, jitter buffer, Decoder, concealment; mixer, limiter)
//	                │ Pull
//	                └─► Speaker (oto) · WAVWriter · RawWriter
//
// # Input
//
// Source reads only what the frame asked for needs, so a live pipe is delayed by the frame and, unless it runs
// at 48 kHz, by half the length of the resampling filter (48 input samples: 6 ms at 8 kHz, 1.1 ms at 44.1 kHz). That
// filter's delay is taken out: what sounds at instant t of the input sounds at t of the output. Measured with pure
// tones at −6 dBFS: at least 88 dB between the tone and everything else, from 8, 11.025, 16, 22.05, 32 and 44.1 kHz.
//
// # Codecs
//
// Opus (RFC 6716, RFC 7587) is sent as 20 ms frames at a constant 32 kbit/s, 80 bytes each; L16 (RFC 3551) as 10 ms
// frames. PCMU and PCMA are heard only. Built without cgo there is no libopus: Opus is then decoded by pion/opus, and only L16 can be sent.
//
// # Playout
//
// Playout has no clock and no goroutine. Its time is a timeline of samples at 48 kHz: the caller says at which
// position a packet arrived, and pulls positions one after another. Any packets may be pushed: what is held is bounded, and a talk has at most four
// times as much decoded as it plays. See Playout for the rules of anchoring, loss, lateness and drift.
//
// # Concurrency
//
// A Speaker calls its read function on a goroutine of oto's; everything else is used by one goroutine at a time. A
// caller that pushes from the network and pulls from the speaker holds its own lock around the Playout.
package audio

// SampleRate is the rate of everything inside this package, in samples a second.
const SampleRate = 48000
