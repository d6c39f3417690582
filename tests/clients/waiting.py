# tests/clients/waiting, by psycopg 3: one login, one statement ($SQL); the
# login's limit in seconds, 0: none.
# It hides the notices of a login, and an error there has no SQLSTATE.
import os
import sys

import psycopg

limit = int(sys.argv[1])
more = {"connect_timeout": limit} if limit else {}
try:
    with psycopg.connect(**more) as c:
        c.add_notice_handler(lambda n: print("notice", n.message_primary))
        print(c.execute(os.environ["SQL"]).fetchone()[0])
except psycopg.Error as e:
    print(type(e).__name__, e.sqlstate, e)
    sys.exit(1)
