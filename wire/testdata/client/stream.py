"""The reliable message stream: chunks, acknowledgements and repeats (PROTOCOL.md, "The message stream").

Nothing here has a socket or a clock: time comes in as `now`, in seconds. The sender keeps to the least window of the
protocol, 16 packets, so it needs no congestion control."""

import random
import struct

import rtp

CHUNK, PAYLOAD = 1152, 1172  # the most bytes of a chunk, and of the payload of a packet
WINDOW, AHEAD, PACKETS, ROOM, LARGEST = 16, 4096, 512, 1 << 20, 1 << 16
CREDIT, RAISE = 1 << 18, 1 << 16
REPORT_DELAY, LONGEST_PROBE = 0.025, 2.0


def varint(value):
    for size, bits in ((1, 6), (2, 14), (4, 30), (8, 62)):
        if value < 1 << bits:
            return (value | (size.bit_length() - 1) << 8 * size - 2).to_bytes(size, "big")
    raise ValueError("too large for a varint")


def read_varint(data, offset):
    """The value at offset and the offset behind it; raises IndexError."""
    size = 1 << (data[offset] >> 6)
    if offset + size > len(data):
        raise IndexError("a varint is cut off")
    return int.from_bytes(data[offset : offset + size], "big") & (1 << 8 * size - 2) - 1, offset + size


def extend(low, near):
    """The number with these low 16 bits that is nearest to near; exactly 2^15 away counts as behind."""
    return near + ((low - near + 0x8000) & 0xFFFF) - 0x8000


def encode_chunk(message, offset, total, data):
    return varint(message) + varint(offset) + varint(total) + varint(len(data)) + data


def decode_payload(payload):
    """The distance and the chunks (message, offset, total, bytes) of a message packet; raises ValueError."""
    try:
        distance, at = read_varint(payload, 0)
        chunks = []
        while at < len(payload):
            message, at = read_varint(payload, at)
            offset, at = read_varint(payload, at)
            total, at = read_varint(payload, at)
            length, at = read_varint(payload, at)
            data = payload[at : at + length]
            at += length
            if len(data) < length or total > LARGEST or offset + length > total or (length == 0) != (total == 0):
                raise ValueError("a malformed chunk")
            chunks.append((message, offset, total, data))
    except IndexError as error:
        raise ValueError("a payload is cut off") from error
    if distance >= PACKETS:
        raise ValueError("the distance is too large")
    return distance, chunks


def encode_report(sender, media, begin, metrics, timestamp):
    """A report on the packets from begin on."""
    body = struct.pack("!IIHH", sender, media, begin & 0xFFFF, len(metrics))
    body += b"".join(struct.pack("!H", m) for m in metrics + [0] * (len(metrics) % 2))
    return rtp.rtcp(rtp.CCFB, rtp.FEEDBACK, body + struct.pack("!I", timestamp & 0xFFFFFFFF))


def metric(age):
    """The metric of a packet that arrived so many seconds ago; None: it is missing."""
    return 0 if age is None else 0x8000 | min(int(age * 1024), 0x1FFE)


def decode_report(body):
    """(sender, media, begin_seq, metrics) of a report's body behind its first 4 bytes; None for a report without
    exactly one block."""
    if len(body) < 16:
        return None
    sender, media, begin, count = struct.unpack_from("!IIHH", body)
    if count > PACKETS or len(body) != 12 + (count + 1) // 2 * 4 + 4:
        return None
    return sender, media, begin, struct.unpack_from("!%dH" % count, body, 12)


class Credit:
    """Bytes of bulky messages: of those that this side sends, and of those that it takes."""

    def __init__(self):
        self.sent = self.consumed = 0
        self.limit = self.granted = CREDIT

    def send(self, size):
        """Whether a message of that size may go; if so it is counted."""
        fits = self.sent + size <= self.limit
        self.sent += size if fits else 0
        return fits

    def raised(self, limit):
        """Takes the limit of a Credit."""
        self.limit = max(self.limit, limit)

    def consume(self, size):
        """Counts a message that was taken; returns the limit of the Credit that is due, or None."""
        self.consumed += size
        if self.consumed + CREDIT - self.granted < RAISE:
            return None
        self.granted = self.consumed + CREDIT
        return self.granted


