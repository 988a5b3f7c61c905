"""Dials ten times a second and closes nothing, or asks slowly on each connection: a server and its
client in a network namespace of their own (the test starts it so): hoard_apart.py idle|busy."""

import fcntl
import select
import socket
import struct
import sys
import threading
import time

import workload

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def raise_loopback():
    """A new namespace has its loopback device down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        name = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(control, SIOCGIFFLAGS, name))[1]
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))


def answer(peer, once):
    """Answers the first request; a later one only if not `once`."""
    while peer.recv(4096):
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        if once:
            return


def serve(listener, once):
    kept = []
    while True:
        peer, _ = listener.accept()
        kept.append(peer)
        threading.Thread(target=answer, args=(peer, once), daemon=True).start()


busy = sys.argv[1] == "busy"
raise_loopback()
listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]
threading.Thread(target=serve, args=(listener, busy), daemon=True).start()
workload.ready()
held = []
while not select.select([sys.stdin], [], [], 0)[0]:
    client = socket.create_connection(("127.0.0.1", port))
    workload.exchange(client)
    if busy:
        # Asked again, and never answered: each connection is in use.
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: peer\r\n\r\n")
    held.append(client)
    workload.say(dials=len(held), requests=len(held), port=port)
    time.sleep(0.1)
workload.say(dials=len(held), requests=len(held), port=port)
