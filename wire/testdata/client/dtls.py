"""The handshake: DTLS 1.2 over a datagram socket, with OpenSSL (PROTOCOL.md, "Handshake" and "Keys")."""

import base64
import datetime
import hashlib
import os
import struct
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL, crypto

DATAGRAM = 1200
CIPHERS = b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305"
GCM, CM = "SRTP_AEAD_AES_128_GCM", "SRTP_AES128_CM_SHA1_80"
KEY_BYTES = {GCM: (16, 12), CM: (16, 14)}  # master key, master salt
HANDSHAKE_TIME, FLIGHT_REPEAT = 15, 0.4
ALERT, APPLICATION_DATA = 21, 23


class Identity:
    """A P-256 key and a certificate for it. Its fingerprint is who the peer is."""

    def __init__(self, path=None):
        """Reads the key from a PEM file, makes that file if there is none; without a path the key is thrown away."""
        if path and os.path.exists(path):
            with open(path, "rb") as file:
                self.key = serialization.load_pem_private_key(file.read(), None)
        else:
            self.key = ec.generate_private_key(ec.SECP256R1())
            if path:
                self.save(path)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "yodel")])
        start = datetime.datetime(2020, 1, 1)
        builder = x509.CertificateBuilder(name, name, self.key.public_key(), x509.random_serial_number(), start)
        self.certificate = builder.not_valid_after(datetime.datetime(2049, 1, 1)).sign(self.key, hashes.SHA256())

    def save(self, path):
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(self.key.private_bytes(*form))


def fingerprint(certificate):
    """SHA256: and the base64 of the hash of the certificate's public key."""
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = hashlib.sha256(certificate.public_key().public_bytes(*form)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


class Keys:
    """What a handshake yields: master key ‖ salt of each side, the path key, and the daemon's fingerprint."""

    def __init__(self, profile, material, path, daemon):
        self.profile, self.path, self.daemon = profile, path, daemon
        self.client, self.server = cut(profile, material)


def cut(profile, material):
    """The exported bytes as (client key ‖ salt, server key ‖ salt)."""
    key, salt = KEY_BYTES[profile]
    salts = material[2 * key :]
    return material[:key] + salts[:salt], material[key : 2 * key] + salts[salt : 2 * salt]


def handshake(socket, identity, profiles=(GCM, CM)):
    """Shakes hands over a connected socket whose address is validated; raises TimeoutError."""
    connection = connect(identity, profiles)
    deadline, flight = time.monotonic() + HANDSHAKE_TIME, []
    while not finished(connection):
        flight = transmit(socket, outgoing(connection)) or flight
        if time.monotonic() > deadline:
            raise TimeoutError("the handshake timed out")
        socket.settimeout(FLIGHT_REPEAT)
        try:
            take(connection, socket.recv(2048))
        except (TimeoutError, ConnectionRefusedError):
            # OpenSSL repeats a flight after 1 s, 2 s, 4 s … In between the same datagrams go once more: the daemon takes
            # them if the first were lost.
            SSL._lib.DTLSv1_handle_timeout(connection._ssl)
            transmit(socket, flight)
    transmit(socket, outgoing(connection))
    return keys(connection)


def connect(identity, profiles):
    context = SSL.Context(SSL.DTLS_CLIENT_METHOD)
    context.set_options(SSL.OP_NO_QUERY_MTU | SSL.OP_NO_TICKET)
    context.set_verify(SSL.VERIFY_PEER, lambda *_: True)  # who it is the fingerprint tells
    context.use_certificate(crypto.X509.from_cryptography(identity.certificate))
    context.use_privatekey(crypto.PKey.from_cryptography_key(identity.key))
    context.set_cipher_list(CIPHERS)
    context.set_tlsext_use_srtp(":".join(profiles).encode())
    connection = SSL.Connection(context)
    connection.set_ciphertext_mtu(DATAGRAM)
    connection.set_connect_state()
    return connection


def finished(connection):
    try:
        connection.do_handshake()
        return True
    except SSL.WantReadError:
        return False
    except SSL.Error as error:
        raise ConnectionError(f"the handshake failed: {error}") from error


def transmit(socket, datagrams):
    for datagram in datagrams:
        try:
            socket.send(datagram)
        except ConnectionRefusedError:
            pass  # an ICMP answer to an earlier one; the time decides
    return datagrams


def outgoing(connection):
    """What OpenSSL wants to send, as datagrams of whole records."""
    data = b""
    while True:
        try:
            data += connection.bio_read(65536)
        except SSL.WantReadError:
            break
    datagrams = []
    for record in split(data):
        if datagrams and len(datagrams[-1]) + len(record) <= DATAGRAM:
            datagrams[-1] += record
        else:
            datagrams.append(record)
    return datagrams


def split(data):
    """The records of a datagram: 13 bytes of header each, the last two of which are the length."""
    while len(data) >= 13:
        end = 13 + struct.unpack_from("!H", data, 11)[0]
        yield data[:end]
        data = data[end:]


def take(connection, datagram):
    taken = records(datagram)
    if taken:  # OpenSSL calls a write of nothing an error
        connection.bio_write(taken)


def records(datagram):
    """A datagram without its alerts and application data in the clear, which anyone could have sent."""
    if not datagram or not 20 <= datagram[0] <= 63:
        return b""
    return b"".join(r for r in split(datagram) if r[0] not in (ALERT, APPLICATION_DATA) or r[3:5] != b"\0\0")


def keys(connection):
    selected = SSL._lib.SSL_get_selected_srtp_profile(connection._ssl)
    if selected == SSL._ffi.NULL:
        raise ConnectionError("the daemon took no SRTP profile")
    profile = SSL._ffi.string(selected.name).decode()
    material = connection.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * sum(KEY_BYTES[profile]))
    path = connection.export_keying_material(b"EXPERIMENTAL yodel path", 32)
    return Keys(profile, material, path, fingerprint(connection.get_peer_certificate().to_cryptography()))