class Sender:
    """Sends messages. A chunk is a tuple (message, offset, total, bytes); packets are known by their number."""

    def __init__(self, first_rtt=0.333):
        self.next = random.randrange(1 << 15)  # the number of the next packet
        self.first = self.next
        self.messages = 0
        self.waiting = []  # chunks to be sent
        self.open = {}  # chunks not acknowledged yet, sent or not, in order
        self.flight = {}  # number: (time, chunks) of packets neither acknowledged nor lost
        self.highest = self.next - 1  # acknowledged
        self.rtt, self.variation, self.latest = first_rtt, first_rtt / 2, None
        self.probes = 0  # timeouts since the last acknowledgement
        self.probe_at = None

    def send(self, message):
        """Queues a message (bytes)."""
        number, total = self.messages, len(message)
        self.messages += 1
        for offset in range(0, max(total, 1), CHUNK):
            chunk = (number, offset, total, message[offset : offset + CHUNK])
            self.waiting.append(chunk)
            self.open[chunk] = True

    def idle(self):
        """Whether everything is acknowledged."""
        return not self.open

    def packets(self, now):
        """The packets that may be sent now, as (number, payload)."""
        packets = []
        while self.waiting and len(self.flight) < WINDOW and self.waiting[0][0] < self.oldest_message() + AHEAD:
            packets.append(self.packet(now, self.waiting))
        return packets

    def oldest_message(self):
        return next(iter(self.open))[0] if self.open else self.messages

    def packet(self, now, queue):
        """Takes chunks from the front of queue into a new packet."""
        number = self.next
        self.next += 1
        oldest = min(self.flight, default=number)
        while number - oldest >= PACKETS:
            del self.flight[oldest]
            oldest = min(self.flight, default=number)
        payload, chunks = varint(number - oldest), []
        while queue and len(payload) + len(encode_chunk(*queue[0])) <= PAYLOAD:
            chunk = queue.pop(0)
            payload += encode_chunk(*chunk)
            chunks.append(chunk)
        self.flight[number] = (now, chunks)
        self.arm(now)
        return number, payload

    def report(self, body, now):
        """Takes a report about this stream."""
        fields = decode_report(body)
        if not fields or fields[:2] != (rtp.DAEMON, rtp.PEER) or self.next == self.first:
            return
        begin, metrics = extend(fields[2], self.next - 1), fields[3]
        if begin < self.first or begin + len(metrics) > self.next:
            return  # about packets that were never sent
        arrived = [n for n, metric in enumerate(metrics, begin) if metric & 0x8000 and n in self.flight]
        if not arrived:
            return
        last = arrived[-1]
        if last > self.highest:
            self.highest = last
            age = metrics[last - begin] & 0x1FFF
            self.measure(now - self.flight[last][0] - (age if age < 0x1FFF else 0) / 1024)
        for number in arrived:
            for chunk in self.flight.pop(number)[1]:
                self.open.pop(chunk, None)
        self.waiting = [c for c in self.waiting if c in self.open]
        self.probes = 0
        self.lose(now)
        self.arm(now)

    def measure(self, sample):
        first, sample = self.latest is None, max(sample, 0.0001)
        self.latest = sample
        if first:
            self.rtt, self.variation = sample, sample / 2
        else:
            self.variation += (abs(self.rtt - sample) - self.variation) / 4
            self.rtt += (sample - self.rtt) / 8

    def lose(self, now):
        """What a later packet has overtaken by 3, or by 9/8 of a round trip, is lost: its chunks go again."""
        old = now - 1.125 * max(self.rtt, self.latest)
        lost = [n for n in self.flight if n <= self.highest - 3 or n < self.highest and self.flight[n][0] <= old]
        again = [c for n in lost for c in self.flight.pop(n)[1]]
        carried = {c for _, chunks in self.flight.values() for c in chunks} | set(self.waiting)
        self.waiting = [c for c in dict.fromkeys(again) if c in self.open and c not in carried] + self.waiting

    def arm(self, now):
        base = self.rtt + max(4 * self.variation, 0.001)
        self.probe_at = now + min((base + REPORT_DELAY) * 2**self.probes, LONGEST_PROBE) if self.flight else None

    def timer(self):
        """When timeout wants to be called, or None."""
        overtaken = [sent for n, (sent, _) in self.flight.items() if n < self.highest]
        times = [min(overtaken) + 1.125 * max(self.rtt, self.latest)] if overtaken else []
        return min(times + ([self.probe_at] if self.probe_at is not None else []), default=None)

    def timeout(self, now):
        """The probes to send now, as (number, payload)."""
        if self.highest >= self.first:
            self.lose(now)
        if self.probe_at is None or now < self.probe_at:
            return []
        self.probes += 1
        return self.probe(now)

    def probe(self, now):
        """Two packets with the oldest chunks that may be on their way."""
        oldest = [c for _, chunks in self.flight.values() for c in chunks if c in self.open]
        queue = list(dict.fromkeys(oldest))
        return [self.packet(now, queue) for _ in range(2)]


