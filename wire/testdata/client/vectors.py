#!/usr/bin/python3
"""Checks the test vectors in ../vectors with the client's code and with what PROTOCOL.md says; prints how many cases of
each file it checked. A file, a kind or a field that it does not know is an error."""

import base64
import glob
import hashlib
import hmac
import ipaddress
import json
import os
import re
import struct
import sys
import unicodedata

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf import json_format

import dtls
import rtp
import stream
import stun
from session import decode_message, pb

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../vectors")
PROFILES = {"AEAD_AES_128_GCM": dtls.GCM, "AES128_CM_HMAC_SHA1_80": dtls.CM}


def same(got, want):
    if got != want:
        raise AssertionError(f"got {got!r}, want {want!r}")


def varint(case):
    data = bytes.fromhex(case["hex"])
    same(stream.read_varint(data, 0), (case["value"], len(data)))
    if case["shortest"]:
        same(stream.varint(case["value"]), data)


def payload(case):
    data = bytes.fromhex(case["hex"])
    try:
        distance, chunks = stream.decode_payload(data)
    except ValueError:
        same(True, case.get("refused"))
        return
    same(case.get("refused", False), False)
    want = [(c["message"], c["offset"], c["total"], bytes.fromhex(c["data"])) for c in case.get("chunks", [])]
    same((distance, chunks), (case["distance"], want))
    if not case.get("not_shortest"):
        same(stream.varint(distance) + b"".join(stream.encode_chunk(*c) for c in chunks), data)


def report(case):
    data = bytes.fromhex(case["hex"])
    packets = rtp.rtcp_packets(data)
    fields = stream.decode_report(packets[0][2]) if packets else None
    same(fields is None, case.get("refused", False))
    if fields is None:
        return
    metrics = [
        0x8000 | m.get("ecn", 0) << 13 | m.get("offset", 0) if m.get("received") else 0 for m in case.get("metrics", [])
    ]
    want = case["sender"], case["media"], case["begin_seq"], metrics
    same((*fields[:3], list(fields[3])), want)
    same(stream.encode_report(*want, case["timestamp"]), data)
    if "last_sent" in case:
        begin = stream.extend(fields[2], case["last_sent"])
        same([n for n, m in enumerate(fields[3], begin) if m & 0x8000], case["acknowledged"])


def red(case):
    data = bytes.fromhex(case["hex"])
    try:
        kind, copies, own = rtp.redundant(data)
    except ValueError:
        same(True, case.get("refused"))
        return
    same(case.get("refused", False), False)
    want = [(c["offset"], bytes.fromhex(c["payload"])) for c in case.get("copies", [])]
    same((kind, copies, own.hex()), (case["payload_type"], want, case["primary"]))
    same(rtp.encode_redundant(kind, copies, own), data)


def rtcp(case):
    data = bytes.fromhex(case["hex"])
    packets = rtp.rtcp_packets(data)
    known = [read_rtcp(*p) for p in packets if p[1] in (rtp.SENDER_REPORT, rtp.RECEIVER_REPORT, rtp.BYE, rtp.FEEDBACK)]
    same(not packets, case.get("refused", False))
    if not packets:
        return
    same(known, case.get("packets", []))
    made = [make_rtcp(p) for p in known]
    if len(known) == len(packets) and None not in made:
        same(b"".join(made), data)


def read_rtcp(count, kind, body):
    """A packet as rtcp.json has it, without the fields that are 0."""
    sender = struct.unpack_from("!I", body)[0]
    if kind == rtp.BYE:
        fields = {"kind": "BYE", "sender": sender, "reason": rtp.bye_reason(body)}
    elif kind == rtp.FEEDBACK:
        media, lost = rtp.nacked(body)
        fields = {"kind": "NACK", "sender": sender, "media": media, "lost": lost}
    elif kind == rtp.RECEIVER_REPORT:
        blocks = [read_block(body[at : at + 24]) for at in range(4, 4 + 24 * count, 24)]
        fields = {"kind": "receiver report", "sender": sender, "filled": len(body) - 4 - 24 * count, "blocks": blocks}
    else:
        names = ("ntp", "rtp_time", "packets", "octets")
        blocks = [read_block(body[at : at + 24]) for at in range(24, 24 + 24 * count, 24)]
        fields = {"kind": "sender report", "sender": sender, "blocks": blocks}
        fields.update(zip(names, struct.unpack_from("!QIII", body, 4)))
    return {name: value for name, value in fields.items() if value}


def read_block(data):
    ssrc, lost, highest, jitter, lsr, dlsr = struct.unpack("!IIIIII", data)
    fields = {"ssrc": ssrc, "fraction": lost >> 24, "lost": lost & 0xFFFFFF, "highest": highest}
    fields.update(jitter=jitter, lsr=lsr, dlsr=dlsr)
    return {name: value for name, value in fields.items() if value}


