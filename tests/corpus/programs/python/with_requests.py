"""requests, one call after another: with_requests.py MODE URL COUNT.

each      requests.get, which makes a session for each call and closes it
session   one Session
unread    stream=True, closed before the body was read
timeout   one Session whose answers take longer than it waits
patient   the same, and it waits long enough

A server certificate is not checked: it is made for the test.
"""

import warnings

import requests
import urllib3

import dials
import told

mode, url, count = told.arguments()
warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
session = requests.Session()
session.trust_env = False
answered = 0
timeouts = 0


def get(caller, **options):
    global answered
    with caller.get(url, verify=False, **options) as response:
        response.raise_for_status()
        answered += 1


def bounded(wait_s):
    global timeouts
    try:
        get(session, timeout=wait_s)
    except requests.ReadTimeout:
        timeouts += 1


told.ready()
for _ in range(count):
    if mode == "each":
        get(requests)
    elif mode == "session":
        get(session)
    elif mode == "unread":
        get(session, stream=True)
    elif mode == "timeout":
        bounded(0.2)
    elif mode == "patient":
        bounded(5)
    else:
        raise SystemExit(f"no mode {mode}")
session.close()
told.done(dials=dials.count, answers=answered, timeouts=timeouts)
