#!/usr/bin/env python3
"""A syslog receiver for the tests: receiver.py OUT unix PATH, or receiver.py
OUT tls PORT CERT KEY.  Appends each message as a line to OUT, on disk before it
is taken for received.  SLOW=seconds waits after each.  A killed one loses what
it had not written: the sender must not take that for delivered."""
import os
import socket
import ssl
import sys
import time

slow = float(os.environ.get("SLOW", "0"))
out = open(sys.argv[1], "ab", buffering=0)


def take(message):
    if message:
        out.write(message + b"\n")
    if slow:
        time.sleep(slow)


def local(path):
    if os.path.exists(path):
        os.unlink(path)
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(path)
    os.chmod(path, 0o666)
    while True:
        take(s.recv(1 << 20))


def frames(c):
    have = b""
    while True:
        got = c.recv(65536)
        if not got:
            # close_notify; what is left of a frame is none.
            return
        have += got
        while True:
            n, space, rest = have.partition(b" ")
            if not space or len(rest) < int(n):
                break
            take(rest[:int(n)])
            have = rest[int(n):]


def tls(port, cert, key):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(cert, key)
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    s.listen(8)
    while True:
        c, _ = s.accept()
        try:
            with ctx.wrap_socket(c, server_side=True,
                                 suppress_ragged_eofs=False) as t:
                frames(t)
                # RUDE: read all, and close without a word.
                if not os.environ.get("RUDE"):
                    t.unwrap()
        except (OSError, ssl.SSLError, ValueError) as e:
            print("receiver:", e, file=sys.stderr)


if sys.argv[2] == "unix":
    local(sys.argv[3])
else:
    tls(int(sys.argv[3]), sys.argv[4], sys.argv[5])
