// npm "pg": the usual driver of node, simple and extended, with its cursor.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
const require = createRequire(process.env.NODE_DIR + "/");
const pg = require("pg");
const ssl = { ca: readFileSync(process.env.PGSSLROOTCERT), servername: "localhost" };
const config = { host: process.env.PGHOST, port: +process.env.PGPORT,
    user: process.env.PGUSER, database: process.env.PGDATABASE,
    password: process.env.PGPASSWORD, ssl };

const c = new pg.Client(config);
const notices = [];
c.on("notice", (n) => notices.push([n.severity, n.message]));
await c.connect();
const show = (what, r) => console.log(what, JSON.stringify({ command: r.command,
    rowCount: r.rowCount, fields: r.fields.map((f) => [f.name, f.dataTypeID,
    f.columnID, f.format]), rows: r.rows }));
async function attempt(what, q, values) {
    try {
        show(what, await c.query(q, values));
    } catch (e) {
        console.log(what, e.code, e.severity, e.message, e.detail, e.hint,
            e.position, e.table, e.constraint);
    }
}
show("simple", await c.query("SELECT 1 AS a, 'x' AS b, NULL AS c, now() IS NULL AS d"));
const several = await c.query("CREATE TEMP TABLE t (a int PRIMARY KEY, b text, j jsonb); " +
    "INSERT INTO t VALUES (1, 'one', '{\"k\": [1]}'); SELECT * FROM t");
several.forEach((r, i) => show("part " + i, r));
for (let i = 2; i < 30; i++)
    await c.query("INSERT INTO t VALUES ($1, $2, $3)", [i, "row " + i, { n: i }]);
show("all", await c.query("SELECT * FROM t ORDER BY a"));
for (let i = 0; i < 5; i++)
    show("named", await c.query({ name: "by a", text: "SELECT b FROM t WHERE a = $1",
        values: [i] }));
show("as arrays", await c.query({ text: "SELECT a, b FROM t WHERE a < 4 ORDER BY a",
    rowMode: "array" }));
show("binary", await c.query({ text: "SELECT $1::int + 1 AS n", values: [41], binary: true }));
await attempt("syntax", "SELEC 1");
await attempt("zero", "SELECT 1 / $1::int", [0]);
await attempt("twice", "INSERT INTO t VALUES (1)");
await attempt("nowhere", "SELECT * FROM nowhere");
await attempt("too few", "SELECT $1::int, $2::int", [1]);
await c.query("BEGIN");
await attempt("in it", "SELECT 1 / 0");
await attempt("failed", "SELECT 1");
await attempt("back", "ROLLBACK");
await attempt("empty", "");
// Many at once: they wait in the driver's queue.
const many = await Promise.all([...Array(50).keys()].map((i) =>
    c.query("SELECT $1::int * 2 AS n", [i])));
console.log(many.map((r) => r.rows[0].n).join(" "));
const got = new Promise((resolve) => c.once("notification", (n) =>
    resolve([n.channel, n.payload, n.processId === c.processID])));
await c.query("LISTEN ch");
await c.query("NOTIFY ch, 'payload'");
console.log(await got);
await c.query("DO $$ BEGIN RAISE NOTICE 'n1'; RAISE WARNING 'w1'; END $$");
console.log(notices);
const big = await c.query("SELECT repeat('x', 1000000) AS x, g FROM generate_series(1, 5) g");
console.log(big.rows.map((r) => [r.x.length, r.g]));
// A pool, whose clients come and go.
const pool = new pg.Pool({ ...config, max: 4 });
const sums = await Promise.all([...Array(40).keys()].map((i) =>
    pool.query("SELECT sum(g) AS s FROM generate_series(1, $1::int) g", [i])));
console.log(sums.map((r) => r.rows[0].s).join(" "));
await pool.end();
// Its cancel: by a connection of its own, when the server is seen at it.
const w = new pg.Client(config);
await w.connect();
const sleeping = c.query("SELECT pg_sleep(60)").catch((e) => e);
for (;;) {
    const r = await w.query("SELECT count(*)::int AS n FROM pg_stat_activity WHERE " +
        "pid = $1 AND state = 'active' AND query = 'SELECT pg_sleep(60)'", [c.processID]);
    if (r.rows[0].n === 1)
        break;
}
await w.query("SELECT pg_cancel_backend($1)", [c.processID]);
const e = await sleeping;
console.log(e.code, e.message);
await attempt("after it", "SELECT 'after it' AS z");
await w.end();
await c.end();
