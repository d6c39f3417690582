// JDBC (pgjdbc): prepares after a while, fetches portals in parts, batches,
// savepoints of its own (autosave), COPY, large objects, cancel.
import java.io.ByteArrayOutputStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.sql.*;
import java.util.Properties;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.largeobject.*;

public class Jdbc {
	static String env(String name) {
		return System.getenv(name);
	}

	static Connection connect(String... more) throws SQLException {
		Properties p = new Properties();
		p.setProperty("user", env("PGUSER"));
		p.setProperty("password", env("PGPASSWORD"));
		p.setProperty("sslmode", "verify-full");
		p.setProperty("sslrootcert", env("PGSSLROOTCERT"));
		for (int i = 0; i < more.length; i += 2)
			p.setProperty(more[i], more[i + 1]);
		return DriverManager.getConnection("jdbc:postgresql://" +
		    env("PGHOST") + ":" + env("PGPORT") + "/" +
		    env("PGDATABASE"), p);
	}

	/* In binary, its getString() says where in memory the bytes are. */
	static String text(ResultSet r, ResultSetMetaData m, int i)
	    throws SQLException {
		if (!m.getColumnTypeName(i).equals("bytea"))
			return r.getString(i);
		return java.util.Arrays.toString(r.getBytes(i));
	}

	static void show(String what, ResultSet r) throws SQLException {
		ResultSetMetaData m = r.getMetaData();
		StringBuilder b = new StringBuilder(what);
		for (int i = 1; i <= m.getColumnCount(); i++)
			b.append(' ').append(m.getColumnName(i)).append(':')
			    .append(m.getColumnTypeName(i)).append(':')
			    .append(m.getTableName(i));
		while (r.next()) {
			b.append("\n ");
			for (int i = 1; i <= m.getColumnCount(); i++)
				b.append(' ').append(text(r, m, i));
		}
		System.out.println(b);
	}

	static void error(String what, SQLException e) {
		System.out.println(what + " " + e.getSQLState() + " " +
		    e.getMessage());
		for (Throwable t = e.getNextException(); t != null;
		    t = ((SQLException)t).getNextException())
			System.out.println("  and " + t.getMessage());
	}

	interface Work {
		void run() throws SQLException;
	}

	static void attempt(String what, Work w) {
		try {
			w.run();
			System.out.println(what + " done");
		} catch (SQLException e) {
			error(what, e);
		}
	}

	static void statements(Connection c) throws SQLException {
		Statement s = c.createStatement();
		s.execute("CREATE TEMP TABLE t (a int PRIMARY KEY, b text, " +
		    "n numeric(8,2), d date, x bytea)");
		PreparedStatement in = c.prepareStatement(
		    "INSERT INTO t VALUES (?, ?, ?, ?, ?)");
		for (int i = 0; i < 50; i++) {
			in.setInt(1, i);
			in.setString(2, i % 7 == 0 ? null : "row " + i);
			in.setBigDecimal(3, new java.math.BigDecimal(i).movePointLeft(2));
			in.setDate(4, Date.valueOf("2024-02-" + (1 + i % 28)));
			in.setBytes(5, new byte[] { 0, (byte)i, -1 });
			in.addBatch();
		}
		int sum = 0;
		for (int n : in.executeBatch())
			sum += n;
		System.out.println("batch " + sum);
		// From the fifth time on it is prepared by name, and binary.
		PreparedStatement q = c.prepareStatement(
		    "SELECT a, b, n, d, x FROM t WHERE a >= ? ORDER BY a LIMIT 2");
		for (int i = 0; i < 12; i++) {
			q.setInt(1, i);
			show("query " + i, q.executeQuery());
		}
		// Its plan is another afterwards.
		s.execute("ALTER TABLE t ALTER n TYPE numeric(9,3)");
		attempt("after ALTER", () -> show("again", q.executeQuery()));
		attempt("syntax", () -> s.execute("SELEC 1"));
		attempt("zero", () -> s.executeQuery("SELECT 1 / 0"));
		attempt("twice", () -> s.execute("INSERT INTO t VALUES (1)"));
		boolean more = s.execute("SELECT 1 AS a; UPDATE t SET b = 'u' " +
		    "WHERE a < 3; SELECT 'three' AS c");
		for (int i = 0; i < 3; i++, more = s.getMoreResults())
			if (more)
				show("part", s.getResultSet());
			else
				System.out.println("part " + s.getUpdateCount());
		ResultSet keys;
		PreparedStatement ret = c.prepareStatement(
		    "INSERT INTO t (a) VALUES (?)", new String[] { "a", "b" });
		ret.setInt(1, 1000);
		ret.executeUpdate();
		keys = ret.getGeneratedKeys();
		show("keys", keys);
		s.execute("DO $$ BEGIN RAISE NOTICE 'n1'; RAISE WARNING 'w1'; END $$");
		for (SQLWarning w = s.getWarnings(); w != null; w = w.getNextWarning())
			System.out.println(w.getSQLState() + " " + w.getMessage());
	}

	static void batches(Connection c) throws SQLException {
		PreparedStatement in = c.prepareStatement(
		    "INSERT INTO t (a, b) VALUES (?, ?)");
		for (int i = 0; i < 10; i++) {
			in.setInt(1, i == 6 ? 1 : 2000 + i);
			in.setString(2, "batch");
			in.addBatch();
		}
		try {
			in.executeBatch();
		} catch (BatchUpdateException e) {
			System.out.println(java.util.Arrays.toString(e.getUpdateCounts()));
			error("batch", e);
		}
		show("left", c.createStatement().executeQuery(
		    "SELECT count(*) FROM t WHERE b = 'batch'"));
	}

