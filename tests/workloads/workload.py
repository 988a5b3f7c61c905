"""How every Python workload talks to the test that runs it: one JSON object a line.

First its pid; then it waits for a line on stdin, works, and reports what it counted itself.
"""

import json
import os
import sys


def say(**facts):
    """Tells the test something."""
    print(json.dumps(facts), flush=True)


def wait():
    """Blocks until the test writes a line or closes our stdin."""
    sys.stdin.readline()


def ready():
    """Says who we are and waits to be told to begin."""
    say(pid=os.getpid())
    wait()


def exchange(sock):
    """One HTTP request and its whole answer on a socket, connection kept."""
    sock.sendall(b"GET /small HTTP/1.1\r\nHost: peer\r\n\r\n")
    answer = b""
    while not answer.endswith(b"\r\n\r\nok"):
        piece = sock.recv(4096)
        if not piece:
            raise ConnectionError("the answer ended early")
        answer += piece