def make_rtcp(fields):
    """The packet of those fields, or None if a client of this kind does not make such."""
    if fields["kind"] == "BYE":
        return rtp.bye(fields.get("reason", ""), fields["sender"])
    if fields["kind"] == "NACK":
        return rtp.nack(fields["media"], fields["lost"], fields["sender"])
    if fields["kind"] == "receiver report" and "blocks" not in fields:
        return rtp.keepalive(fields["sender"], fields.get("filled", 0))
    return None


def messages(case):
    data = bytes.fromhex(case["hex"])
    message = decode_message(data)
    same(message is None, case.get("refused", False))
    if message is None:
        return
    same(json_format.MessageToDict(message), case["json"])
    if not case.get("not_remade"):  # fields have no fixed order: the same bytes in another one will do
        made = json_format.ParseDict(case["json"], pb.Message()).SerializeToString()
        same((decode_message(made), sorted(made)), (message, sorted(data)))


def names(case):
    name, refused = case["name"], case.get("refused", False)
    if case["kind"] == "room":
        same(not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name), refused)
        return
    same(case["kind"], "nick")
    shown = unicodedata.normalize("NFKC", " ".join(name.split(" ")).strip(" "))
    shown = re.sub(" +", " ", shown)
    bad = not 1 <= len(shown) <= 32 or any(unicodedata.category(c) in ("Cc", "Cf") for c in shown)
    same(bad, refused)
    if not bad:
        same((shown, shown.lower()), (case["shown"], case["key"]))


def sequence(case):
    highest = None
    for step in case["steps"]:
        number = step["seq"] if highest is None else stream.extend(step["seq"], highest)
        same(number if number >= 0 else None, step["number"])
        highest = number if highest is None else max(number, highest)


