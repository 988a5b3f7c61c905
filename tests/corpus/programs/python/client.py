"""Plays the plain Python clients of the corpus: client.py MODE PORT TIMES.

new         an HTTPConnection for each request
persistent  one HTTPConnection for all
to-eof      a socket for each request, read until the server closes
leak        the same, and never closed
refused     dials that are refused

It says its pid, waits for a line on stdin, works, says what it counted and ends when its stdin does.
"""

import http.client
import json
import os
import socket
import sys
import time

mode, port, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
dials = answers = 0
held = []


def say(**facts):
    """One JSON object a line."""
    print(json.dumps(facts), flush=True)


class Counted(http.client.HTTPConnection):
    """Counts its dials."""

    def connect(self):
        global dials
        dials += 1
        super().connect()


def get(connection):
    """One request and its whole answer."""
    global answers
    connection.request("GET", "/small")
    response = connection.getresponse()
    response.read()
    answers += response.status == 200


def to_eof():
    """One request on a socket of its own, which the server closes."""
    global dials, answers
    dials += 1
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(b"GET /small HTTP/1.1\r\nHost: peer\r\n\r\n")
    answer = b""
    while piece := client.recv(4096):
        answer += piece
    answers += answer.startswith(b"HTTP/1.1 200")
    return client


def refused():
    """A dial that must be refused."""
    global dials
    dials += 1
    try:
        socket.create_connection(("127.0.0.1", port))
    except ConnectionRefusedError:
        return
    raise AssertionError("somebody listens")


say(pid=os.getpid())
sys.stdin.readline()
shared = Counted("127.0.0.1", port)
for _ in range(times):
    if mode == "new":
        own = Counted("127.0.0.1", port)
        get(own)
        own.close()
    elif mode == "persistent":
        get(shared)
    elif mode == "to-eof":
        to_eof().close()
    elif mode == "leak":
        held.append(to_eof())
        time.sleep(0.25)
    elif mode == "refused":
        refused()
    else:
        raise ValueError(mode)
shared.close()
say(done=True, dials=dials, connected=0 if mode == "refused" else dials, answers=answers)
sys.stdin.read()
