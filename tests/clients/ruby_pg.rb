# ruby-pg: prepared statements, COPY, single rows, notifications.
require "pg"

c = PG.connect
c.set_notice_processor { |m| puts m }
c.exec("CREATE TEMP TABLE t (a int PRIMARY KEY, b text)")
c.prepare("ins", "INSERT INTO t VALUES ($1, $2)")
10.times { |i| p c.exec_prepared("ins", [i, "row #{i}"]).cmd_tuples }
p c.describe_prepared("ins").nparams
p c.exec("SELECT * FROM t ORDER BY a").values
p c.exec_params("SELECT $1::bytea AS x", [{ value: "\0\1\2", format: 1 }], 1)
  .getvalue(0, 0)
["SELEC 1", "SELECT 1/0", "INSERT INTO t VALUES (1)"].each do |sql|
  begin
    c.exec(sql)
  rescue PG::Error => e
    puts e.class, e.message, e.result.error_field(PG::PG_DIAG_SQLSTATE)
  end
end
p(c.copy_data("COPY t FROM STDIN") { 100.upto(120) { |i| c.put_copy_data("#{i}\tc\n") } }
  .cmd_tuples)
begin
  c.copy_data("COPY t FROM STDIN") { c.put_copy_data("x\n"); raise "no more" }
rescue => e
  puts e.message
end
c.copy_data("COPY t TO STDOUT") { while (row = c.get_copy_data); print row; end }
c.send_query("SELECT generate_series(1, 20) AS n")
c.set_single_row_mode
c.get_result.stream_each { |r| print r["n"], " " }
puts
begin
  c.transaction { c.exec("DELETE FROM t"); raise "undo" }
rescue => e
  p e.message, c.exec("SELECT count(*) FROM t").getvalue(0, 0)
end
c.exec("LISTEN ch")
c.exec("NOTIFY ch, 'payload'")
c.wait_for_notify(10) { |ch, pid, x| p ch, pid == c.backend_pid, x }
c.exec("DO $$ BEGIN RAISE NOTICE 'n1'; END $$")
p c.exec("SELECT 1 AS a; SELECT 2 AS b").values, c.server_version / 10000
