"""A session's way: the peer moves it to another address by a path request (PROTOCOL.md, "Paths")."""

import time

import stun

REPEAT, LONGEST_REPEAT, DECISION = 0.25, 1.0, 3.0
HINT_SPACING, DOUBT_TIME, OLD_SOCKET_TIME = 1.0, 5.0, 2.0


class Paths:
    def __init__(self, session, key):
        self.session, self.key = session, key
        self.count = 0  # of the requests of this side
        self.question = (0, b"")  # count and transaction of the daemon's last
        self.candidate = None  # the socket that is asked about: the session's, or a new one
        self.request, self.datagram, self.nonce, self.made = None, b"", None, 0.0
        self.again, self.spacing = None, REPEAT
        self.hinted = 0.0
        self.old, self.old_until = None, None
        self.gone = False  # the daemon has no such session
        self.moves = 0

    def sockets(self):
        others = [self.candidate, self.old]
        return [sock for sock in others if sock is not None and sock is not self.session.socket]

    def check(self, now, sock, nonce=None):
        """Begins a path check from a socket: the session's, or a new one to move to."""
        if self.candidate is not None and self.candidate not in (sock, self.session.socket):
            self.candidate.close()
        sock.setblocking(False)
        self.candidate, self.spacing = sock, REPEAT
        self.ask(now, nonce)

    def ask(self, now, nonce):
        """Sends a new request: with the nonce, or for one."""
        self.nonce, self.made = nonce, now
        if nonce:
            self.count += 1
            self.request = stun.path_request(self.session.id, self.count, nonce)
            self.datagram = self.request.encode(self.key, 160)
        else:
            self.request = stun.binding_request()
            self.datagram = self.request.encode(size=128)
        self.send(now)

    def send(self, now):
        self.again = now + self.spacing
        self.spacing = min(2 * self.spacing, LONGEST_REPEAT)
        try:
            self.candidate.send(self.datagram)
        except OSError:
            pass

    def timer(self):
        doubt = self.session.heard + DOUBT_TIME if self.waits() else None
        return min((at for at in (self.again, self.old_until, doubt) if at is not None), default=None)

    def waits(self):
        """Whether something was sent that needs an answer, and no check goes on."""
        return self.candidate is None and self.session.id and self.session.sender.flight

    def tick(self, now):
        if self.again is not None and now >= self.again:
            if self.nonce and now >= self.made + DECISION:  # the daemon does not decide twice about one request
                self.ask(now, self.nonce)
            else:
                self.send(now)
        if self.old_until is not None and now >= self.old_until:
            self.old.close()
            self.old = self.old_until = None
        if self.waits() and now >= self.session.heard + DOUBT_TIME:
            self.check(now, self.session.socket)

    def stun(self, datagram, sock, now):
        """Takes a STUN datagram that came on a socket."""
        message = stun.decode(datagram)
        if message is None:
            return
        if message.kind == stun.REQUEST:
            if sock is self.session.socket and self.candidate in (None, sock):  # not one that is being left
                self.answer(datagram, message)
        elif self.request and sock is self.candidate and message.transaction == self.request.transaction:
            self.answered(datagram, message, now)
        elif message.error() == 438 and sock is self.session.socket and self.session.id:
            if self.candidate is None and now >= self.hinted + HINT_SPACING:
                self.hinted = now
                self.check(now, sock, message.get(stun.NONCE))

    def answered(self, datagram, message, now):
        if message.error() == 438:
            self.spacing = REPEAT
            self.ask(now, message.get(stun.NONCE))
        elif message.error() == 401:
            self.gone, self.again = True, None
        elif message.kind == stun.SUCCESS and stun.authentic(datagram, self.key):
            self.settle(now)

    def settle(self, now):
        """The daemon has the session at the candidate's address."""
        session, sock = self.session, self.candidate
        self.candidate = self.request = self.again = None
        if sock is not session.socket:
            self.old, self.old_until = session.socket, now + OLD_SOCKET_TIME
            session.socket = sock
        self.moves += 1
        session.heard = now
        for number, payload in session.sender.probe(now):
            session.transmit_messages(number, payload, now)

    def answer(self, datagram, request):
        """Answers the daemon's question whether the session is still here."""
        name = stun.parse_username(request.get(stun.USERNAME))
        if request.get(stun.NONCE) is not None or not name or name[0] != self.session.id:
            return
        if not stun.authentic(datagram, self.key):
            return
        question = (name[1], request.transaction)
        if question[0] > self.question[0] or question == self.question:
            self.question = question
            self.session.heard = time.monotonic()
            where = self.session.socket.getpeername()[:2]
            self.session.write(stun.path_success(request, where, self.key))
