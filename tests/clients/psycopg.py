# psycopg 3: the extended protocol, binary values, pipelines, prepared statements.
import sys
sys.path.pop(0)         # this file has the module's name
import logging
import psycopg

# What it warns of depends on what has arrived.
logging.getLogger("psycopg").setLevel(logging.CRITICAL)

with psycopg.connect("", prepare_threshold=2) as c:
    c.execute("CREATE TEMP TABLE t (a int PRIMARY KEY, b text, f float8)")
    for i in range(10):
        c.execute("INSERT INTO t VALUES (%s, %s, %s)", (i, "row %d" % i, i / 8))
    for binary in (False, True):
        cur = c.cursor(binary=binary)
        print(cur.execute("SELECT *, now() = now() FROM t WHERE a < %s ORDER BY a",
            (5,)).fetchall(), cur.statusmessage)
        print(cur.description)
    cur = c.cursor()
    cur.executemany("INSERT INTO t VALUES (%s, %s, %s)",
        [(i, None, 0.5) for i in range(100, 130)])
    print(cur.rowcount)
    with cur.copy("COPY t FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int4", "text", "float8"])
        for i in range(200, 220):
            copy.write_row((i, "copied", 1.5))
    with cur.copy("COPY (SELECT * FROM t ORDER BY a) TO STDOUT") as copy:
        print(sum(len(b) for b in copy))
    c.commit()
    # A refusal of the server in each place of a pipeline.
    for bad in range(6):
        try:
            with c.pipeline():
                done = []
                for k in range(5):
                    done.append(c.execute("SELECT %s::int / %s::int",
                        (k, 0 if k == bad else 1)))
            print(bad, [d.fetchone() for d in done])
        except psycopg.Error as e:
            print(bad, type(e).__name__, e.sqlstate, str(e))
        c.rollback()
    try:
        with c.transaction():
            c.execute("INSERT INTO t VALUES (7000, 'x', 0)")
            with c.transaction():
                c.execute("INSERT INTO t VALUES (7000, 'x', 0)")
    except psycopg.Error as e:
        print(type(e).__name__, e.sqlstate, e.diag.message_detail)
    print(c.execute("SELECT count(*) FROM t WHERE a = 7000").fetchone())
    for sql in ("SELEC 1", "SELECT $1 + 'x'"):
        try:
            c.execute(sql, prepare=True)
        except psycopg.Error as e:
            print(e.sqlstate, str(e))
        c.rollback()
    print([r for r in c.cursor().stream("SELECT generate_series(1, 50)")])
    with c.cursor(name="server", scrollable=True) as s:
        s.execute("SELECT id, city FROM customers ORDER BY id")
        print(s.fetchmany(3))
        s.scroll(100)
        print(s.fetchone())
        s.scroll(0, mode="absolute")
        print(s.fetchone())
