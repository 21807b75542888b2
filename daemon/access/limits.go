package access

import "time"

// What a book and its files hold at most. Beyond these what an operator asks for, or an enrolment, is refused (ErrFull).
const (
	// maxKeys bounds the keys of the state folder: some 200 bytes each. Keys that others have replaced give way, the oldest first, unless the
	// operator's file has them, for they are strangers without the note too.
	maxKeys = 16384
	// maxStrangers bounds the notes about replaced keys that were not known: 80 bytes each. Beyond it the oldest gives way.
	maxStrangers = 256
	// maxBans bounds the bans, and maxInvites the invites. Invites that are used up or over give way, the oldest first.
	maxBans, maxInvites = 8192, 4096
	// maxRoles is how many roles a key may have.
	maxRoles = 32
	// MaxReason is the longest reason of a ban or a denial, in bytes: who is refused is told it.
	MaxReason = 200
	// maxHolders bounds the nicks that somebody holds: 300 bytes each, and twice as many as there may be sessions if nobody says otherwise. Beyond it the one that was used longest ago is free again, unless a session has it.
	maxHolders = 32768
	// maxNicks is how many nicks one identity may hold.
	maxNicks = 32
	// nickKept is how long a nick stays with its holder after the last use.
	nickKept = 30 * 24 * time.Hour
	// maxWrong is how many wrong tokens a prefix may bring in wrongFor: nobody guesses 128 bits, but nobody needs to try. Each of a NAT counts.
	maxWrong, wrongFor = 5, time.Minute
	// maxTriers bounds the prefixes of which wrong tokens are remembered. Beyond it any one is forgotten.
	maxTriers = 4096
	// maxLines bounds the operator's file, in bytes, in lines and in bytes of a line.
	maxFile, maxLines, maxLine = 4 << 20, 16384, 4096
	// maxState bounds the file of the state folder, in bytes: several times what a full book comes to.
	maxState = 64 << 20
)
