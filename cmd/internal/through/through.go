// Package through gives what a codec alone makes of a sound: what a sound that went over a network is held against.
package through

import "yodel/peer/audio"

// Codec gives what the codec alone makes of pcm, 48 kHz mono, at a bit rate in bit/s; 0 for one that has one only, or for that
// with which a talk begins. It ends with all of pcm, so it is longer.
func Codec(codec audio.Codec, bitrate int, pcm []int16) ([]int16, error) {
	enc, err := audio.NewEncoder(codec)
	if err == nil && bitrate > 0 {
		err = enc.SetBitrate(bitrate)
	}
	if err != nil {
		return nil, err
	}
	dec, err := audio.NewDecoder(codec.PayloadType)
	if err != nil {
		return nil, err
	}
	frame, out := make([]int16, codec.FrameSamples), make([]int16, audio.MaxFrame)
	var payload []byte
	var heard []int16
	for at := 0; at < len(pcm)+codec.Lookahead; at += len(frame) {
		clear(frame[copy(frame, pcm[min(at, len(pcm)):]):])
		if payload, err = enc.Encode(payload[:0], frame); err != nil {
			return nil, err
		}
		n, err := dec.Decode(out, payload)
		if err != nil {
			return nil, err
		}
		heard = append(heard, out[:n]...)
	}
	return heard, nil
}
