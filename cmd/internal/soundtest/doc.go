// Package soundtest runs the real programs and scores what is heard: `make test-sound`. It has tests only; a plain `go test` runs the short form, the
// rows that take seconds, with wider bars.
//
// A row is a condition. Each has a world of its own: a daemon between two network namespaces, one in which people talk and one in which they hear,
// joined by two links of package netem, so that both hops are impaired, each by itself:
//
//	there: yodel talk … ── link (loss, delay, jitter) ── yodeld ── link (loss, delay, jitter) ── here: yodel hear …
//
// It gives figures, of each of which less is better, and some of which have a bar. The table has the bars beside them.
//
// # Rows
//
//	live, 2 s            one voice through a room: quality against the codec alone, mouth to ear, gaps; with jitter of ±10 ms and loss of 5 %, 10 % and
//	                     20 % on each hop (voice_test.go)
//	clocks               a voice and a tone that come from a pipe whose clock is fast, or slow, by 200 ppm for 5 min and by 500 ppm for 1 min
//	                     (clock_test.go)
//	440 Hz               a tone that `yodel hear` plays on a sound card: a FIFO that is read in real time (card_test.go)
//	10 at once           tones of ten talkers, all in one mix, and each in its file of --split (crowd_test.go)
//	join, SIGKILL        who comes in mid-talk, and who is gone without a word, beside a voice that must not notice (crowd_test.go)
//	processor            what `yodel hear` into a file takes of a core (load_test.go)
//
// # What is measured
//
// Quality is fwSNRseg of package score, each second aligned by itself, below that of the same voice encoded and decoded without a network. The talk is held
// to 32 kbit/s, at which it begins, because the bit rate follows the loss otherwise. Voices are speech without its pauses: what is silent is a gap.
//
// Mouth to ear is the delay of each second in the file that was heard, counted by the instants that the programs print: sample 0 of what is said is the "at" of talk's
// start, sample 0 of what is heard the "at" of hear's joining. The codec's own 6.5 ms are in it. A file is there before it is said: from a
// microphone it is a frame of 20 ms more.
// A pipe is different: a sample is said when its clock has recorded it, so the frame is in it.
//
// Tones are sent lossless. Their phase is that of 10 ms, by quadrature demodulation; a step of over 0.1 rad from one to the next, which is 1.7 samples of 440 Hz,
// is a break, and so is one that is not there at half its amplitude. Where packets jitter the first 2 s are left out, in which a talk may be played faster.
//
// The sound card plays in real time by the clock of the machine and has silence for what is not there: 43 ms wait in the FIFO, 30 ms it has itself.
// A machine that does not let it run for 30 ms makes its clock stand still; then the try is not good, and another one takes its place.
//
// # Settings
//
//	YODEL_SOUND_FORM=full  all rows, with the bars (else the short form)
//	YODEL_SOUND_SEED=7     the seed of all fates and voices (1)
//	YODEL_SOUND_ROWS=RE    only the rows whose name matches, in the full set, also in the short form
//	YODEL_SOUND_KEEP=DIR   keep every row's folder there: what was said, heard and played, and standard error
//	YODEL_BIN=DIR          the folder of yodel and yodeld (else they are built)
//
// A row that does not keep to its bars is tried once more, unless it takes over 2 minutes: other programs
// have the machine for a moment, too. A try in which the sound card's clock stood does not count, up to four times. The table names the try, and how long the machine had not let the suite itself run at worst: figures of a row with a stall of
// over some 20 ms are the machine's rather than Yodel's.
//
// Every wait has a limit. Four rows run beside each other, as they mostly wait; those of the speaker and the processor run alone. Needs root and what
// package netem needs.
package soundtest
