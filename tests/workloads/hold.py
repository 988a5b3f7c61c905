"""Holds a connection after one exchange and leaves by _exit, which closes nothing itself:
hold.py PORT STATUS. The test may kill it while it holds."""

import os
import socket
import sys

import workload

workload.ready()
held = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
workload.exchange(held)
workload.say(dials=1, requests=1)
workload.wait()
os._exit(int(sys.argv[2]))
