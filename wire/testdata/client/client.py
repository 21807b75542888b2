#!/usr/bin/python3
"""A client of the Yodel protocol: prints what happens as JSON, one object a line."""

import argparse
import json
import math
import struct
import sys
import time

import audio
import dtls
import session as sessions
from session import pb


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True, metavar="HOST:PORT")
    parser.add_argument("--nick", default="")
    parser.add_argument("--room", default="lobby")
    parser.add_argument("--identity", metavar="FILE", help="the key, PEM; made if it is not there")
    parser.add_argument("--daemon-fingerprint", metavar="SHA256:…")
    parser.add_argument("--profile", choices=("gcm", "cm"), help="offer only this one")
    parser.add_argument("--roam", action="store_true", help="go on from another socket after the first half")
    parser.add_argument("--resume", action="store_true", help="read: go on in another session after the first half")
    commands = parser.add_subparsers(dest="command", required=True)
    say = commands.add_parser("say", help="send lines and wait for their receipts")
    say.add_argument("text", nargs="+")
    read = commands.add_parser("read", help="print entries")
    read.add_argument("--last", type=int, default=10)
    read.add_argument("--count", type=int, help="go on until there were so many")
    talk = commands.add_parser("talk", help="talk in L16")
    talk.add_argument("--file", help="samples: signed, 16 bits, big-endian, 48000 a second")
    talk.add_argument("--tone", type=float, default=440, metavar="HERTZ")
    talk.add_argument("--seconds", type=float, default=1)
    hear = commands.add_parser("hear", help="hear voices, and tell how much of each came")
    hear.add_argument("--count", type=int, default=1)
    hear.add_argument("--out", help="file for the payloads")
    return parser.parse_args()


def emit(event, **fields):
    plain = {name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items()}
    print(json.dumps({"event": event, **plain}), flush=True)


def emit_joined(joined):
    emit("joined", room=joined.room, newest=joined.newest, replay=joined.replay, truncated=joined.truncated,
         delay_ms=joined.delay_ms, lead_ms=joined.lead_ms, members=[member.nick for member in joined.members])


def open_session(options, identity, resume=b""):
    host, _, port = options.server.rpartition(":")
    profiles = {"gcm": (dtls.GCM,), "cm": (dtls.CM,), None: (dtls.GCM, dtls.CM)}[options.profile]
    session = sessions.Session((host.strip("[]"), int(port)), identity, profiles, options.daemon_fingerprint)
    welcome = session.hello(options.nick, resume)
    emit("welcome", nick=welcome.nick, daemon=session.daemon, profile=session.profile, session=welcome.session_id,
         software=welcome.software, resumed=bool(resume) and welcome.session_id == resume)
    return session


def roam(session):
    """Moves the session to a new socket, while it goes on."""
    moves = session.paths.moves
    session.paths.check(time.monotonic(), sessions.dial(session.address))
    if not session.run(lambda: session.paths.moves > moves or session.paths.gone, sessions.DEATH_TIME):
        raise sessions.Over("the move was not answered")
    if session.paths.gone:
        raise sessions.Over("the daemon does not know the session")
    emit("moved", port=session.socket.getsockname()[1])


def say(session, options, _):
    half = len(options.text) // 2
    for number, text in enumerate(options.text):
        if options.roam and number == half:
            roam(session)
        id = session.publish(options.room, text.encode())
        receipt = session.receipt(id)
        emit("receipt", id=id, pos=receipt.pos, text=text)
    return session


def read(session, options, identity):
    entries, seen, half = [], {}, (options.count or 0) // 2

    def take(entry):
        if entry.room == options.room and (entry.pos == 0 or entry.pos > seen.get("pos", 0)):
            seen["pos"] = max(entry.pos, seen.get("pos", 0))
            entries.append(entry)
            emit("entry", pos=entry.pos, prev=entry.prev, nick=entry.nick, fingerprint=entry.fingerprint,
                 text=entry.body.decode("utf-8", "replace"), at_unix_ns=entry.at_unix_ns, id=entry.id)

    session.handlers["entry"], session.handlers["joined"] = take, emit_joined
    joined = session.ask(join=pb.Join(room=options.room, last=options.last, observe=not options.nick))
    count = joined.replay if options.count is None else options.count
    if options.roam or options.resume:
        session.run(lambda: len(entries) >= half)
    if options.roam:
        roam(session)
    if options.resume:
        session = resumed(session, options, identity, joined.log_id, seen.get("pos", 0), take)
    session.run(lambda: len(entries) >= count)
    return session


def resumed(session, options, identity, log_id, pos, take):
    """Forgets the session, as after a crash, and goes on in another one."""
    session.forget()
    session = open_session(options, identity, session.id)
    session.handlers["entry"], session.handlers["joined"] = take, emit_joined
    after = pb.After(log_id=log_id, pos=pos)
    session.ask(join=pb.Join(room=options.room, after=after, observe=not options.nick))
    return session


def talk(session, options, _):
    joined = session.ask(join=pb.Join(room=options.room, live=True))
    talk = audio.Talk(session, options.room, joined.delay_ms / 1000)
    samples = open(options.file, "rb").read() if options.file else tone(options.tone, options.seconds)
    half = len(samples) // 2 // 960 * 960 if options.roam else 0
    talk.say(samples[:half])
    if options.roam:
        roam(session)
    talk.say(samples[half:])
    report = talk.end()
    if report is None:
        raise sessions.Over("no TalkReport came")
    emit("talked", ssrc=talk.ssrc, packets=talk.sequence - talk.first, received=report.received, lost=report.lost)
    return session


def tone(hertz, seconds):
    step = 2 * math.pi * hertz / 48000
    return b"".join(struct.pack("!h", round(8192 * math.sin(step * n))) for n in range(int(seconds * 48000)))


def hear(session, options, _):
    voices = []

    def over(voice):
        voices.append(voice)
        emit("heard", **voice.summary())

    session.handlers["joined"] = emit_joined
    audio.Hearer(session, options.room, over)
    session.run(lambda: len(voices) >= options.count)
    if options.out:
        with open(options.out, "wb") as file:
            file.write(b"".join(voice.bytes() for voice in voices))
    return session


def main():
    options = arguments()
    identity = dtls.Identity(options.identity)
    emit("identity", fingerprint=dtls.fingerprint(identity.certificate))
    try:
        session = open_session(options, identity)
        {"say": say, "read": read, "talk": talk, "hear": hear}[options.command](session, options, identity).close()
    except (sessions.Over, sessions.Refused, OSError) as error:
        emit("failed", kind=type(error).__name__, reason=str(error))
        sys.exit(1)
    emit("left")


if __name__ == "__main__":
    main()
