"""A client at a source address of its own: source.py redial|reuse SOURCE PORT COUNT. `redial` opens a
connection for each of COUNT requests and closes it, `reuse` sends all of them on one."""

import socket
import sys
import time

import workload

mode, source, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
# The server has seen our close before we come back, and it is no half second.
PAUSE = 0.02


def connect():
    return socket.create_connection(("127.0.0.1", port), source_address=(source, 0))


workload.ready()
dials = 0
kept = connect() if mode == "reuse" else None
for _ in range(count):
    if kept:
        workload.exchange(kept)
    else:
        with connect() as sock:
            workload.exchange(sock)
        dials += 1
    time.sleep(PAUSE)
if kept:
    kept.close()
    dials = 1
workload.say(dials=dials, requests=count)
