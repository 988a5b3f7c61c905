"""GETs one path many times: fetch.py new|persistent|urllib|to-eof PORT PATH COUNT.

new         an HTTPConnection for each request, closed once the answer is read
persistent  one HTTPConnection for all
urllib      urlopen for each, which asks the server to close
to-eof      a socket for each, read until the server closes
"""

import http.client
import socket
import sys
import urllib.request

import workload

dials = 0


class Counted(http.client.HTTPConnection):
    """Counts its dials where they happen, automatic redials included."""

    def connect(self):
        global dials
        dials += 1
        super().connect()


def drain(connection, path):
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    return response.status


def new(port, path, count):
    for _ in range(count):
        connection = Counted("127.0.0.1", port)
        yield drain(connection, path)
        connection.close()


def persistent(port, path, count):
    connection = Counted("127.0.0.1", port)
    for _ in range(count):
        yield drain(connection, path)
    connection.close()


def by_urllib(port, path, count):
    class Handler(urllib.request.HTTPHandler):
        def http_open(self, request):
            return self.do_open(Counted, request)

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Handler)
    for _ in range(count):
        with opener.open(f"http://127.0.0.1:{port}{path}") as response:
            response.read()
            yield response.status


def to_eof(port, path, count):
    global dials
    for _ in range(count):
        with socket.create_connection(("127.0.0.1", port)) as sock:
            dials += 1
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: peer\r\n\r\n".encode())
            answer = b""
            while piece := sock.recv(65536):
                answer += piece
        yield int(answer.split()[1])


def main():
    mode, port, path, count = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    modes = {"new": new, "persistent": persistent, "urllib": by_urllib, "to-eof": to_eof}
    workload.ready()
    statuses = list(modes[mode](port, path, count))
    workload.say(dials=dials, requests=len(statuses), ok=statuses.count(200))


main()
