/*
 * tests/clients/waiting, by JDBC: one login, one statement ($SQL); loginTimeout
 * and socketTimeout in seconds, 0: none; setQueryTimeout by $QUERY_TIMEOUT.
 */
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLWarning;
import java.sql.Statement;
import java.util.Properties;

class Waiting {
	static void notices(SQLWarning w)
	{
		for (; w != null; w = w.getNextWarning())
			System.out.println("notice " + w.getMessage());
	}

	public static void main(String[] args) throws Exception
	{
		Properties p = new Properties();

		p.setProperty("user", System.getenv("PGUSER"));
		p.setProperty("password", System.getenv("PGPASSWORD"));
		p.setProperty("sslmode", "verify-full");
		p.setProperty("sslrootcert", System.getenv("PGSSLROOTCERT"));
		p.setProperty("loginTimeout", args[0]);
		p.setProperty("socketTimeout", args[1]);
		try (Connection c = DriverManager.getConnection(
		    "jdbc:postgresql://127.0.0.1:" + System.getenv("PGPORT") +
		    "/" + System.getenv("PGDATABASE"), p)) {
			notices(c.getWarnings());
			Statement s = c.createStatement();
			String limit = System.getenv("QUERY_TIMEOUT");
			if (limit != null)
				s.setQueryTimeout(Integer.parseInt(limit));
			ResultSet r = s.executeQuery(System.getenv("SQL"));
			notices(s.getWarnings());
			r.next();
			System.out.println(r.getString(1));
		} catch (SQLException e) {
			for (Throwable t = e; t != null; t = t.getCause())
				System.out.println(t instanceof SQLException ?
				    ((SQLException)t).getSQLState() + " " + t :
				    t);
			System.exit(1);
		}
	}
}
