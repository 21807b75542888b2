"""Voices: talking and hearing (PROTOCOL.md, "Audio")."""

import hashlib
import random
import time

import rtp
import stream
from session import pb

FRAME = 480  # samples of L16 in a packet: 10 ms
KEPT, RESENDS, REPORT_TIME = 1024, 8, 3.0
REORDER_WAIT, GRACE, ASKS, RESEND_TIME = 0.02, 0.1, 24, 2.0
SHORTEST_SPACING, LONGEST_SPACING = 0.04, 0.32


class Talk:
    """One talkspurt of L16 in a room that the session is a member of."""

    def __init__(self, session, room, delay):
        """delay is that of the room, in seconds."""
        self.session, self.room, self.delay = session, room, delay
        self.ssrc = session.ask(talk=pb.Talk(room=room, payload_type=rtp.L16)).ssrc
        self.sequence = self.first = random.randrange(1 << 15)
        self.timestamp = random.getrandbits(32)
        self.sent = {}  # sequence number: [datagram, resends]
        self.report = None
        session.talks[self.ssrc] = self
        start = pb.TalkStart(room=room, ssrc=self.ssrc, payload_type=rtp.L16, first_seq=self.first)
        start.first_timestamp = self.timestamp
        session.post(talk_start=start)

    def say(self, samples):
        """Sends samples (signed, 16 bits, most significant byte first, 48000 a second) at the pace of the clock."""
        begin = time.monotonic()
        for number in range(0, (len(samples) + 2 * FRAME - 1) // (2 * FRAME)):
            self.session.run(timeout=max(0, begin + number * 0.01 - time.monotonic()))
            frame = samples[number * 2 * FRAME : (number + 1) * 2 * FRAME]
            self.send(frame + bytes(2 * FRAME - len(frame)))

    def send(self, payload):
        marker = self.sequence == self.first
        packet = rtp.Packet(rtp.L16, self.sequence, self.timestamp, self.ssrc, payload, marker)
        self.sent[self.sequence & 0xFFFF] = [self.session.transmit(packet.encode()), 0]
        if len(self.sent) > KEPT:
            del self.sent[next(iter(self.sent))]
        self.session.audio = time.monotonic()
        self.sequence += 1
        self.timestamp += FRAME

    def nacked(self, sequences):
        """Sends packets again, as they were."""
        for sequence in sequences:
            kept = self.sent.get(sequence)
            if kept and kept[1] < RESENDS:
                kept[1] += 1
                self.session.write(kept[0])

    def end(self):
        """Ends the talkspurt; returns the daemon's report of it, None if none came."""
        self.session.handlers["talk_report"] = self.take_report
        end = pb.TalkEnd(room=self.room, ssrc=self.ssrc, last_seq=(self.sequence - 1) & 0xFFFF)
        end.duration_ms = (self.sequence - self.first) * 10
        self.session.post(talk_end=end)
        self.session.run(lambda: self.report is not None, self.delay + REPORT_TIME)
        del self.session.talks[self.ssrc]
        return self.report

    def take_report(self, report):
        if report.ssrc == self.ssrc:
            self.report = report


class Voice:
    """A talkspurt that is heard: recorded, not played, so what is missing is asked for as long as the daemon has it."""

    def __init__(self, session, start, expected):
        """expected is when its first packet should come."""
        self.session, self.start = session, start
        self.payloads = {}  # by extended sequence number
        self.highest = start.first_seq - 1
        self.last = None  # sequence number, when it is known
        self.newest = expected  # when the last packet came
        self.missing = {}  # sequence number: [when to ask, how often it was asked for, until]
        self.given_up = set()

    def take(self, packet, now):
        number = stream.extend(packet.sequence, max(self.highest, self.start.first_seq))
        if number < self.start.first_seq:
            return
        kind, copies, payload = packet.payload_type, [], packet.payload
        if kind == rtp.RED and self.start.payload_type == rtp.OPUS:
            try:
                kind, copies, payload = rtp.redundant(payload)
            except ValueError:
                return
        if kind != self.start.payload_type:
            return
        self.payloads[number] = payload
        self.missing.pop(number, None)
        for gap in range(self.highest + 1, number):
            self.missing.setdefault(gap, [now + REORDER_WAIT, 0, now + RESEND_TIME])
        for before, (_, copy) in enumerate(reversed(copies), 1):
            if number - before >= self.start.first_seq:
                self.payloads.setdefault(number - before, copy)
                self.missing.pop(number - before, None)
        if number > self.highest:
            self.highest, self.newest = number, now

    def ended(self, end):
        self.last = stream.extend(end.last_seq, max(self.highest, self.start.first_seq))

    def done(self):
        if self.last is None:
            return False
        wanted = range(self.start.first_seq, self.last + 1)
        return all(n in self.payloads or n in self.given_up for n in wanted)

    def timer(self):
        times = [entry[0] for entry in self.missing.values()]
        if self.tail():
            times.append(self.newest + GRACE)
        return min(times, default=None)

    def tail(self):
        """Whether the next packet should come: it is the first, or not beyond the last."""
        following = self.highest + 1
        if following in self.missing or following in self.given_up:
            return False
        return not self.payloads if self.last is None else following <= self.last

    def tick(self, now):
        if self.tail() and now >= self.newest + GRACE:
            self.missing[self.highest + 1] = [now, 0, now + RESEND_TIME]
        asked = []
        for number, entry in sorted(self.missing.items()):
            if entry[1] >= ASKS or now >= entry[2]:
                del self.missing[number]
                self.given_up.add(number)
                self.highest = max(self.highest, number)
            elif now >= entry[0] and len(asked) < 16:
                entry[1] += 1
                spacing = max(1.25 * self.session.sender.rtt, SHORTEST_SPACING) * 2 ** max(0, entry[1] - 4)
                entry[0] = now + min(spacing, LONGEST_SPACING)
                asked.append(number & 0xFFFF)
        if asked:
            self.session.transmit(rtp.nack(self.start.ssrc, asked))

    def bytes(self):
        return b"".join(self.payloads[n] for n in sorted(self.payloads))

    def summary(self):
        whole = self.last - self.start.first_seq + 1
        data = self.bytes()
        return {
            "nick": self.start.nick, "ssrc": self.start.ssrc, "payload_type": self.start.payload_type,
            "packets": len(self.payloads), "lost": whole - len(self.payloads), "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }


class Hearer:
    """Hears all voices of a room; gives each to a function when it is over."""

    def __init__(self, session, room, over):
        self.session, self.over, self.room = session, over, room
        session.handlers["talk_start"], session.handlers["talk_end"] = self.start, self.end
        session.tickers.append(self)
        self.wait = 0.0  # from TalkStart to the first packet
        joined = session.ask(join=pb.Join(room=room, live=True, hear=True))
        for start in joined.talking:
            self.start(start)
        self.wait = (joined.delay_ms - joined.lead_ms) / 1000

    def start(self, start):
        if start.ssrc not in self.session.streams:
            self.session.streams[start.ssrc] = Voice(self.session, start, time.monotonic() + self.wait)

    def end(self, end):
        if end.ssrc in self.session.streams:
            self.session.streams[end.ssrc].ended(end)

    def timer(self):
        return min((at for v in self.session.streams.values() if (at := v.timer()) is not None), default=None)

    def tick(self, now):
        for ssrc, voice in list(self.session.streams.items()):
            voice.tick(now)
            if voice.done():
                del self.session.streams[ssrc]
                self.over(voice)
