# psycopg2: libpq's synchronous face, large objects, COPY, notifications, cancel.
import sys
sys.path.pop(0)         # this file has the module's name
import io, select, threading
import psycopg2, psycopg2.errors, psycopg2.extensions

c = psycopg2.connect("")
cur = c.cursor()
cur.execute("CREATE TEMP TABLE t (a int PRIMARY KEY, b text, d numeric, j jsonb)")
cur.executemany("INSERT INTO t VALUES (%s, %s, %s, %s)",
    [(i, "row %d" % i, i / 4, '{"n": [%d, null]}' % i) for i in range(20)])
print(cur.rowcount, cur.statusmessage)
cur.execute("SELECT * FROM t ORDER BY a")
print(cur.description, cur.fetchall())
c.commit()
for sql in ("SELEC 1", "SELECT 1/0", "INSERT INTO t VALUES (1)", "SELECT * FROM nowhere"):
    try:
        cur.execute(sql)
    except psycopg2.Error as e:
        d = e.diag
        print(type(e).__name__, e.pgcode, d.message_primary, d.message_detail,
            d.message_hint, d.statement_position, d.severity, d.table_name,
            d.constraint_name, d.source_function)
    try:
        cur.execute("SELECT 1")
    except psycopg2.Error as e:
        print(type(e).__name__, e.pgcode, c.info.transaction_status)
    c.rollback()
out = io.StringIO()
cur.copy_expert("COPY t TO STDOUT (FORMAT csv, HEADER)", out)
print(out.getvalue())
try:
    cur.copy_expert("COPY t (a) FROM STDIN", io.StringIO("100\nx\n"))
except psycopg2.Error as e:
    print(e.pgcode, e.diag.context)
c.rollback()
cur.copy_expert("COPY t (a, b) FROM STDIN", io.StringIO("100\thundred\n"))
print(cur.rowcount)
lo = c.lobject(0, "wb")
lo.write(bytes(range(256)) * 4096)
oid = lo.oid
lo.close()
lo = c.lobject(oid, "rb")
lo.seek(1000)
print(lo.read(16), lo.seek(0, 2), lo.tell())
lo.unlink()
c.commit()
named = c.cursor("named")
named.itersize = 7
named.execute("SELECT id, name FROM customers ORDER BY id LIMIT 30")
print([r for r in named])
c.commit()
c.autocommit = True
pid = c.info.backend_pid
cur.execute("SELECT pg_backend_pid() = %s", (pid,))
print(cur.fetchone())
cur.execute("LISTEN ch")
cur.execute("NOTIFY ch, 'payload'")
c.poll()
print([(n.pid == pid, n.channel, n.payload) for n in c.notifies])
cur.execute("DO $$ BEGIN RAISE NOTICE 'n1'; RAISE WARNING 'w1'; END $$")
print(c.notices)
# The session runs it when it is cancelled: another sees it there.
def cancel():
    w = psycopg2.connect("")
    w.autocommit = True
    k = w.cursor()
    while True:
        k.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND "
            "state = 'active' AND query = 'SELECT pg_sleep(60)'", (pid,))
        if k.fetchone()[0] == 1:
            break
    c.cancel()
t = threading.Thread(target=cancel)
t.start()
try:
    cur.execute("SELECT pg_sleep(60)")
except psycopg2.errors.QueryCanceled as e:
    print(e.pgcode, e.diag.message_primary)
t.join()
cur.execute("SELECT 'after it'")
print(cur.fetchone(), c.server_version // 10000, c.encoding)
