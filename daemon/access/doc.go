// Package access knows who may come in to a daemon, and as what.
//
// [Book] is all of it, in memory: without a goroutine, lock or clock, used by the daemon's hub alone. [Store] writes what is to outlive a restart, [Watch]
// reads the operator's file when it changes, [Load] and [ReadAuthorizedKeys] read both at the start.
//
//	Load(access.json) ────────────→ Book ── Snapshot → Store (goroutine) → access.json
//	authorized_keys → Watch (goroutine) → Grant ─↑
//
// # Who comes in
//
// The first of these that fits decides ([Book.Standing], [Book.Admit]):
//
//	the key or the address is banned              out (ErrBanned)
//	the key is denied, or another replaced it     out (ErrDenied, ErrReplaced)
//	it is in authorized_keys                      in
//	it is in the state folder (enrolled, allowed) in
//	the mode is open                              in; a good invite enrols the key beside that
//	the mode is invite, and the invite is good    in, and enrolled
//	else                                          out (ErrUnknown, ErrForeign, ErrUsedUp, ErrExpired, ErrTries)
//
// A key that is known uses up nothing of an invite, and is not asked about one. A use is taken when the key is put into the book, and given back (undo) when
// that cannot be stored; so the last use is one key's, however many come at once. Of a prefix (an IPv4 address, an IPv6 /64) five tokens a minute may be wrong ones; behind
// them none is looked at.
//
// An invite is called by the beginning of its token's SHA-256 ([InviteID]), which is no secret: in lists, in the log, and when it is taken back
// ([Book.Revoke]). Who has come in with it stays.
//
// A key has the roles of authorized_keys and those of its entry in the state folder together. [Book.Succeed] gives another key what one has from both: the
// successor's entry is in the state folder, and stays when the old line is taken from authorized_keys. The successor must be fresh. That a key
// which was not known was replaced is in memory only. Who is denied or banned by a key that was replaced is so by the one that has its place, too.
//
// # Nicks
//
// A nick that keys are given, in authorized_keys or by [Book.Allow], is theirs, in all forms that look the same. Every other one is its first holder's: while a session
// has it, and for 30 days from its last use. When there are too many, the holder gives way whose nick was used longest ago and is no session's.
//
// # authorized_keys
//
// The operator's: read only. UTF-8, a key on a line:
//
//	FINGERPRINT [NICK [ROLE[,ROLE…]]]  # comment
//
//	SHA256:2jmj7l5rSw0yVb/vlWAYkK/YBwk1U7zpR8u6b3m9x0s  "Ann of Green"  crew,admin
//	SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU  -               crew  # the bot
//
// NICK is - for none, and in double quotes where it has blanks, with \" and \\ in them. A fingerprint stands on one line only. What is wrong is named with its line
// (ErrLine), and then nothing of the file counts: at the start the daemon does not start, later what was read before stays.
//
// A change is seen within 3 s: the file is looked at once a second, by its inode, size, time and mode, and is read when two looks have found the same, so
// not while it is being written. What cannot be read for another reason than a line is tried again each second.
//
// # access.json
//
// The daemon's, in its state folder, 0600. JSON with nothing else in it than this; times are RFC 3339:
//
//	version  1
//	keys     fingerprint, source (enrolled, allowed, denied, replaced), since; nick, roles, reason, successor where there are
//	bans     key or prefix, since; until (none: for good), reason
//	invites  token_sha256 (hexadecimal), uses (0: any number), used, created; expires (none: never), roles
//	nicks    nick (as it looks), fingerprint of its holder, used
//
// It is replaced by a new file (access.json.new, fsync, rename, fsync of the folder), so that it is whole whenever the daemon or the machine ends. What cannot be
// read is not guessed at: ErrDamaged names file and place, and the daemon does not start.
//
// # Goroutines
//
// [NewStore] starts one, which writes one snapshot after the other and has each outcome told; Close ends it after the last. [Watch] is its caller's, until its stop is
// closed.
//
// All is bounded (limits.go).
package access
