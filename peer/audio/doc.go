// Package audio is the sound of a peer: what goes from a file or pipe into RTP payloads, and what comes
// from RTP payloads to a speaker, a file or a pipe. It is the only package that knows oto and libopus. It knows no
// network: payload types, sequence numbers and timestamps are plain integers.
//
// Everything inside is 48 kHz mono (SampleRate), int16 at the edges.
//
//	io.Reader ─ Open ─ Source (WAV or raw PCM, downmix, resampler; Ogg Opus) ─┬─ Encoder ─► payloads
//	                                                                          └─ ReadPacket ─► payloads
//	payloads ─► Playout (per SSRC: order, adaptive jitter buffer, Decoder, concealment, resampling; mixer, limiter)
//	                │ Pull                                    │ Tap: Part
//	                └─► Speaker (oto) · WAVWriter · RawWriter · OggWriter
//
// # Input
//
// Source reads only what the frame asked for needs, so a live pipe is delayed by the frame and, unless it runs
// at 48 kHz, by half the length of the resampling filter (48 input samples: 6 ms at 8 kHz, 1.1 ms at 44.1 kHz). That
// filter's delay is taken out: what sounds at instant t of the input sounds at t of the output. Measured with pure
// tones at −6 dBFS: at least 88 dB between the tone and everything else, from 8, 11.025, 16, 22.05, 32 and 44.1 kHz.
//
// What a file is its first bytes tell. Of Ogg Opus (RFC 7845; package ogg has the pages) Source gives samples as of any other file, and
// beside them the packets that can be sent as they are: a single frame of 20 ms in at most 360 bytes, no output gain, a pre-skip of at most 20 ms. From the
// first that is none of these on, and from the second link on, there are samples alone. The decoder runs all the while, so the samples are there where the
// packets end, for the level and for the encoder to go on from.
//
// # Ogg Opus out
//
// OggWriter gets the mix and, by the Parts of a Playout's Tap, what each voice adds. A packet goes into the file as it came when no other voice sounds
// while it does and its place is within 1.25 ms of where the file is; else 20 ms of the mix are encoded, or less up to a packet that is to come.
// Measured with the project's speech: alone all packets are the talker's, bit by bit; two at once score 25 dB fwSNRseg against the mix.
//
// # Codecs
//
// Opus (RFC 6716, RFC 7587) is sent as 20 ms frames at a constant bit rate, of 40 bytes at 16 kbit/s to 240 at 96; L16 (RFC 3551) as 10 ms
// frames. PCMU and PCMA are heard only. Built without cgo there is no libopus: Opus is then decoded by pion/opus, and only L16 can be sent.
//
// Measured with libopus 1.3.1 and the test's speech, fwSNRseg (package score): 13.6 dB at 16 kbit/s, 19.1 at 32, 22.4 at 48, 24.1 at 64, 26.5 at 80, 27.7
// at 96. With random loss, at 32 kbit/s but for the last line, which like one copy takes 64:
//
//	loss                        0       9.75 %   19 %
//	concealed alone             19.1    10.3     6.3
//	one copy in the next frame  19.1    17.8     15.3
//	copies in the next two      19.1    18.6     18.2
//	Opus's own redundancy       10.1     9.4     8.8
//	… at 64 kbit/s              18.1    17.4     15.6 (against 24.1 without it)
//
// So what a talker adds against loss is whole copies (RFC 2198, package peer). They cost nothing in quality where there is no loss, follow it from
// one frame to the next without a change in the sound, and go with frames that were not encoded here.
//
// # Playout
//
// Playout has no clock and no goroutine. Its time is a timeline of samples at 48 kHz: the caller says at which
// position a packet arrived, and pulls positions one after another. Any packets may be pushed: what is held is bounded, and a talk has at most eight
// times as much decoded as it plays. See Playout for the rules of anchoring, loss, lateness, depth and drift.
//
//	stream     one talk: order, what is late, where timestamps are on the timeline (anchor)
//	way        how its last packets came: the quickest, and what nearly all kept to
//	depth      how deep the buffer should be, and by how much it is not
//	ring       the packets that wait
//	play       what comes next: a packet, error correction, concealment, silence
//	line       what was decoded, and longer or shorter by what the depth asks for
//	drift      the control loop between the two clocks; it gives the rate at which
//	varispeed  the line is read
//	limiter    brings the sum of all into 16 bits
//
// Simulated, with 20 ms packets: jitter of 0 to 20 ms on each of two hops gives a depth of 40 to 50 ms; with a clock that is off by 500 ppm the delay of
// ten minutes stays within 7 ms.
//
// # Concurrency
//
// A Speaker calls its read function on a goroutine of oto's; everything else is used by one goroutine at a time. A
// caller that pushes from the network and pulls from the speaker holds its own lock around the Playout.
package audio

// SampleRate is the rate of everything inside this package, in samples a second.
const SampleRate = 48000
