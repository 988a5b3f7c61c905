"""Counts where urllib3 dials, which is below `requests` too."""

import threading

from urllib3.connection import HTTPConnection

lock = threading.Lock()
count = 0
dial = HTTPConnection._new_conn


def counted(connection):
    global count
    with lock:
        count += 1
    return dial(connection)


HTTPConnection._new_conn = counted