	// A portal that outlives errors behind a savepoint.
	static void portals() throws SQLException {
		Connection c = connect("autosave", "always");
		c.setAutoCommit(false);
		Statement s = c.createStatement();
		s.setFetchSize(7);
		ResultSet r = s.executeQuery(
		    "SELECT g FROM generate_series(1, 40) g");
		int n = 0;
		while (r.next()) {
			n += r.getInt(1);
			if (r.getInt(1) % 9 == 0) {
				Statement bad = c.createStatement();
				attempt("between", () -> bad.execute("SELECT 1 / 0"));
			}
		}
		System.out.println("sum " + n);
		Savepoint p = c.setSavepoint("p");
		c.createStatement().execute("CREATE TEMP TABLE gone (a int)");
		c.rollback(p);
		attempt("gone", () -> c.createStatement().execute("TABLE gone"));
		c.rollback();
		c.close();
	}

	static void copy(Connection c) throws Exception {
		org.postgresql.copy.CopyManager m = c.unwrap(PGConnection.class)
		    .getCopyAPI();
		StringBuilder rows = new StringBuilder();
		for (int i = 5000; i < 9000; i++)
			rows.append(i).append("\tcopied\n");
		System.out.println("in " + m.copyIn("COPY t (a, b) FROM STDIN",
		    new StringReader(rows.toString())));
		ByteArrayOutputStream out = new ByteArrayOutputStream();
		System.out.println("out " + m.copyOut("COPY (SELECT a, b FROM t " +
		    "ORDER BY a) TO STDOUT", out) + " " + out.size());
		attempt("wrong", () -> {
			try {
				m.copyIn("COPY t (a) FROM STDIN", new StringReader("x\n"));
			} catch (java.io.IOException e) {
				System.out.println(e);
			}
		});
		org.postgresql.copy.CopyIn in = m.copyIn("COPY t (a) FROM STDIN");
		in.writeToCopy("77777\n".getBytes(StandardCharsets.US_ASCII), 0, 6);
		in.cancelCopy();
		show("none", c.createStatement().executeQuery(
		    "SELECT count(*) FROM t WHERE a = 77777"));
	}

	static void largeObjects(Connection c) throws SQLException {
		c.setAutoCommit(false);
		LargeObjectManager m = c.unwrap(PGConnection.class)
		    .getLargeObjectAPI();
		long oid = m.createLO();
		LargeObject o = m.open(oid);
		byte[] b = new byte[100000];
		for (int i = 0; i < b.length; i++)
			b[i] = (byte)i;
		o.write(b);
		o.seek(1234);
		System.out.println(o.read(5)[0] + " " + o.tell() + " " + o.size());
		o.truncate(10);
		System.out.println(o.size());
		o.close();
		m.unlink(oid);
		c.commit();
		attempt("unlinked", () -> m.open(oid));
		c.rollback();
		c.setAutoCommit(true);
	}

	static void cancel(Connection c) throws Exception {
		int pid = c.unwrap(PGConnection.class).getBackendPID();
		Statement s = c.createStatement();
		Thread t = new Thread(() -> {
			try (Connection w = connect()) {
				PreparedStatement q = w.prepareStatement("SELECT count(*) " +
				    "FROM pg_stat_activity WHERE pid = ? AND state = " +
				    "'active' AND query LIKE 'SELECT pg_sleep%'");
				q.setInt(1, pid);
				for (ResultSet r; ; ) {
					r = q.executeQuery();
					r.next();
					if (r.getInt(1) == 1)
						break;
				}
				s.cancel();
			} catch (SQLException e) {
				error("canceller", e);
			}
		});
		t.start();
		attempt("sleep", () -> s.executeQuery("SELECT pg_sleep(60)"));
		t.join();
		Statement timed = c.createStatement();
		timed.setQueryTimeout(1);
		attempt("timeout", () -> timed.executeQuery("SELECT pg_sleep(60)"));
		show("after it", c.createStatement().executeQuery("SELECT 'z' AS z"));
	}

	public static void main(String[] args) throws Exception {
		Connection c = connect();
		DatabaseMetaData d = c.getMetaData();
		System.out.println(d.getDatabaseProductVersion() + " " +
		    d.getDriverVersion() + " " + d.getUserName());
		statements(c);
		batches(c);
		portals();
		copy(c);
		largeObjects(c);
		show("columns", d.getColumns(null, "public", "customers", "%"));
		show("keys", d.getPrimaryKeys(null, "public", "customers"));
		show("tables", d.getTables(null, "public", "%", new String[] { "TABLE" }));
		Statement s = c.createStatement();
		s.execute("LISTEN ch");
		s.execute("NOTIFY ch, 'payload'");
		for (PGNotification n : c.unwrap(PGConnection.class).getNotifications(5000))
			System.out.println(n.getName() + " " + n.getParameter() + " " +
			    (n.getPID() == c.unwrap(PGConnection.class).getBackendPID()));
		cancel(c);
		// All in the simple protocol.
		Connection simple = connect("preferQueryMode", "simple");
		PreparedStatement q = simple.prepareStatement("SELECT ?::int + 1 AS n, ? AS t");
		q.setInt(1, 41);
		q.setString(2, "it's");
		show("simple", q.executeQuery());
		simple.close();
		c.close();
	}
}
