"""Dials that are refused: dial.py refused PORT COUNT."""

import errno
import socket
import sys

import workload


def dial(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port))


def main():
    port, count = int(sys.argv[2]), int(sys.argv[3])
    workload.ready()
    errors = [dial(port) for _ in range(count)]
    workload.say(dials=count, requests=0, expected=errors.count(errno.ECONNREFUSED))


main()
