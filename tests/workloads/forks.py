"""A fork storm: forks.py PORT COUNT. Each child dials once and ends without a request."""

import os
import socket
import sys

import workload


def child(port):
    with socket.socket() as sock:
        os._exit(sock.connect_ex(("127.0.0.1", port)))


def main():
    port, count = int(sys.argv[1]), int(sys.argv[2])
    workload.ready()
    failed = 0
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            child(port)
        failed += os.waitpid(pid, 0)[1] != 0
    workload.say(dials=count - failed, requests=0, expected=count)


main()
