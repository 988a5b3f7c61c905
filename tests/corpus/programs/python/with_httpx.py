"""httpx, one call after another: with_httpx.py MODE URL COUNT.

each    a Client for each request
one     one Client
http2   one Client that speaks HTTP/2 and has ten requests outstanding
"""

from concurrent.futures import ThreadPoolExecutor

import httpx

import told

mode, url, count = told.arguments()
dials = 0


def trace(event, _):
    global dials
    dials += event == "connection.connect_tcp.complete"


def get(client):
    response = client.get(url, extensions={"trace": trace})
    return response.raise_for_status().is_success


def client():
    # Without HTTP/1 it begins with HTTP/2 at once: there is no TLS to negotiate it.
    http2 = mode == "http2"
    return httpx.Client(trust_env=False, http2=http2, http1=not http2)


told.ready()
answered = 0
if mode == "each":
    for _ in range(count):
        with client() as own:
            answered += get(own)
elif mode == "one":
    with client() as own:
        answered = sum(get(own) for _ in range(count))
elif mode == "http2":
    with client() as own, ThreadPoolExecutor(10) as threads:
        # The first dials; the others find its connection.
        answered = get(own) + sum(threads.map(lambda _: get(own), range(count - 1)))
else:
    raise SystemExit(f"no mode {mode}")
told.done(dials=dials, answers=answered)
