"""RTP and RTCP packets, and their protection with libsrtp (PROTOCOL.md, "Packet protection", "Audio" and "RTCP")."""

import struct

import pylibsrtp

import dtls

PEER, DAEMON = 1, 2  # the SSRCs of message packets and RTCP
MESSAGES, L16, OPUS, RED = 100, 96, 111, 63  # payload types
SENDER_REPORT, RECEIVER_REPORT, BYE, FEEDBACK = 200, 201, 203, 205
NACK, CCFB = 1, 11  # formats of FEEDBACK

PROFILES = {
    dtls.GCM: pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    dtls.CM: pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
}


class Protection:
    """One direction of a session: protects what is sent, or opens what comes."""

    def __init__(self, profile, key, outbound):
        kind = pylibsrtp.Policy.SSRC_ANY_OUTBOUND if outbound else pylibsrtp.Policy.SSRC_ANY_INBOUND
        policy = pylibsrtp.Policy(key, kind, 0, PROFILES[profile])
        policy.window_size = 1024
        self.session = pylibsrtp.Session(policy)

    def protect(self, packet):
        return self.session.protect_rtcp(packet) if is_rtcp(packet) else self.session.protect(packet)

    def open(self, datagram):
        """The packet, or None if it is not authentic or came before."""
        try:
            return self.session.unprotect_rtcp(datagram) if is_rtcp(datagram) else self.session.unprotect(datagram)
        except (pylibsrtp.Error, ValueError):
            return None


def is_rtp_or_rtcp(datagram):
    return len(datagram) >= 8 and 128 <= datagram[0] <= 191 and (is_rtcp(datagram) or len(datagram) >= 12)


def is_rtcp(datagram):
    return 192 <= datagram[1] <= 223


def ssrc_of(datagram):
    return struct.unpack_from("!I", datagram, 4 if is_rtcp(datagram) else 8)[0]


class Packet:
    """An RTP packet."""

    def __init__(self, payload_type, sequence, timestamp, ssrc, payload, marker=False):
        self.payload_type, self.sequence, self.timestamp, self.ssrc = payload_type, sequence, timestamp, ssrc
        self.payload, self.marker = payload, marker

    def encode(self):
        second = self.payload_type | (128 if self.marker else 0)
        header = (0x80, second, self.sequence & 0xFFFF, self.timestamp & 0xFFFFFFFF, self.ssrc)
        return struct.pack("!BBHII", *header) + self.payload


def decode(packet):
    """The Packet, without CSRCs, extension and padding; None if it is malformed."""
    first, second, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", packet)
    start, end = 12 + 4 * (first & 15), len(packet)
    if first & 0x10 and start + 4 <= end:
        start += 4 + 4 * struct.unpack_from("!H", packet, start + 2)[0]
    if first & 0x20 and start < end:
        end -= packet[-1]
    if start > end:
        return None
    return Packet(second & 127, sequence, timestamp, ssrc, packet[start:end], second > 127)


def redundant(payload):
    """(payload type, [(timestamp offset, copy), …] with the oldest first, the packet's own payload) of a packet of
    payload type RED (RFC 2198). A malformed one is a ValueError."""
    headers, at = [], 0
    while at < len(payload) and payload[at] & 128:
        if at + 4 > len(payload):
            raise ValueError("a header is cut off")
        fields = struct.unpack_from("!I", payload, at)[0]
        headers.append((payload[at] & 127, fields >> 10 & 0x3FFF, fields & 0x3FF))
        at += 4
    if at == len(payload):
        raise ValueError("no header of the packet's own payload")
    own, at, copies = payload[at], at + 1, []
    for kind, offset, length in headers:
        copies.append((offset, payload[at : at + length]))
        if kind != own or not 0 < length <= len(payload) - at:
            raise ValueError("another payload type, or a copy that is not whole")
        at += length
    offsets = [offset for offset, _ in copies]
    if at == len(payload) or len(copies) > 2 or 0 in offsets or offsets != sorted(set(offsets), reverse=True):
        raise ValueError("nothing of its own, too many copies, or out of order")
    return own, copies, payload[at:]


def encode_redundant(kind, copies, own):
    heads = [struct.pack("!I", (kind | 128) << 24 | offset << 10 | len(copy)) for offset, copy in copies]
    return b"".join(heads) + bytes([kind]) + b"".join(copy for _, copy in copies) + own


def rtcp_packets(datagram):
    """The (count or format, type, body behind the first 4 bytes) of each packet of an opened RTCP datagram; none if one
    of them is malformed."""
    packets = []
    while datagram:
        if len(datagram) < 4 or datagram[0] >> 6 != 2:
            return []
        end = 4 + 4 * struct.unpack_from("!H", datagram, 2)[0]
        packet = datagram[0] & 31, datagram[1], datagram[4:end]
        if end > len(datagram) or not well_formed(*packet):
            return []
        packets.append(packet)
        datagram = datagram[end:]
    return packets


def well_formed(count, kind, body):
    """Whether the body is as long as its kind asks for."""
    if kind == BYE:
        text = 4 * count
        return count >= 1 and len(body) >= text and (len(body) == text or text + 1 + body[text] <= len(body))
    return len(body) >= {SENDER_REPORT: 24 + 24 * count, RECEIVER_REPORT: 4 + 24 * count, FEEDBACK: 8}.get(kind, 0)


def rtcp(count, kind, body):
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def keepalive(sender=PEER, filling=48):
    """A receiver report without blocks; the peer's is long enough to be answered by a hint."""
    return rtcp(0, RECEIVER_REPORT, struct.pack("!I", sender) + bytes(filling))


def bye(reason, sender=PEER):
    text = reason.encode()
    body = struct.pack("!I", sender) + (bytes([len(text)]) + text if text else b"")
    return rtcp(1, BYE, body + bytes(-len(body) % 4))


def bye_reason(body):
    return body[5 : 5 + body[4]].decode("utf-8", "replace") if len(body) > 4 else ""


def nack(ssrc, sequences, sender=PEER):
    """A NACK about a stream; sequences ascend, modulo 2^16."""
    pairs = []
    for sequence in sequences:
        ahead = (sequence - pairs[-1][0]) & 0xFFFF if pairs else 0
        if 1 <= ahead <= 16:
            pairs[-1][1] |= 1 << ahead - 1
        else:
            pairs.append([sequence, 0])
    return rtcp(NACK, FEEDBACK, struct.pack("!II", sender, ssrc) + b"".join(struct.pack("!HH", *p) for p in pairs[:16]))


def nacked(body):
    """The stream and the sequence numbers that a NACK asks for."""
    sequences = []
    for first, more in struct.iter_unpack("!HH", body[8 : len(body) // 4 * 4]):
        sequences += [first] + [(first + 1 + bit) & 0xFFFF for bit in range(16) if more >> bit & 1]
    return struct.unpack_from("!I", body, 4)[0], sequences
