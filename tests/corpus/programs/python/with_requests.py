"""requests, one call after another: with_requests.py MODE URL COUNT.

each      requests.get, which makes a session for each call and closes it
session   one Session
unread    stream=True, closed before the body was read
timeout   one Session whose answers take longer than it waits
patient   one Session, the same wait, a tenth of the answers too late

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


def get(caller, path="", **options):
    global answered
    with caller.get(url + path, verify=False, **options) as response:
        response.raise_for_status()
        answered += 1


def bounded(path=""):
    global timeouts
    try:
        get(session, path, timeout=(5, 0.2))
    except requests.ReadTimeout:
        timeouts += 1


told.ready()
for nth in range(count):
    if mode == "each":
        get(requests)
    elif mode == "session":
        get(session)
    elif mode == "unread":
        get(session, stream=True)
    elif mode == "timeout":
        bounded()
    elif mode == "patient":
        bounded("/slow" if nth % 10 == 5 else "/small")
    else:
        raise SystemExit(f"no mode {mode}")
session.close()
told.done(dials=dials.count, answers=answered, timeouts=timeouts)
