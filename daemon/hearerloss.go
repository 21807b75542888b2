package daemon

import (
	"maps"
	"math"
	"time"

	"github.com/pion/rtcp"

	"yodel/wire"
)

const (
	// countLossEvery is the least time between two reports of a session about a voice that count for TalkLoss, so that none has more weight than
	// another. Peers report as often, some a little oftener.
	countLossEvery = wire.ReportEvery * 3 / 4
	// countLossFrom is how old a voice must be: what a report about another brings before tells of a few packets, and would stand for the first one.
	countLossFrom = wire.ReportFirst / 2
	// exceeding is which part of a voice's hearers may lose more than its talker is told: one in so many.
	exceeding = 20
	// Losses are told apart exactly below exactLoss (in 1/256), and in steps of lossStep from there on.
	exactLoss, lossStep = 16, 8
	lossCells           = exactLoss + (256-exactLoss)/lossStep
)

// hearerLoss is what those who hear a voice have reported of its loss since its talker was told last. It remembers no hearer.
type hearerLoss struct {
	cells [lossCells]uint16
	count int
	told  uint8
	known bool // told is
}

// note takes a loss in 1/256.
func (l *hearerLoss) note(fraction uint8) {
	if l.count == math.MaxUint16 {
		return
	}
	l.count++
	if fraction < exactLoss {
		l.cells[fraction]++
		return
	}
	l.cells[exactLoss+(fraction-exactLoss)/lossStep]++
}

// take gives the loss that one in twenty exceeds at most, and begins anew. news tells that it is another than before. Where nobody hears nothing is
// lost; while those who do are silent all stays as it was.
func (l *hearerLoss) take(heard bool) (fraction uint8, news bool) {
	if l.count == 0 {
		if news = !heard && l.told > 0; news {
			l.told = 0
		}
		return l.told, news
	}
	cell, above := lossCells-1, 0
	for ; cell > 0; cell-- {
		if above += int(l.cells[cell]); above > l.count/exceeding {
			break
		}
	}
	if fraction = uint8(cell); cell >= exactLoss {
		fraction = uint8(exactLoss + (cell-exactLoss)*lossStep + lossStep/2)
	}
	news = !l.known || fraction != l.told
	*l = hearerLoss{told: fraction, known: true}
	return fraction, news
}

// noteLoss counts what a peer reports of the voices that it hears, for their talkers.
func (s *session) noteLoss(now time.Time, heard []rtcp.ReceptionReport) {
	maps.DeleteFunc(s.lossAt, func(_ uint32, at time.Time) bool { return now.Sub(at) >= countLossEvery })
	for i := range heard {
		ssrc := heard[i].SSRC
		v := s.hub.voices[ssrc]
		if _, counted := s.lossAt[ssrc]; counted || now.Sub(v.announced) < countLossFrom {
			continue
		}
		if s.lossAt == nil {
			s.lossAt = make(map[uint32]time.Time)
		}
		s.lossAt[ssrc] = now
		v.hearers.note(heard[i].FractionLost)
	}
}

// tellLoss tells a talker what does not get to those who hear it.
func (s *session) tellLoss() {
	for _, v := range s.talks {
		if fraction, news := v.hearers.take(v.room.heard()); news && !v.reported {
			s.say(wire.Encode(&wire.Message_TalkLoss{TalkLoss: &wire.TalkLoss{Room: v.room.name, Ssrc: v.source, FractionLost: uint32(fraction)}}))
		}
	}
}
