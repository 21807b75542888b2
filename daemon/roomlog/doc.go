// Package roomlog keeps the ordered messages of the rooms on the disk: it gives each accepted message its position, tells a repeated message from a new one,
// and replays what is kept.
//
// Positions increase over the whole log and are opaque otherwise: they are never given twice, and each entry carries the position of the entry before it
// in its room, so that a reader sees a gap. A position is valid together with the log's id, which is random and made with the log.
//
// # Data flow
//
//	Append → queue → writer: BEGIN IMMEDIATE, an INSERT each, COMMIT (fsync) → Deliver → done, in the order of Append
//	Read, Seek → queue → one of two readers: a snapshot → Deliver → done
//
// The writer commits together all that came during the last commit, at most 1024 messages or 1 MiB of bodies. Nobody who calls Append, Read or Seek waits for the disk;
// what waits to be written is at most 100,000 messages and 64 MiB. What comes then is refused with ErrBusy, in its place among the outcomes; its body is let go at once, and
// only beyond 100,000 such refusals that wait do further ones come before their turn. Deliver is how results come to the owner's
// goroutine. Who gives the next position is the writer, in insert: that is the seam for anything that orders the messages of several daemons.
//
//	goroutine   started by, ends with   owns
//	writer      Open, Close             the write connection; the limits; all numbers of the rooms but what Log.mu guards
//	reader ×2   Open, Close             a read connection each
//	(database/sql has one for each of its two pools, which ends with Close)
//
// The writer sleeps when it has nothing to do: for good, for a minute when messages may become too old or could not be removed, or an index could not be made anew,
// or for an hour when keys may. For a minute after a message it looks every second
// whether another process has changed the file, and then reads the rooms again and calls Erased; each transaction looks as well, and so do
// Read and Seek, whose results come after Erased.
//
// # The file
//
// DIR/messages.db is a database of SQLite (with messages.db-wal and -shm beside it while it is open), DIR/lock is locked with flock(2) by the daemon.
// Operators look at it, beside a running daemon, with
//
//	sqlite3 -readonly DIR/messages.db "SELECT pos, datetime(at/1000000000, 'unixepoch'), nick, CAST(body AS TEXT) FROM msg JOIN room ON room.id=msg.room WHERE name='lobby' ORDER BY pos DESC LIMIT 20"
//
// and never without -readonly: versions before 3.51.3 can damage a file that two processes write.
//
//	state(k, v)   log_id: 16 bytes; next_pos: no lower position is given; erased: how often a command has erased;
//	              scrubbed: what erased was when the last text of an erased message was overwritten; copy: a backup that was not opened yet;
//	              past_pos, past_at: the entries up to that position are as old as that time at least; forgotten: rooms that were forgotten had no position behind it
//	room          id, name; removed: the limits have removed the positions up to it; count and bytes of the entries up to the position folded
//	msg           pos; prev: the position before it in the room, 0: none; room: room.id; at: Unix time in ns; sender: 32 bytes of the fingerprint;
//	              id: the sender's, 64 bits as a signed number; nick; type: media type, empty: text/plain; crc; body
//	gone          keys of entries that were removed or erased: room, sender, id, pos, at; removed: when, Unix time in ns; digest: of type and body
//
// msg.crc is the CRC-32C of all fields ([Entry]): pos, prev, id and at as 8 bytes each, little-endian, sender, and room name, nick, type and body with
// their lengths in 4 bytes before each. gone.digest is the first 16 bytes of the SHA-256 of the length of the type in 8 bytes, the type, and the body.
// The count of a room is count in its row and the entries after folded: a message costs no write to its room's row. user_version is 1; a file of version 0
// (without gone) is brought to it in one transaction, a newer one is refused.
//
// Settings: WAL, synchronous FULL (a commit is one fsync), auto_vacuum incremental, secure_delete, busy_timeout 5 s, caches of 8 MB for the writer and 2 MB for each reader.
// What was written ahead goes to its place after some 4000 pages, of messages, removals or erasures, by wal_checkpoint(PASSIVE) of the writer's or the
// command's own: the automatic one hides its errors.
//
// # Limits
//
// [Keep] for each room, and Total for all ([Log.SetRules] changes them): the oldest entries go. By number and bytes the newest of a room stays, of all rooms the newest of all; by age all go. Removing is done when
// no message waits, or when 2000 entries are due, 500 in a transaction; ages are looked at every minute, keys every hour. The keys of what was removed or erased
// are kept for 7 days, at most 2,000,000 of them (then the oldest removed go first), so that a message that is sent again gets its first position, and another one with
// its id is refused. A room without entries and keys is forgotten, within an hour: its row goes, and who asks for what comes after a position of it is told that older
// entries are gone. When it is written in again it begins with prev 0.
//
// The age of an entry counts from its own time. When the newest entry of all, or the oldest of a room with an age, has a time more than a minute in the future, the clock was wrong: that is noted with the
// newest position (past_pos) and the time (past_at), and all entries up to it count as old as that at least. So they go at the age after the clock was found to be
// right, over restarts too. A clock that is ahead removes what is too old by it.
//
// # Other processes
//
// [Backup], [Erase] and [EraseFrom] work beside a daemon or without one. Erasing takes 200 entries in a transaction, repairs the chain, overwrites copies that SQLite
// has left in unused parts of pages, and empties the write-ahead log; what a command has not come to of that, the next one or Open does. A backup is a whole file, marked as a copy: the daemon that opens it first
// lets the next position be the Unix time in µs (1<<32 further when the clock is behind), under the same id, so that no position is given again, however often it is restored.
// To restore: stop the daemon, put the copy in the place of messages.db, remove messages.db-wal and messages.db-shm, start.
//
// # Failures
//
//	disk full, quota used up    the messages get ErrReadOnly; one line in the log; the next try after a second at the earliest; heals by itself,
//	                            when a commit has changed entries, with a line
//	file or folder read-only    at Open: ErrUnwritable; later as with a full disk
//	a command holds the file    for 5 s messages wait, then they get ErrBusy; refusals wait for those before them only
//	I/O error                   of a commit or checkpoint: no receipt, Failed is called, everything appended later gets ErrFailed
//	damaged page of an index    reading looks positions up in the other index, and nothing is missing; who meets it, be it Open, has both indexes made anew,
//	                            once, which takes some seconds for a million messages; one line in the log. While the disk is full or a command holds the file
//	                            that is told as such, and it is tried again. The pages of the old ones are lost to the file, and may keep
//	                            it from getting smaller; one line in the log
//	damaged entry or page       Read leaves the entries out, counts them (Skipped) and logs each once; an index that is damaged as well cannot be made anew then
//	the first of a repeated     it is refused (ErrUnreadable), counted and logged as above
//	message is damaged
//	damaged page, in a commit   and no index made anew has helped: as with an I/O error
//	damaged page, in removing   the limits leave that room (or all together) as it is until the next start; one line in the log
//	damaged file                Open: ErrCorrupt, when the head, the schema or what is read of the rooms is damaged; the entries are not read
//	file others may read        one line in the log at Open
//	newer schema                Open: ErrNewer
//	second daemon               Open: ErrLocked, after a second
//	power cut, kill -9          what had a receipt is there, once; Open takes what was written ahead
package roomlog
