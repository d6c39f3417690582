<?php
// php: the pgsql extension and PDO.
$c = pg_connect("");
pg_query($c, "CREATE TEMP TABLE t (a int PRIMARY KEY, b text)");
pg_prepare($c, "ins", 'INSERT INTO t VALUES ($1, $2)');
for ($i = 0; $i < 10; $i++)
	echo pg_affected_rows(pg_execute($c, "ins", [$i, "row $i"])), "\n";
print_r(pg_fetch_all(pg_query_params($c, 'SELECT * FROM t WHERE a < $1 ORDER BY a', [4])));
foreach (["SELEC 1", "SELECT 1/0", "INSERT INTO t VALUES (1)"] as $sql) {
	pg_send_query($c, $sql);
	$r = pg_get_result($c);
	echo pg_result_error_field($r, PGSQL_DIAG_SQLSTATE), " ",
	    pg_result_error($r), "\n";
	while (pg_get_result($c));
}
var_dump(pg_copy_from($c, "t", ["100\thundred\n", "101\tmore\n"]));
print_r(pg_copy_to($c, "t"));
pg_query($c, "BEGIN");
$o = pg_lo_create($c);
$l = pg_lo_open($c, $o, "w+");
echo pg_lo_write($l, str_repeat("x", 5000)), pg_lo_seek($l, 7, PGSQL_SEEK_SET),
    " ", pg_lo_tell($l), "\n";
pg_lo_unlink($c, $o);
pg_query($c, "COMMIT");
pg_query($c, "LISTEN ch; NOTIFY ch, 'payload'");
$n = pg_get_notify($c);
echo $n["message"], " ", $n["pid"] == pg_get_pid($c) ? "mine" : "other", " ",
    $n["payload"], "\n";

$p = new PDO("pgsql:", "postgres", getenv("PGPASSWORD"));
$s = $p->prepare("SELECT id, city FROM customers WHERE id BETWEEN :a AND :b ORDER BY id");
foreach ([1, 2, 3] as $a) {
	$s->execute(["a" => $a, "b" => $a + 2]);
	print_r($s->fetchAll(PDO::FETCH_NUM));
}
try {
	$p->query("SELECT 1/0");
} catch (PDOException $e) {
	print_r($e->errorInfo);
}
$p->beginTransaction();
$p->exec("CREATE TABLE pdo_t (a int)");
$p->rollBack();
print_r($p->query("SELECT to_regclass('pdo_t')")->fetchAll(PDO::FETCH_NUM));
