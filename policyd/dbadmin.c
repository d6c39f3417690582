/*
 * The broker's connection, over libpq.  Helper children of the keeper run it.
 *
 * What the server says is not trusted: values are text with a length, and its
 * error messages are cleaned before they become a reason.  libpq reads files
 * and environment variables of its own; both are shut off, so that only
 * policy.yaml says where we connect.
 */
#include "dbadmin.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#define FETCH	"FETCH FORWARD 20000 FROM postern_c"

struct db {
	PGconn	*conn;
};

struct db_row {
	const PGresult	*res;
	int		 row;
};

const char *
db_value(const struct db_row *r, int column, size_t *len)
{
	*len = (size_t)PQgetlength(r->res, r->row, column);
	return PQgetvalue(r->res, r->row, column);
}

uint32_t
db_u32(const struct db_row *r, int column)
{
	return (uint32_t)strtoul(PQgetvalue(r->res, r->row, column), NULL, 10);
}

uint8_t
db_char(const struct db_row *r, int column)
{
	return (uint8_t)PQgetvalue(r->res, r->row, column)[0];
}

uint8_t
db_bool(const struct db_row *r, int column)
{
	return db_char(r, column) == 't';
}

/* libpq's words, as one line. */
static int
fail(struct db *db, char *reason, size_t size)
{
	char *p;

	snprintf(reason, size, "%s", db->conn == NULL ? "out of memory" :
	    PQerrorMessage(db->conn));
	for (p = reason; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	while (p > reason && p[-1] == ' ')
		*--p = '\0';
	return -1;
}

static void
on_notice(void *ctx, const PGresult *res)
{
	(void)ctx;
	(void)res;
}

struct db *
db_open(const struct database *d, const char *password, char *reason,
    size_t size)
{
	static const char *const modes[] = { "disable", "require", "verify-ca",
	    "verify-full" };
	char port[8];
	struct db *db;

	snprintf(port, sizeof(port), "%u", (unsigned int)(uint16_t)d->port);
	const char *const names[] = { "host", "port", "dbname", "user",
	    "password", "sslmode", "sslrootcert", "sslcert", "sslkey",
	    "sslcrl", "gssencmode", "passfile", "connect_timeout",
	    "application_name", "client_encoding", NULL };
	const char *const values[] = { d->host, port, d->dbname,
	    d->broker_user, password,
	    d->host[0] == '/' ? "disable" : modes[d->tls],
	    d->ca_file == NULL ? "" : d->ca_file, "/dev/null/none",
	    "/dev/null/none", "", "disable", "/dev/null", "10", "postern",
	    "UTF8", NULL };

	if (clearenv() != 0 || (db = calloc(1, sizeof(*db))) == NULL) {
		snprintf(reason, size, "out of memory");
		return NULL;
	}
	db->conn = PQconnectdbParams(names, values, 0);
	if (PQstatus(db->conn) != CONNECTION_OK) {
		fail(db, reason, size);
		db_close(&db);
		return NULL;
	}
	PQsetNoticeReceiver(db->conn, on_notice, NULL);
	return db;
}

void
db_close(struct db **dbp)
{
	struct db *db = *dbp;

	*dbp = NULL;
	if (db == NULL)
		return;
	PQfinish(db->conn);
	free(db);
}

int
db_server_version(const struct db *db)
{
	return PQserverVersion(db->conn);
}

int
db_exec(struct db *db, const char *sql, char *reason, size_t size)
{
	PGresult *res = PQexec(db->conn, sql);
	int r = 0;

	if (PQresultStatus(res) != PGRES_COMMAND_OK)
		r = fail(db, reason, size);
	PQclear(res);
	return r;
}

/* One batch: how many rows, or -1. */
static int
batch(struct db *db, db_row_cb *cb, void *ctx, char *reason, size_t size)
{
	struct db_row row = { NULL, 0 };
	PGresult *res = PQexec(db->conn, FETCH);
	int n;

	if (PQresultStatus(res) != PGRES_TUPLES_OK) {
		PQclear(res);
		return fail(db, reason, size);
	}
	n = PQntuples(res);
	row.res = res;
	for (; row.row < n; row.row++)
		if (cb(ctx, &row) == -1) {
			PQclear(res);
			snprintf(reason, size, "a row cannot be taken");
			return -1;
		}
	PQclear(res);
	return n;
}

int
db_query(struct db *db, const char *sql, db_row_cb *cb, void *ctx,
    char *reason, size_t size)
{
	char *decl;
	int n, r;

	if (asprintf(&decl, "DECLARE postern_c NO SCROLL CURSOR FOR %s",
	    sql) == -1) {
		snprintf(reason, size, "out of memory");
		return -1;
	}
	r = db_exec(db, decl, reason, size);
	free(decl);
	if (r == -1)
		return -1;
	do {
		if ((n = batch(db, cb, ctx, reason, size)) == -1)
			return -1;
	} while (n > 0);
	return db_exec(db, "CLOSE postern_c", reason, size);
}
