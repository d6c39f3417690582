# DBD::Pg: server-side prepares, COPY, large objects, asynchronous queries.
use strict;
use warnings;
use DBI;
use DBD::Pg qw(:async);

my $h = DBI->connect("dbi:Pg:", undef, $ENV{PGPASSWORD}, { RaiseError => 1,
    PrintError => 0, PrintWarn => 0, AutoCommit => 1 });
$h->do("CREATE TEMP TABLE t (a int PRIMARY KEY, b text, c bytea)");
my $s = $h->prepare("INSERT INTO t VALUES (?, ?, ?)");
$s->bind_param(3, undef, { pg_type => DBD::Pg::PG_BYTEA });
$s->execute($_, "row $_", join "", map { chr } 0 .. $_) for 0 .. 9;
print join("|", map { defined $_ ? unpack("H*", $_) : "null" } @$_), "\n"
    for @{$h->selectall_arrayref("SELECT * FROM t ORDER BY a")};
for my $sql ("SELEC 1", "SELECT 1/0", "INSERT INTO t VALUES (1)") {
	eval { $h->do($sql) };
	print $h->state, " ", $h->errstr, "\n";
	$h->begin_work;
	eval { $h->do($sql) };
	eval { $h->do("SELECT 1") };
	print $h->state, " ", $h->errstr, " ", $h->ping, "\n";
	$h->rollback;
}
$h->do("COPY t (a, b) FROM STDIN");
$h->pg_putcopydata("$_\tcopied\n") for 100 .. 120;
$h->pg_putcopyend;
$h->do("COPY (SELECT a, b FROM t ORDER BY a) TO STDOUT");
my $row = "";
print $row while $h->pg_getcopydata(\$row) >= 0;
$h->begin_work;
my $lo = $h->pg_lo_creat($h->{pg_INV_WRITE} | $h->{pg_INV_READ});
my $fd = $h->pg_lo_open($lo, $h->{pg_INV_WRITE} | $h->{pg_INV_READ});
print $h->pg_lo_write($fd, "x" x 5000, 5000), "\n";
print $h->pg_lo_lseek($fd, 10, 0), " ", $h->pg_lo_tell($fd), "\n";
$h->pg_lo_unlink($lo);
$h->commit;
$h->do("SELECT pg_sleep(0.1), 5", { pg_async => PG_ASYNC });
print $h->pg_result, "\n";
$h->do("LISTEN ch");
$h->do("NOTIFY ch, 'payload'");
my $n = $h->pg_notifies;
print "$n->[0] ", $n->[1] == $h->{pg_pid} ? "mine" : "other", " $n->[2]\n";
print join(" ", map { $_->[2] } @{$h->table_info(undef, "public", "%", "TABLE")
    ->fetchall_arrayref}), "\n";
print join(" ", map { "$_->[3]:$_->[5]" } @{$h->column_info(undef, "public",
    "orders", "%")->fetchall_arrayref}), "\n";
$h->disconnect;
