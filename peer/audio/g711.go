package audio

// muLaw decodes one byte of G.711 mu-law (ITU-T G.711, table 2) to the 16-bit scale.
func muLaw(code byte) int16 {
	code = ^code
	v := ((int(code&15)<<1+33)<<(code>>4&7) - 33) << 2
	if code&0x80 != 0 {
		v = -v
	}
	return int16(v)
}

// aLaw decodes one byte of G.711 A-law (ITU-T G.711, table 1) to the 16-bit scale.
func aLaw(code byte) int16 {
	code ^= 0x55
	v := int(code&15)<<4 + 8
	if e := code >> 4 & 7; e > 0 {
		v = (v + 256) << (e - 1)
	}
	if code&0x80 == 0 {
		v = -v
	}
	return int16(v)
}
