"""Asks twice on each of COUNT connections; the server resets instead of answering the second time:
reset.py PORT COUNT."""

import socket
import sys

import workload

port, count = int(sys.argv[1]), int(sys.argv[2])
resets = 0
workload.ready()
for _ in range(count):
    with socket.create_connection(("127.0.0.1", port)) as sock:
        workload.exchange(sock)
        sock.sendall(b"GET /small HTTP/1.1\r\nHost: peer\r\n\r\n")
        try:
            sock.recv(1)
        except ConnectionResetError:
            resets += 1
workload.say(dials=count, requests=count, expected=resets)
