"""Dials, then leaves the last reference to a forked child: fork.py PORT."""

import os
import socket
import sys

import workload

workload.ready()
sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
workload.exchange(sock)
let_go_r, let_go_w = os.pipe()
child = os.fork()
if child == 0:
    os.read(let_go_r, 1)
    workload.exchange(sock)
    sock.close()
    os._exit(0)
sock.close()
os.write(let_go_w, b"x")
_, status = os.waitpid(child, 0)
workload.say(dials=1, requests=2, child=child, child_status=status)
