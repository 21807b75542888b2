"""A session with the daemon: sockets, timers, and the requests of yodel.proto."""

import importlib
import os
import random
import select
import socket
import subprocess
import sys
import tempfile
import time
import warnings

from google.protobuf.message import DecodeError

import dtls
import paths
import rtp
import stream
import stun

DEATH_TIME, KEEPALIVE, AUDIO_REPORT, PING, BYE_SPACING = 30, 15, 5, 15, 0.05
STUN_REPEAT, LONGEST_STUN_REPEAT = 0.25, 0.4


def schema():
    """yodel.proto as a Python module."""
    folder = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
    with tempfile.TemporaryDirectory() as out:
        subprocess.run(["protoc", "-I", folder, "--python_out", out, "yodel.proto"], check=True)
        sys.path.insert(0, out)
        try:
            return importlib.import_module("yodel_pb2")
        finally:
            sys.path.remove(out)


pb = schema()


def decode_message(data):
    """The Message, or None if the bytes are not exactly one."""
    message = pb.Message()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            whole = message.MergeFromString(data) == len(data)
    except DecodeError:
        return None
    return message if whole else None


class Over(Exception):
    """The session is over; the text says why."""


class Refused(Exception):
    """The daemon refused a request."""

    def __init__(self, refused):
        code = pb.Code.Name(refused.code) if refused.code in pb.Code.values() else refused.code
        super().__init__(f"{code}: {refused.reason}")
        self.refused = refused


def dial(address):
    """A connected UDP socket to (host, port), with DF and EF."""
    family, kind, protocol, _, where = socket.getaddrinfo(*address, type=socket.SOCK_DGRAM)[0]
    sock = socket.socket(family, kind, protocol)
    if family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER, IP_PMTUDISC_DO
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 46 << 2)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, 23, 2)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, 46 << 2)
    sock.connect(where)
    return sock


def validate(sock):
    """Shows the daemon that this address is ours. Returns the nonce that was good."""
    nonce, deadline, repeat = None, time.monotonic() + dtls.HANDSHAKE_TIME, STUN_REPEAT
    request = stun.binding_request()
    while time.monotonic() < deadline:
        sock.send(request.encode(size=128))
        again = time.monotonic() + repeat
        while (left := again - time.monotonic()) > 0:
            sock.settimeout(left)
            try:
                answer = stun.decode(sock.recv(2048))
            except TimeoutError:
                break
            if not answer or answer.transaction != request.transaction:
                continue
            if answer.kind == stun.SUCCESS:
                return nonce
            if answer.error() == 438:
                nonce = answer.get(stun.NONCE)
                request, repeat = stun.binding_request(nonce), STUN_REPEAT / 2
                break
        repeat = min(2 * repeat, LONGEST_STUN_REPEAT)
    raise TimeoutError("the daemon does not answer")


