"""How every Python program of the corpus talks to the test: one JSON object a line.

First its pid; then it waits for a line on stdin, works, says what it counted itself, and ends when
its stdin ends.
"""

import json
import os
import sys


def say(**facts):
    """Tells the test something."""
    print(json.dumps(facts), flush=True)


def ready():
    """Says who we are and waits to be told to begin."""
    say(pid=os.getpid())
    sys.stdin.readline()


def done(**facts):
    """Says what we counted and waits to be told to end."""
    say(done=True, **facts)
    sys.stdin.read()


def arguments():
    """MODE URL COUNT."""
    mode, url, count = sys.argv[1:]
    return mode, url, int(count)
