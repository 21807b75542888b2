package wire

import (
	"strings"
	"unicode"
)

// Lookalike brings the comparison form of a nick (NickKey) into one that is the same for nicks which look the same: letters of Cyrillic, Greek,
// Armenian and extended Latin that are drawn as basic Latin ones, in lower or upper case, become these (after Unicode Technical Standard 39, 4, skeleton).
//
// It is a short table, and leaves out: look-alikes within basic Latin (1 and l, rn and m, 0 and o), which many honest nicks differ by; other scripts
// (Cherokee, Lisu, Coptic, symbols of mathematics that NFKC does not bring into letters); letters that differ by a mark (e and é). No two letters of Cyrillic,
// Greek or Armenian become the same one, so that honest nicks do not fall together, but н and һ, which are drawn as H and h. So it makes
// an imitation harder; whom a nick belongs to tells the fingerprint.
func Lookalike(key string) string {
	if strings.IndexFunc(key, func(r rune) bool { return r > unicode.MaxASCII }) < 0 {
		return key
	}
	return lookalikes.Replace(key)
}

// lookalikes are in comparison form: lower case, NFKC.
var lookalikes = strings.NewReplacer(
	// Cyrillic
	"а", "a", "в", "b", "с", "c", "ԁ", "d", "е", "e", "ԍ", "g", "н", "h", "һ", "h", "і", "i", "ӏ", "l", "ј", "j", "к", "k", "м", "m",
	"о", "o", "р", "p", "ԛ", "q", "г", "r", "ѕ", "s", "т", "t", "ц", "u", "ѵ", "v", "ԝ", "w", "х", "x", "у", "y",
	"п", "n", "з", "3", "б", "6", "ё", "ë", "ї", "ï",
	// Greek
	"α", "a", "β", "b", "ε", "e", "ζ", "z", "η", "n", "ι", "i", "κ", "k", "μ", "m", "ν", "v", "ο", "o", "ρ", "p", "τ", "t", "υ", "u", "χ", "x",
	"γ", "y", "ω", "w", "ς", "c", "ϳ", "j",
	// Armenian
	"օ", "o", "ս", "u", "հ", "h", "ո", "n", "ց", "g", "յ", "j", "ք", "p", "զ", "q", "ա", "w",
	// Latin beyond the basic letters
	"ı", "i", "ɑ", "a", "ɡ", "g", "ɩ", "i", "ʋ", "v", "ᴏ", "o", "ᴄ", "c", "ᴠ", "v", "ᴡ", "w", "ᴢ", "z", "ꜱ", "s", "ɪ", "i", "ɴ", "n", "ʀ", "r", "ʙ", "b",
	"ʜ", "h", "ʟ", "l", "ɢ", "g", "ʏ", "y", "ᴀ", "a", "ᴅ", "d", "ᴇ", "e", "ᴊ", "j", "ᴋ", "k", "ᴍ", "m", "ᴘ", "p", "ᴛ", "t", "ᴜ", "u", "ǀ", "l",
)
