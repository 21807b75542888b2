// Package score measures how well sound came through: how late it is, how much of it is missing, and how much it was
// changed. It compares a degraded recording with its reference, both 48 kHz mono.
//
// The main measure is the frequency-weighted segmental signal-to-noise ratio (Hu and Loizou, "Evaluation of objective quality measures
// for speech enhancement", 2008) over 25 mel bands up to 8 kHz. It compares magnitudes in bands, so it does not punish a codec for
// shifting phases as the plain ratio does: identical sound has 35 dB (the cap), Opus speech at 32 kbit/s 18 to 20. What it is
// good for is the difference between two recordings of the same voice, one with a network and one without; it is no opinion score.
//
// Compare takes one delay for the whole recording; where the delay wanders its figures fall. CompareSeconds follows the delay, second by second.
package score
