"""STUN as Yodel uses it: validation of an address, path requests (PROTOCOL.md, "Address validation" and "Paths")."""

import hashlib
import hmac
import ipaddress
import os
import re
import struct

REQUEST, SUCCESS, ERROR = 0x0001, 0x0101, 0x0111
COOKIE = 0x2112A442
USERNAME, ERROR_CODE, NONCE = 0x0006, 0x0009, 0x0015
INTEGRITY, XOR_MAPPED_ADDRESS, PADDING = 0x001C, 0x0020, 0x0026


class Message:
    """A STUN message: kind, transaction id (12 bytes), and attributes in their order."""

    def __init__(self, kind, transaction=None, attributes=()):
        self.kind = kind
        self.transaction = transaction or os.urandom(12)
        self.attributes = list(attributes)

    def get(self, attribute):
        """The value of the first attribute of that type, or None."""
        return next((value for kind, value in self.attributes if kind == attribute), None)

    def error(self):
        """The number of ERROR-CODE, 0 without one."""
        value = self.get(ERROR_CODE) or b""
        return value[2] * 100 + value[3] if len(value) >= 4 else 0

    def encode(self, key=None, size=0):
        """The bytes; padded with PADDING to size, and with MESSAGE-INTEGRITY-SHA256 under key at the end."""
        body = b"".join(attribute(kind, value) for kind, value in self.attributes)
        tail = 36 if key else 0
        if size:
            body += attribute(PADDING, bytes(size - 20 - len(body) - tail - 4))
        packet = struct.pack("!HHI", self.kind, len(body) + tail, COOKIE) + self.transaction + body
        if key:
            packet += attribute(INTEGRITY, hmac.new(key, packet, hashlib.sha256).digest())
        return packet


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def decode(packet):
    """The Message in a datagram, or None if it is not exactly one."""
    if len(packet) < 20:
        return None
    kind, length, cookie = struct.unpack_from("!HHI", packet)
    if cookie != COOKIE or length + 20 != len(packet) or length % 4:
        return None
    attributes, offset = [], 20
    while offset < len(packet):
        what, size = struct.unpack_from("!HH", packet, offset)
        if offset + 4 + size > len(packet):
            return None
        attributes.append((what, packet[offset + 4 : offset + 4 + size]))
        offset += 4 + size + -size % 4
    return Message(kind, packet[8:20], attributes)


def authentic(packet, key):
    """Whether the datagram ends with a good MESSAGE-INTEGRITY-SHA256."""
    if len(packet) < 56 or packet[-36:-32] != struct.pack("!HH", INTEGRITY, 32):
        return False
    return hmac.compare_digest(packet[-32:], hmac.new(key, packet[:-36], hashlib.sha256).digest())


def binding_request(nonce=None):
    """A request for an address to be validated, or for a nonce: 128 bytes."""
    return Message(REQUEST, None, [(NONCE, nonce)] if nonce else [])


def path_request(session_id, count, nonce):
    """A request to move the session to the address it comes from (or, without nonce, the daemon's question); encode it
    with the path key to 160 bytes."""
    return Message(REQUEST, None, [(USERNAME, username(session_id, count))] + ([(NONCE, nonce)] if nonce else []))


def path_success(request, address, key):
    """The answer to a path request that came from address: (host, port)."""
    value = mapped_address(address, request.transaction)
    return Message(SUCCESS, request.transaction, [(XOR_MAPPED_ADDRESS, value)]).encode(key)


def username(session_id, count):
    return b"%s:%d" % (session_id.hex().encode(), count)


def parse_username(value):
    """The session id and the count of a path request, or None."""
    match = re.fullmatch(rb"([0-9a-f]{32}):([1-9][0-9]{0,19})", value or b"")
    if not match or int(match[2]) >= 1 << 64:
        return None
    return bytes.fromhex(match[1].decode()), int(match[2])


def mapped_address(address, transaction):
    """The value of XOR-MAPPED-ADDRESS: family, port and address, masked."""
    ip, mask = packed(address[0]), struct.pack("!I", COOKIE) + transaction
    masked = bytes(a ^ b for a, b in zip(ip, mask))
    return struct.pack("!BBH", 0, 1 if len(ip) == 4 else 2, address[1] ^ COOKIE >> 16) + masked


def packed(host):
    ip = ipaddress.ip_address(host.split("%")[0])
    return (getattr(ip, "ipv4_mapped", None) or ip).packed
