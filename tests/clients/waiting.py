# tests/clients/waiting, by psycopg 3: one login; its limit in seconds, 0: none.
# It hides the notices of a login, and an error there has no SQLSTATE.
import sys

import psycopg

limit = int(sys.argv[1])
more = {"connect_timeout": limit} if limit else {}
try:
    with psycopg.connect(**more) as c:
        print("value", c.execute("SELECT 7").fetchone()[0])
except psycopg.Error as e:
    print(type(e).__name__, e.sqlstate, e)
    sys.exit(1)