class Receiver:
    """Puts messages together and reports on packets."""

    def __init__(self):
        self.highest = None  # packet number
        self.begin = None  # the oldest number that the sender waits for
        self.arrived = {}  # number: time
        self.deliver = 0  # the next message to be delivered
        self.parts = {}  # message: (total, bytes, set of the offsets that are there)
        self.unreported = 0
        self.report_at = None

    def packet(self, sequence, payload, now):
        """Takes a packet; returns the messages that are whole and next in order."""
        try:
            distance, chunks = decode_payload(payload)
        except ValueError:
            return []
        first = self.highest is None
        number = sequence if first else extend(sequence, self.highest)
        if number < 0:
            return []
        news = self.accept(chunks)
        if news is None:
            self.report_at = self.report_at or now + REPORT_DELAY
            return []
        gap = not first and number != self.highest + 1
        self.highest = number if first else max(number, self.highest)
        self.begin = max(self.begin or 0, number - distance)
        self.arrived[number] = now
        self.arrived = {n: at for n, at in self.arrived.items() if n >= self.begin}
        self.unreported += 1
        hurry = gap or self.unreported >= 2 or not news
        self.report_at = now if hurry else self.report_at or now + REPORT_DELAY
        return list(self.delivered())

    def accept(self, chunks):
        """Stores the chunks; tells whether anything of them is new. None, and nothing is stored, if there is no room or
        they contradict earlier ones."""
        held = sum(len(part[1]) for part in self.parts.values())
        for message, _, total, _ in chunks:
            known = self.parts.get(message)
            if known and known[0] != total or message >= self.deliver + AHEAD:
                return None
            if not known and message > self.deliver and held + total > ROOM:
                return None
            held += 0 if known or message < self.deliver else total
        news = False
        for message, offset, total, data in chunks:
            if message >= self.deliver:
                news |= message not in self.parts
                part = self.parts.setdefault(message, (total, bytearray(total), set()))
                part[1][offset : offset + len(data)] = data
                before = len(part[2])
                part[2].update(range(offset, offset + len(data)))
                news |= len(part[2]) > before
        return news

    def delivered(self):
        while self.deliver in self.parts and len(self.parts[self.deliver][2]) == self.parts[self.deliver][0]:
            yield bytes(self.parts.pop(self.deliver)[1])
            self.deliver += 1

    def report(self, now):
        """The report to send now; call it when report_at has come."""
        self.report_at, self.unreported = None, 0
        if self.highest is None:
            return None
        begin = max(self.begin, self.highest - PACKETS + 1)
        ages = [now - self.arrived[n] if n in self.arrived else None for n in range(begin, self.highest + 1)]
        return encode_report(rtp.PEER, rtp.DAEMON, begin, [metric(age) for age in ages], int(now * 65536))
