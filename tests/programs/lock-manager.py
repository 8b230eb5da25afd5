#!/usr/bin/env python3
"""usage: lock-manager.py LOG ANSWER...

A lock manager (NLM version 4) that registers with the portmapper in the place of the server's own, and answers the
calls in turn as it is told; the last answer goes for all that follow. It writes the name of each call to LOG. Answers:
a number is a status; cookie: that of another call; short: half a reply; huge: a reply of 1 MiB; close: closes the
connection; silent: none; unavailable: it does not have the procedure; unmonitored: the same of NM_LOCK, otherwise 0.
"""
import os, socket, struct, sys, threading

NLM, PORTMAPPER, TCP = 100021, 100000, 6
NAMES = {1: "TEST", 2: "LOCK", 3: "CANCEL", 4: "UNLOCK", 22: "NM_LOCK"}
log, *answers = sys.argv[1:]


def words(*numbers):
    return struct.pack(f">{len(numbers)}I", *numbers)


def portmapper(procedure, port):
    """UNSET is 2, SET is 1; from a reserved port, since the registration is the superuser's."""
    with socket.socket() as connection:
        connection.bind(("127.0.0.1", 700 + procedure))
        connection.connect(("127.0.0.1", 111))
        call = words(1, 0, 2, PORTMAPPER, 2, procedure, 0, 0, 0, 0, NLM, 4, TCP, port)
        connection.sendall(words(len(call) | 1 << 31) + call)
        reply = connection.recv(100)
        return reply[-1]


def records(connection):
    stream = connection.makefile("rb")
    try:
        while mark := stream.read(4):
            yield stream.read(struct.unpack(">I", mark)[0] & 0x7FFFFFFF)
    except OSError:
        pass  # reset


def serve(connection):
    for call in records(connection):
        xid, procedure = struct.unpack(">I16xI", call[:24])
        credential = struct.unpack(">I", call[28:32])[0]
        arguments = call[32 + credential + 8 :]
        cookie = arguments[: 4 + struct.unpack(">I", arguments[:4])[0]]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        with open(log, "a") as file:
            print(NAMES.get(procedure, procedure), file=file)
        accepted, body = 0, cookie + words(int(answer) if answer.isdigit() else 0)
        if answer == "close":
            connection.shutdown(socket.SHUT_RDWR)
            return
        if answer == "silent":
            continue
        if answer == "unavailable" or answer == "unmonitored" and procedure == 22:
            accepted, body = 3, b""
        if answer == "cookie":
            body = words(4, 0xDEAD, 0)
        if answer == "short":
            body = body[:6]
        if answer == "huge":
            body = words(1 << 20) + bytes(1 << 20) + words(0)
        reply = words(xid, 1, 0, 0, 0, accepted) + body
        try:
            connection.sendall(words(len(reply) | 1 << 31) + reply)
        except OSError:
            return


listener = socket.create_server(("127.0.0.1", 0))
portmapper(2, 0)
if portmapper(1, listener.getsockname()[1]) != 1:
    sys.exit("the portmapper does not take the registration")
open(log, "w").close()
while True:
    connection, _ = listener.accept()
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
