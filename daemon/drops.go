package daemon

import (
	"log/slog"
	"sync/atomic"
	"time"
)

// drop is a reason for which a datagram or packet goes no further, a request is refused, or one waits: a limit that bites counts.
type drop uint8

const (
	dropUnknownKind drop = iota
	dropUnknownAddress
	dropNotValidated
	dropHandshakes
	dropHandshake
	dropUnauthentic
	dropMalformed
	dropForeignSSRC
	dropDuplicate
	dropLate
	dropJump
	dropEchoFull
	dropResend
	dropTransient
	dropSeal
	dropSend
	dropEarly
	dropHints
	dropSTUN
	dropUnknownSession
	dropLatePath
	dropCandidate
	dropPathAlive
	dropDisplaced
	dropTakeover
	dropOverflow
	dropControl
	dropCrossing
	dropQuestions
	dropCallers
	dropValidated
	dropCutShort
	dropSessions
	dropControlRate
	dropVoiceRate
	dropCreditLate
	dropNoCredit
	dropRooms
	dropMembers
	dropTooLong
	dropUnstored
	dropBehind
	dropPanic
	dropUnsent
	dropPaced
	dropNack
	dropTalks
	dropNick
	dropAccess
	dropInvite
	dropBanned
	dropKinds
)

var dropNames = [dropKinds]string{
	dropUnknownKind:    "unknown kind",
	dropUnknownAddress: "unknown address",
	dropNotValidated:   "address not validated",
	dropHandshakes:     "too many handshakes",
	dropHandshake:      "not for the handshake",
	dropUnauthentic:    "not authentic",
	dropMalformed:      "malformed",
	dropForeignSSRC:    "foreign SSRC",
	dropDuplicate:      "duplicate",
	dropLate:           "late",
	dropJump:           "sequence jump",
	dropEchoFull:       "echo full",
	dropResend:         "resend refused",
	dropTransient:      "transient to slow peer",
	dropSeal:           "not sealed",
	dropSend:           "not sent",
	dropEarly:          "too early",
	dropHints:          "too many hints",
	dropSTUN:           "STUN of no use",
	dropUnknownSession: "path of unknown session",
	dropLatePath:       "late path request",
	dropCandidate:      "path request replaced",
	dropPathAlive:      "old path alive",
	dropDisplaced:      "no address",
	dropTakeover:       "taken over again",
	dropOverflow:       "receive buffer full",
	dropControl:        "too much for the hub",
	dropCrossing:       "too much for a shard",
	dropQuestions:      "too many questions",
	dropCallers:        "too many callers",
	dropValidated:      "address made to wait",
	dropCutShort:       "handshake cut short",
	dropSessions:       "too many sessions",
	dropControlRate:    "more than a session may send",
	dropVoiceRate:      "more than a voice has",
	dropCreditLate:     "credit made to wait",
	dropNoCredit:       "no credit",
	dropRooms:          "too many rooms",
	dropMembers:        "room full",
	dropTooLong:        "message too long",
	dropUnstored:       "publish made to wait",
	dropBehind:         "session too far behind",
	dropPanic:          "panic",
	dropUnsent:         "acknowledged unsent",
	dropPaced:          "session made to wait",
	dropNack:           "too many NACKs",
	dropTalks:          "too many voices",
	dropNick:           "nick refused",
	dropAccess:         "access refused",
	dropInvite:         "wrong invite",
	dropBanned:         "banned",
}

// drops counts by reason. Anyone may count; the hub logs, for which it is woken.
type drops struct {
	now  [dropKinds]atomic.Uint64
	news atomic.Bool // something was counted that is not logged
	bell bell

	// The hub's:
	logged [dropKinds]uint64
	next   time.Time // when a line may be logged
	due    time.Time // when one is to be; zero: never
}

func (d *drops) count(why drop) { d.add(why, 1) }

func (d *drops) add(why drop, n int) {
	if n <= 0 {
		return
	}
	d.now[why].Add(uint64(n))
	if !d.news.Load() && d.news.CompareAndSwap(false, true) {
		d.bell.ring()
	}
}

// log writes one line with what was dropped since the last one, at most one a second.
func (d *drops) log(now time.Time, l *slog.Logger) {
	if !d.news.Load() {
		return
	}
	if now.Before(d.next) {
		d.due = d.next
		return
	}
	d.due = time.Time{}
	d.news.Store(false) // before the counts are read: what comes then is for the next line
	var attrs []any
	for i := range d.now {
		if n := d.now[i].Load(); n > d.logged[i] {
			attrs = append(attrs, slog.Uint64(dropNames[i], n-d.logged[i]))
			d.logged[i] = n
		}
	}
	if len(attrs) > 0 {
		d.next = now.Add(time.Second)
		l.Info("dropped", attrs...)
	}
}
