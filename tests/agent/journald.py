"""A journal of systemd in a mount namespace of its own, as the service manager would run it: the socket
is the manager's, and stays while journald is restarted. Commands come on stdin, one a line; each is
answered by a line on stdout once it is done.

    start      journald, and its socket if there is none; done once journald reads
    stop       journald, its socket stays, and what waits in it
    remove     the socket, once journald has written what waited in it
    read PATH  writes the entries of tracer into a file, as JSON
"""

import os
import signal
import socket
import subprocess
import sys

SOCKET = "/run/systemd/journal/socket"
SETTINGS = """[Journal]
Storage=volatile
RateLimitIntervalSec=0
RateLimitBurst=0
ForwardToSyslog=no
ForwardToWall=no
ReadKMsg=no
Audit=no
"""
READY = "/run/ready"
# A service manager names the process it passes sockets to, as file descriptors from 3 on.
EXECUTE = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec /lib/systemd/systemd-journald"

subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
for folder in ["/run/systemd/journal", "/run/log/journal", "/run/systemd/journald.conf.d"]:
    os.makedirs(folder)
with open("/run/systemd/journald.conf.d/test.conf", "w") as file:
    file.write(SETTINGS)

listener = journald = None
ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
ready.bind(READY)


def start():
    global listener, journald
    if listener is None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind(SOCKET)
        os.chmod(SOCKET, 0o666)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    environment = os.environ | {"NOTIFY_SOCKET": READY}
    journald = subprocess.Popen(["sh", "-c", EXECUTE], stdin=listener.fileno(), env=environment)
    # Until then SIGTERM ends it as it does any program, and its socket with all that nobody read.
    while b"READY=1" not in ready.recv(4096).split(b"\n"):
        pass


def stop():
    global journald
    if journald is not None:
        journald.send_signal(signal.SIGTERM)
        journald.wait()
        journald = None


def remove():
    # Nobody can send to it any more; journald has its own descriptor of it, and reads on.
    global listener
    os.unlink(SOCKET)
    listener.close()
    listener = None
    sync()


def sync():
    # Returns once journald has written all that was sent to it before.
    subprocess.run(["journalctl", "--sync"], check=True)


def read(path):
    sync()
    with open(path, "w") as file:
        query = ["journalctl", "-D", "/run/log/journal", "--all", "-o", "json", "SYSLOG_IDENTIFIER=tracer"]
        subprocess.run(query, check=True, stdout=file)


COMMANDS = {"start": start, "stop": stop, "remove": remove, "read": read}
try:
    for line in sys.stdin:
        command, *arguments = line.split()
        COMMANDS[command](*arguments)
        print(command, flush=True)
finally:
    stop()
