"""Processes that ask: with_processes.py MODE URL COUNT.

spawn     a process for each request, one after another
prefork   four workers side by side, each with a Session of its own for its COUNT requests
"""

import multiprocessing
import os
import subprocess
import sys

import told

WORKERS = 4
ONE = """
import http.client, sys, urllib.parse
url = urllib.parse.urlsplit(sys.argv[1])
connection = http.client.HTTPConnection(url.netloc)
connection.request("GET", url.path)
connection.getresponse().read()
connection.close()
"""

mode, url, count = told.arguments()


def work(results):
    import requests

    import dials

    with requests.Session() as session:
        session.trust_env = False
        answered = sum(session.get(url).ok for _ in range(count))
    results.put((os.getpid(), dials.count, answered))


def spawn():
    for _ in range(count):
        # -S -E: without what a start of Python need not do.
        child = subprocess.Popen([sys.executable, "-S", "-E", "-c", ONE, url])
        yield child.pid, 1, int(child.wait() == 0)


def prefork():
    results = multiprocessing.Queue()
    workers = [multiprocessing.Process(target=work, args=(results,)) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    told_by_each = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    return told_by_each


told.ready()
pids, dials, answered = zip(*{"spawn": spawn, "prefork": prefork}[mode]())
told.done(pids=pids, dials=sum(dials), answers=sum(answered))
