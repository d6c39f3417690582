// npm "postgres" (postgres.js): pipelines by itself, prepares everything.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
const require = createRequire(process.env.NODE_DIR + "/");
const postgres = (await import(pathToFileURL(require.resolve("postgres")))).default;
const notices = [];
const options = { host: process.env.PGHOST, port: +process.env.PGPORT,
    user: process.env.PGUSER, database: process.env.PGDATABASE,
    password: process.env.PGPASSWORD, max: 1,
    ssl: { ca: readFileSync(process.env.PGSSLROOTCERT), servername: "localhost" },
    onnotice: (n) => notices.push([n.severity, n.message]) };
const sql = postgres(options);
const show = (what, r) => console.log(what, r.command, r.count,
    r.columns?.map((c) => [c.name, c.type]), JSON.stringify(r));
async function attempt(what, q) {
    try {
        show(what, await q());
    } catch (e) {
        console.log(what, e.code, e.severity, e.message, e.detail, e.hint,
            e.position, e.table_name, e.constraint_name);
    }
}
show("one", await sql`SELECT 1 AS a, 'x' AS b, NULL AS c`);
await sql`CREATE TEMP TABLE t (a int PRIMARY KEY, b text, j jsonb, x int[])`;
for (let i = 0; i < 20; i++)
    await sql`INSERT INTO t VALUES (${i}, ${"row " + i}, ${sql.json({ n: i })}, ${[i, 2 * i]})`;
show("all", await sql`SELECT * FROM t ORDER BY a`);
// Sent in a row, without waiting: a pipeline.
const many = await Promise.all([...Array(100).keys()].map((i) =>
    sql`SELECT ${i}::int * 2 AS n`));
console.log(many.map((r) => r[0].n).join(" "));
const mixed = await Promise.allSettled([...Array(30).keys()].map((i) =>
    sql`SELECT 10 / (${i}::int % 3) AS n`));
console.log(mixed.map((r) => r.status === "fulfilled" ? r.value[0].n : r.reason.code).join(" "));
show("insert", await sql`INSERT INTO t ${sql([{ a: 100, b: "h" }, { a: 101, b: "i" }])} RETURNING a`);
await attempt("syntax", () => sql`SELEC 1`);
await attempt("twice", () => sql`INSERT INTO t (a) VALUES (1)`);
await attempt("nowhere", () => sql`SELECT * FROM nowhere`);
await attempt("in a transaction", () => sql.begin(async (tx) => {
    await tx`DELETE FROM t`;
    await tx.savepoint(async (sp) => { await sp`SELECT 1 / 0`; }).catch((e) =>
        console.log("savepoint", e.code));
    console.log((await tx`SELECT count(*)::int AS n FROM t`)[0].n);
    await tx`SELECT 1 / 0`;
}));
console.log((await sql`SELECT count(*)::int AS n FROM t`)[0].n);
show("simple", await sql.unsafe("SELECT 1 AS a; SELECT 'b' AS b"));
const pages = [];
await sql`SELECT g FROM generate_series(1, 25) g`.cursor(10, (rows) => { pages.push(rows.length); });
console.log("pages", pages);
await sql`SELECT g FROM generate_series(1, 25) g`.cursor(10, () => sql.CLOSE);
let n = 0;
await sql`SELECT g FROM generate_series(1, 5000) g`.forEach(() => { n++; });
console.log("each", n);
console.log(await sql`SELECT a, b FROM t ORDER BY a`.describe().then((d) =>
    [d.types, d.columns.map((c) => [c.name, c.type])]));
const out = [];
for await (const chunk of await sql`COPY (SELECT a, b FROM t ORDER BY a) TO STDOUT`.readable())
    out.push(chunk.toString());
console.log(out.join(""));
const into = await sql`COPY t (a, b) FROM STDIN`.writable();
await new Promise((resolve, reject) => {
    into.on("error", reject);
    into.on("finish", resolve);
    for (let i = 200; i < 260; i++)
        into.write(i + "\tcopied\n");
    into.end();
});
console.log((await sql`SELECT count(*)::int AS n FROM t WHERE b = 'copied'`)[0].n);
let told;
const heard = new Promise((resolve) => { told = resolve; });
const listening = await sql.listen("ch", told);
await sql.notify("ch", "payload");
console.log("heard", await heard);
await listening.unlisten();
await sql`DO $$ BEGIN RAISE NOTICE 'n1'; END $$`;
console.log(notices);
// Its cancel has a connection of its own.
const w = postgres(options);
const [{ pid }] = await sql`SELECT pg_backend_pid() AS pid`;
const sleeping = sql`SELECT pg_sleep(60)`;
const end = sleeping.catch((e) => e);
for (;;) {
    const [r] = await w`SELECT count(*)::int AS n FROM pg_stat_activity WHERE
        pid = ${pid} AND state = 'active' AND query LIKE 'SELECT pg_sleep%'`;
    if (r.n === 1)
        break;
}
sleeping.cancel();
console.log("cancelled", (await end).code);
show("after it", await sql`SELECT 'after it' AS z`);
await w.end();
await sql.end();
