"""A pool that ten threads share: with_urllib3.py KEPT URL COUNT.

Each thread makes COUNT requests and works with each answer for a while. The pool keeps KEPT
connections; when none is free it dials one more, and on return discards what it cannot keep.
"""

import logging
import threading
import time

import urllib3

import dials
import told

THREADS = 10

mode, url, count = told.arguments()


class Discards(logging.Handler):
    """The pool's own warnings that it is full."""

    count = 0

    def emit(self, record):
        Discards.count += "pool is full" in record.getMessage()


logging.getLogger("urllib3.connectionpool").addHandler(Discards())
pool = urllib3.PoolManager(maxsize=int(mode), block=False)
answered = [0] * THREADS


def work(own):
    for _ in range(count):
        answered[own] += pool.request("GET", url).status == 200
        time.sleep(0.01 + 0.002 * own)


told.ready()
threads = [threading.Thread(target=work, args=(own,)) for own in range(THREADS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
pool.clear()
told.done(dials=dials.count, answers=sum(answered), discards=Discards.count)