class Session:
    """Everything goes on inside run; what comes is given to the functions in `handlers`, by the kind of the message."""

    def __init__(self, address, identity, profiles=(dtls.GCM, dtls.CM), fingerprint=None):
        self.address = address
        self.socket = dial(address)
        validate(self.socket)
        began = time.monotonic()
        keys = dtls.handshake(self.socket, identity, profiles)
        if fingerprint and keys.daemon != fingerprint:
            raise ConnectionError(f"the daemon is {keys.daemon}, not {fingerprint}")
        self.socket.setblocking(False)
        self.profile, self.daemon = keys.profile, keys.daemon
        self.tx = rtp.Protection(keys.profile, keys.client, True)
        self.rx = rtp.Protection(keys.profile, keys.server, False)
        self.sender, self.receiver = stream.Sender(time.monotonic() - began), stream.Receiver()
        self.paths = paths.Paths(self, keys.path)
        self.tickers = [self.paths]  # have timer() and tick(now)
        self.handlers = {}  # kind: function of the message
        self.answers, self.receipts = {}, {}  # by request; by id
        self.requests, self.id, self.welcome = 0, b"", None
        self.ids = random.getrandbits(40) << 24
        self.talks, self.streams = {}, {}  # by SSRC: what takes NACKs, what takes audio
        self.credit = stream.Credit()
        now = time.monotonic()
        self.heard = self.reported = self.spoke = now  # times of the last sign of life, report and message
        self.audio = 0.0  # when audio was sent or received

    # What the user asks for.

    def hello(self, nick, resume=b""):
        """Says Hello; returns Welcome. A refused nick raises Refused."""
        self.post(hello=pb.Hello(versions=[1], software="foreign/1", nick=nick, session_id=resume))
        self.run(lambda: self.welcome or 0 in self.answers)
        if nick and self.welcome and not self.welcome.nick:
            self.run(lambda: 0 in self.answers)
        if 0 in self.answers:
            raise Refused(self.answers.pop(0))
        return self.welcome

    def ask(self, **kind):
        """Sends a request, e.g. ask(join=pb.Join(room="lobby")), and returns its answer."""
        self.requests += 1
        number, message = self.requests, next(iter(kind.values()))
        message.request = number
        self.post(**kind)
        self.run(lambda: number in self.answers)
        answer = self.answers.pop(number)
        if isinstance(answer, pb.Refused):
            raise Refused(answer)
        return answer

    def publish(self, room, body, id=None):
        """Sends a message to a room and returns its id; the receipt comes later."""
        self.ids += 1
        message = pb.Message(publish=pb.Publish(room=room, id=id or self.ids, body=body))
        self.run(lambda: self.credit.send(message.ByteSize()))
        self.post(publish=message.publish)
        return message.publish.id

    def receipt(self, id, timeout=None):
        """Waits for the receipt of a message."""
        self.run(lambda: id in self.receipts, timeout)
        if isinstance(self.receipts[id], pb.Refused):
            raise Refused(self.receipts[id])
        return self.receipts[id]

    def close(self, reason="left"):
        """Says BYE three times."""
        for _ in range(3):
            self.transmit(rtp.bye(reason))
            time.sleep(BYE_SPACING)
        self.forget()

    def forget(self):
        """Closes the sockets without a word."""
        for sock in self.sockets():
            sock.close()

    # The loop.

    def run(self, until=lambda: False, timeout=None):
        """Goes on until the condition holds: True; or the time is up: False. Raises Over."""
        deadline = time.monotonic() + timeout if timeout is not None else None
        while True:
            self.tick(time.monotonic())
            if until():
                return True
            if deadline is not None and time.monotonic() >= deadline:
                return False
            ready, _, _ = select.select(self.sockets(), [], [], max(0, self.next_timer(deadline) - time.monotonic()))
            for sock in ready:
                self.read(sock)

    def sockets(self):
        return [self.socket] + self.paths.sockets()

    def next_timer(self, deadline):
        times = [self.reported + KEEPALIVE, self.spoke + PING, self.heard + DEATH_TIME, deadline]
        if self.audio > self.reported:
            times.append(self.reported + AUDIO_REPORT)
        times += [self.sender.timer(), self.receiver.report_at] + [t.timer() for t in self.tickers]
        return min(time for time in times if time is not None)

    def tick(self, now):
        """Sends all that is due."""
        if now >= self.heard + DEATH_TIME:
            raise Over("timed out")
        if now >= self.spoke + PING:
            self.requests += 1
            self.post(ping=pb.Ping(request=self.requests, padding=bytes(48)))
        if now >= self.reported + (AUDIO_REPORT if self.audio > self.reported else KEEPALIVE):
            self.reported = now
            self.transmit(rtp.keepalive())
        for number, payload in self.sender.timeout(now) + self.sender.packets(now):
            self.transmit_messages(number, payload, now)
        if self.receiver.report_at is not None and now >= self.receiver.report_at:
            if report := self.receiver.report(now):
                self.transmit(report)
        for ticker in list(self.tickers):
            ticker.tick(now)

    def post(self, **kind):
        """Queues a message of the stream."""
        self.sender.send(pb.Message(**kind).SerializeToString())
        self.spoke = time.monotonic()

    def transmit_messages(self, number, payload, now):
        self.transmit(rtp.Packet(rtp.MESSAGES, number, int(now * 1000), rtp.PEER, payload).encode())

    def transmit(self, packet):
        """Protects a packet and sends it; returns the datagram."""
        datagram = self.tx.protect(packet)
        self.write(datagram)
        return datagram

    def write(self, datagram):
        try:
            self.socket.send(datagram)
        except (ConnectionRefusedError, BlockingIOError):
            pass  # lost, like others on the way
        except OSError:
            self.paths.check(time.monotonic(), dial(self.address))  # no route, no address

    # What comes.

    def read(self, sock):
        """Takes all datagrams that wait on a socket."""
        while True:
            try:
                datagram = sock.recv(2048)
            except (BlockingIOError, ConnectionRefusedError, OSError):
                return
            now = time.monotonic()
            if datagram and datagram[0] <= 3:
                self.paths.stun(datagram, sock, now)
            elif rtp.is_rtp_or_rtcp(datagram) and rtp.ssrc_of(datagram) in self.streams.keys() | {rtp.DAEMON}:
                if packet := self.rx.open(datagram):
                    self.heard = now
                    (self.take_rtcp if rtp.is_rtcp(packet) else self.take_rtp)(packet, now)

    def take_rtp(self, packet, now):
        packet = rtp.decode(packet)
        if packet and packet.ssrc in self.streams:
            self.audio = now
            self.streams[packet.ssrc].take(packet, now)
        elif packet and packet.ssrc == rtp.DAEMON and packet.payload_type == rtp.MESSAGES:
            for message in self.receiver.packet(packet.sequence, packet.payload, now):
                self.take_message(message)

    def take_rtcp(self, datagram, now):
        for form, kind, body in rtp.rtcp_packets(datagram):
            if kind == rtp.FEEDBACK and form == rtp.CCFB:
                self.sender.report(body, now)
            elif kind == rtp.FEEDBACK and form == rtp.NACK and len(body) >= 12:
                ssrc, sequences = rtp.nacked(body)
                if ssrc in self.talks:
                    self.talks[ssrc].nacked(sequences)
            elif kind == rtp.BYE:
                raise Over(rtp.bye_reason(body))

    def take_message(self, data):
        message = decode_message(data)
        kind = message and message.WhichOneof("kind")
        if not kind:
            return  # malformed, or not known
        value = getattr(message, kind)
        if kind == "welcome":
            self.welcome, self.id = value, value.session_id
        elif kind == "receipt" or kind == "refused" and value.id:
            self.receipts[value.id] = value
        elif kind == "credit":
            self.credit.raised(value.limit)
        elif kind == "entry":
            if limit := self.credit.consume(len(data)):
                self.post(credit=pb.Credit(limit=limit))
        elif kind not in ("pong", "presence", "talk_start", "talk_end", "talk_report", "room_info"):
            self.answers[value.request] = value
        if kind in self.handlers:
            self.handlers[kind](value)
