#!/usr/bin/env python3
"""received.py OUT DB: is every event of the store in OUT, as RFC 5424 wants it?
Prints how many came, and how many of them twice."""
import json
import re
import sqlite3
import sys

LINE = re.compile(
    r'<(\d+)>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) (\S+) postern - (\S+) '
    r'\[postern@32473 id="(\d+)" store="([0-9a-f]{32})" session="(\w*)" '
    r'subject="((?:[^"\\\]]|\\["\\\]])*)" profile="([^"]*)" '
    r'database="([^"]*)"(?: length="(\d+)")?\] \ufeff(.*)', re.S)

got, last, cut = {}, 0, 0
for line in open(sys.argv[1], "rb").read().decode().split("\n")[:-1]:
    m = LINE.fullmatch(line)
    if not m:
        sys.exit("malformed: " + line[:300])
    n = int(m[5])
    # In order, but for a step back after a failure.
    if n > last + 1:
        sys.exit("event %d after %d" % (n, last))
    last = n
    got.setdefault(n, []).append(m)

db = sqlite3.connect("file:%s?mode=ro" % sys.argv[2], uri=True)
rows = db.execute("SELECT id, kind, session, body FROM events").fetchall()
for n, kind, session, body in rows:
    if n not in got:
        sys.exit("event %d did not come" % n)
    for m in got[n]:
        if m[4] != kind or m[7] != session:
            sys.exit("event %d came otherwise" % n)
        if m[11]:
            cut += 1
            if int(m[11]) != len(body.encode()) or not body.startswith(m[12]):
                sys.exit("event %d was cut wrongly" % n)
        elif json.loads(m[12]) != json.loads(body):
            sys.exit("event %d came otherwise" % n)
print("%d events, %d twice, %d cut" % (
    len(rows), sum(len(v) > 1 for v in got.values()), cut))
