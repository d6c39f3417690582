# asyncpg: a protocol of its own, all binary, all prepared.
import sys
sys.path.pop(0)         # this file has the module's name
import asyncio, datetime, decimal, io
import asyncpg

async def main():
    c = await asyncpg.connect()
    print(c.get_server_version().major, c.get_settings().server_encoding)
    await c.execute("CREATE TEMP TABLE t (a int PRIMARY KEY, b text, n numeric, "
        "d date, x int[], j jsonb)")
    await c.executemany("INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6)",
        [(i, "row %d" % i, decimal.Decimal(i) / 3, datetime.date(2024, 1, 1 + i),
        [i, None, i * 2], '{"k": %d}' % i) for i in range(20)])
    print([tuple(r) for r in await c.fetch("SELECT * FROM t ORDER BY a")])
    st = await c.prepare("SELECT a, b FROM t WHERE a > $1 ORDER BY a LIMIT $2")
    print(st.get_parameters(), st.get_attributes())
    for i in range(5):
        print([tuple(r) for r in await st.fetch(i, 2)])
    async with c.transaction():
        print([r["id"] async for r in c.cursor("SELECT id FROM customers ORDER BY id "
            "LIMIT 130", prefetch=50)])
    for sql, args in (("SELEC 1", ()), ("SELECT 1 / $1::int", (0,)),
            ("INSERT INTO t(a) VALUES ($1)", (3,)), ("SELECT * FROM nowhere", ())):
        try:
            await c.fetch(sql, *args)
        except asyncpg.PostgresError as e:
            print(type(e).__name__, e.sqlstate, e.message, e.detail, e.hint,
                e.position)
    try:
        async with c.transaction():
            await c.execute("DELETE FROM t")
            await c.execute("SELECT 1/0")
    except asyncpg.PostgresError as e:
        print(e.sqlstate)
    print(await c.fetchval("SELECT count(*) FROM t"))
    out = io.BytesIO()
    print(await c.copy_from_query("SELECT * FROM t ORDER BY a", output=out,
        format="csv"), len(out.getvalue()))
    print(await c.copy_records_to_table("t", records=[(i, "c") for i in
        range(50, 80)], columns=["a", "b"]))
    # DDL under a prepared statement: the plan is made anew.
    await c.execute("ALTER TABLE t ALTER a TYPE bigint")
    try:
        print([tuple(r) for r in await st.fetch(3, 2)])
    except Exception as e:
        print(type(e).__name__, str(e))
    got = asyncio.get_running_loop().create_future()
    await c.add_listener("ch", lambda con, pid, ch, p: got.set_result(
        (pid == con.get_server_pid(), ch, p)))
    await c.execute("NOTIFY ch, 'payload'")
    print(await asyncio.wait_for(got, 10))
    notices = []
    c.add_log_listener(lambda con, m: notices.append((m.severity, m.message)))
    await c.execute("DO $$ BEGIN RAISE NOTICE 'n1'; END $$")
    print(notices)
    # The client cancels when its own clock says so.
    try:
        await c.fetch("SELECT pg_sleep(60)", timeout=0.5)
    except asyncio.TimeoutError:
        print("timed out")
    print(await c.fetchval("SELECT 'after it'"))
    await c.reset()
    await c.close()

asyncio.run(main())