def lead(case):
    same(min(case["delay_ms"] * 3 // 4, 1500), case["lead_ms"])


def credit(case):
    account = stream.Credit()
    for step in case["steps"]:
        if "wanted" in step:
            same(account.send(step["wanted"]), step.get("sent", False))
        elif "consumed" in step:
            same(account.consume(step["consumed"]), step.get("granted"))
        else:
            account.raised(step["credit"])


def stun_case(case):
    kind, data, key = case["kind"], bytes.fromhex(case.get("hex", "")), bytes.fromhex(case.get("key", ""))
    transaction, nonce = bytes.fromhex(case.get("txid", "")), case.get("nonce", "").encode()
    if kind == "nonce":
        ip, port = endpoint(case["address"])
        address = ipaddress.ip_address(ip).packed
        address = address if len(address) == 16 else bytes(10) + b"\xff\xff" + address
        text = address + struct.pack("!HQ", port, case["unix"] // 60)
        digest = hmac.new(bytes.fromhex(case["secret"]), text, hashlib.sha256).digest()
        same(base64.urlsafe_b64encode(digest[:18]).decode().rstrip("="), case["nonce"])
        return
    if kind in REFUSED:
        same(REFUSED[kind](data, key, transaction), False)
        return
    message = stun.decode(data)
    if kind == "integrity":
        same(stun.authentic(data, key), True)
        return
    same(message.transaction, bytes.fromhex(case["came"])[:12] if kind == "hint" else transaction)
    same(message.get(stun.NONCE) or b"", nonce)
    if kind == "binding request":
        made = stun.binding_request(nonce or None)
        made.transaction = transaction
        same(made.encode(size=128), data)
    elif kind in ("stale nonce", "hint"):
        same((message.kind, message.error()), (stun.ERROR, 438))
    elif kind == "unknown session":
        same((message.kind, message.error()), (stun.ERROR, 401))
    elif kind == "success":
        same((message.kind, message.get(stun.XOR_MAPPED_ADDRESS)), (stun.SUCCESS, mapped(case, transaction)))
    elif kind == "path success":
        same(stun.authentic(data, key), True)
        same(stun.path_success(message, endpoint(case["address"]), key), data)
    elif kind in ("path request", "path question"):
        session = bytes.fromhex(case["session"])
        same((kind == "path request", stun.authentic(data, key)), (bool(nonce), True))
        same(stun.parse_username(message.get(stun.USERNAME)), (session, case["count"]))
        made = stun.path_request(session, case["count"], nonce)
        made.transaction = transaction
        same(made.encode(key, 160), data)
    else:
        raise KeyError(kind)


def is_path_request(data, *_):
    message = stun.decode(data)
    return bool(message and message.kind == stun.REQUEST and stun.parse_username(message.get(stun.USERNAME)))


def is_path_reply(data, key, transaction):
    message = stun.decode(data)
    return bool(message and message.transaction == transaction and stun.authentic(data, key))


REFUSED = {
    "no path request": is_path_request,
    "path request not authentic": lambda data, key, _: stun.authentic(data, key),
    "no path reply": is_path_reply,
}


def endpoint(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def mapped(case, transaction):
    return stun.mapped_address(endpoint(case["address"]), transaction)


def derive(key, salt, label, length):
    """A session key (PROTOCOL.md, "Keys")."""
    iv = bytearray(salt + bytes(16 - len(salt)))
    iv[7] ^= label
    return keystream(key, bytes(iv), bytes(length))


def keystream(key, counter, data):
    return Cipher(algorithms.AES(key), modes.CTR(counter)).encryptor().update(data)


def session_keys(profile, key, salt):
    sizes = [("key", 16), ("salt", len(salt))] if profile == dtls.GCM else [("key", 16), ("auth", 20), ("salt", 14)]
    labels = {"key": 0, "auth": 1, "salt": 2}
    return {
        f"{kind}_{name}": derive(key, salt, first + labels[name], size)
        for kind, first in (("srtp", 0), ("srtcp", 3)) for name, size in sizes
    }


def keys(case):
    profile = PROFILES[case["profile"]]
    for side, master in zip(("client", "server"), dtls.cut(profile, bytes.fromhex(case["exported"]))):
        key, salt = master[:16], master[16:]
        made = {"master_key": key, "master_salt": salt, **session_keys(profile, key, salt)}
        same({name: value.hex() for name, value in made.items()}, case[side])


receivers = {}  # by group


def srtp(case):
    """Opens the packet with libsrtp, and makes it by the tables of PROTOCOL.md, "Packet protection"."""
    profile, data = PROFILES[case["profile"]], bytes.fromhex(case["hex"])
    key, salt = bytes.fromhex(case["master_key"]), bytes.fromhex(case["master_salt"])
    if case["group"] not in receivers:
        receivers[case["group"]] = rtp.Protection(profile, key + salt, False)
    same(case["kind"], "srtcp" if rtp.is_rtcp(data) else "srtp")
    opened = receivers[case["group"]].open(data)
    if case.get("refused"):
        same(opened, None)
        return
    plain = bytes.fromhex(case["plain"])
    same(opened, plain)
    same(seal(case, session_keys(profile, key, salt), plain), data)


def seal(case, secrets, plain):
    kind, gcm = case["kind"], case["profile"] == "AEAD_AES_128_GCM"
    head = 8 if kind == "srtcp" else 12
    ssrc, index = rtp.ssrc_of(plain), case["index"]
    if kind == "srtp":
        counter = struct.pack("!IIH", ssrc, case["roc"], struct.unpack_from("!H", plain, 2)[0])
        end = b""
    else:
        counter, end = struct.pack("!IHI", ssrc, 0, index), struct.pack("!I", 0x80000000 + index)
    key, salt = secrets[kind + "_key"], secrets[kind + "_salt"]
    if gcm:
        nonce = xor(bytes(2) + counter, salt)
        return plain[:head] + AESGCM(key).encrypt(nonce, plain[head:], plain[:head] + end) + end
    sealed = plain[:head] + keystream(key, xor(bytes(4) + counter + bytes(2), salt + bytes(2)), plain[head:]) + end
    roc = struct.pack("!I", case["roc"]) if kind == "srtp" else b""
    return sealed + hmac.new(secrets[kind + "_auth"], sealed + roc, hashlib.sha1).digest()[:10]


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def fingerprint(case):
    with open(os.path.join(FOLDER, case["name"]), "rb") as file:
        certificate = x509.load_pem_x509_certificate(file.read())
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    spki = certificate.public_key().public_bytes(*form)
    same((spki.hex(), hashlib.sha256(spki).hexdigest()), (case["spki"], case["hex"]))
    same(dtls.fingerprint(certificate), case["fingerprint"])


# What stands before the point in the SubjectPublicKeyInfo of a P-256 key (RFC 5480).
P256_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")


def point(key):
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def succession(case):
    signed = b"yodel succeed\0" + bytes.fromhex(case["daemon"]) + bytes.fromhex(case["old"])
    der, signature = bytes.fromhex(case["key"]), bytes.fromhex(case["signature"])
    try:
        key = serialization.load_der_public_key(der)
        if der != P256_HEAD + point(key):
            raise ValueError("not the only form of the key")
        key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    except (ValueError, InvalidSignature):
        same(True, case.get("refused"))
        return
    same(case.get("refused", False), False)
    same(hashlib.sha256(der).hexdigest(), case["hex"])
    private = ec.derive_private_key(int(case["private"], 16), ec.SECP256R1())
    same(point(private.public_key()), point(key))


CHECKS = {
    "varint": varint, "payload": payload, "report": report, "red": red, "rtcp": rtcp, "messages": messages, "names": names,
    "sequence": sequence, "lead": lead, "credit": credit, "stun": stun_case, "keys": keys, "srtp": srtp,
    "fingerprint": fingerprint, "succession": succession,
}


def main():
    failed, paths = 0, sorted(glob.glob(os.path.join(FOLDER, "*.json")))
    for path in paths:
        name = os.path.basename(path)[:-5]
        with open(path, encoding="utf-8") as file:
            cases = json.load(file)["cases"]
        for case in cases:
            try:
                CHECKS[name](case)
            except (AssertionError, KeyError, ValueError, TypeError, AttributeError, struct.error) as error:
                failed += 1
                print(f"{name}.json: {case.get('name')}: {type(error).__name__}: {error}", file=sys.stderr)
        print(f"{name}.json {len(cases)}")
    sys.exit(1 if failed or not paths else 0)


if __name__ == "__main__":
    main()
