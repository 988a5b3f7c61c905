"""Dials that do not succeed: dial.py refused|cancel|timeout PORT COUNT.

refused  blocking connects
cancel   non-blocking connects, closed before they are established
timeout  blocking connects with one SYN retransmission, about three seconds each
"""

import errno
import socket
import sys

import workload


def dial(mode, port):
    with socket.socket() as sock:
        if mode == "cancel":
            sock.setblocking(False)
        if mode == "timeout":
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 1)
        return sock.connect_ex(("127.0.0.1", port))


def main():
    mode, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    expected = {"refused": errno.ECONNREFUSED, "cancel": errno.EINPROGRESS, "timeout": errno.ETIMEDOUT}
    workload.ready()
    errors = [dial(mode, port) for _ in range(count)]
    workload.say(dials=count, requests=0, expected=errors.count(expected[mode]))


main()
