"""Meets a server that closes after each answer, four times a second until told to stop:
eof.py leak|close PORT. `leak` never closes its side; `close` does, once it read the end."""

import select
import socket
import sys

import workload

mode, port = sys.argv[1], int(sys.argv[2])
kept = []
dials = 0
workload.ready()
while not select.select([sys.stdin], [], [], 0.25)[0]:
    sock = socket.create_connection(("127.0.0.1", port))
    dials += 1
    workload.exchange(sock)
    if mode == "leak":
        kept.append(sock)
    else:
        assert sock.recv(1) == b""
        sock.close()
    workload.say(dials=dials, requests=dials)
workload.say(dials=dials, requests=dials, done=True)
