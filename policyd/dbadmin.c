/*
 * The broker's connection, over libpq.  The keeper and its helper children run
 * it.
 *
 * What the server says is not trusted: values are text with a length, and its
 * error messages are cleaned before they become a reason.  libpq reads files
 * and environment variables of its own; both are shut off, so that only
 * policy.yaml says where we connect.
 */
#include "dbadmin.h"

#include <poll.h>
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

/* Somebody else's words, as one line. */
static void
clean(char *reason, size_t size, const char *words)
{
	char *p;

	snprintf(reason, size, "%s", words);
	for (p = reason; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	while (p > reason && p[-1] == ' ')
		*--p = '\0';
}

static int
fail(struct db *db, char *reason, size_t size)
{
	clean(reason, size, db->conn == NULL ? "out of memory" :
	    PQerrorMessage(db->conn));
	return -1;
}

static void
on_notice(void *ctx, const PGresult *res)
{
	(void)ctx;
	(void)res;
}

/* What both kinds of connection are told. */
#define PARAMS_MAX	20
struct params {
	const char	*names[PARAMS_MAX + 1], *values[PARAMS_MAX + 1];
	size_t		 n;
	char		 port[8];
};

static void
param(struct params *p, const char *name, const char *value)
{
	p->names[p->n] = name;
	p->values[p->n++] = value;
	p->names[p->n] = p->values[p->n] = NULL;
}

static void
params_fill(struct params *p, const struct database *d, const char *host,
    const char *dbname, const char *user, const char *password)
{
	static const char *const modes[] = { "disable", "require", "verify-ca",
	    "verify-full" };

	p->n = 0;
	snprintf(p->port, sizeof(p->port), "%u",
	    (unsigned int)(uint16_t)d->port);
	param(p, "host", host);
	param(p, "port", p->port);
	param(p, "dbname", dbname);
	param(p, "user", user);
	param(p, "password", password);
	param(p, "sslmode", d->host[0] == '/' ? "disable" : modes[d->tls]);
	param(p, "sslrootcert", d->ca_file == NULL ? "" : d->ca_file);
	param(p, "sslcert", "/dev/null/none");
	param(p, "sslkey", "/dev/null/none");
	param(p, "sslcrl", "");
	param(p, "gssencmode", "disable");
	param(p, "passfile", "/dev/null");
	param(p, "connect_timeout", "10");
	param(p, "application_name", "postern");
	param(p, "client_encoding", "UTF8");
}

struct db *
db_open(const struct database *d, const char *password, char *reason,
    size_t size)
{
	struct params p;
	struct db *db;

	params_fill(&p, d, d->host, d->dbname, d->broker_user, password);
	if (clearenv() != 0 || (db = calloc(1, sizeof(*db))) == NULL) {
		snprintf(reason, size, "out of memory");
		return NULL;
	}
	db->conn = PQconnectdbParams(p.names, p.values, 0);
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

/* --- from the event loop ------------------------------------------------------ */

struct dbconn {
	struct ev_loop	*loop;
	PGconn		*conn;
	struct ev_io	*io;
	struct ev_timer	*timer;
	bool		 connecting;
	dbconn_done	*done;		/* NULL: nothing is under way */
	void		*ctx;
	PGresult	*last;		/* with rows */
	bool		 failed, warned;
	char		 sqlstate[6];
	char		 reason[512];
};

/*
 * Whatever a name resolves to in a hostile search_path is not for the broker;
 * and nothing it does may wait for long.
 */
#define OPTIONS	"-c search_path= -c client_min_messages=warning " \
		"-c standard_conforming_strings=on -c lock_timeout=4000 " \
		"-c statement_timeout=9000 " \
		"-c idle_in_transaction_session_timeout=20000"

const char *
dbresult_value(const struct dbresult *r, size_t row, int column)
{
	return PQgetvalue(r->res, (int)row, column);
}

static void	on_conn_io(void *, int);

static void
conn_wait(struct dbconn *c, int what)
{
	int fd = PQsocket(c->conn);

	if (c->io != NULL)
		ev_io_free(&c->io);
	if (fd != -1)
		c->io = ev_io_new(c->loop, fd, what, on_conn_io, c);
}

static void
conn_finish(struct dbconn *c, const char *reason, bool broken)
{
	struct dbresult r = { 0 };
	dbconn_done *done = c->done;
	PGresult *last = c->last;
	char why[sizeof(c->reason)];

	ev_timer_stop(c->timer);
	if (c->io != NULL)
		ev_io_free(&c->io);
	if (reason != NULL && !c->failed) {
		c->failed = true;
		clean(c->reason, sizeof(c->reason), reason);
	}
	r.ok = !c->failed;
	r.warned = c->warned;
	r.broken = broken || PQstatus(c->conn) != CONNECTION_OK;
	memcpy(why, c->reason, sizeof(why));
	r.reason = why;
	memcpy(r.sqlstate, c->sqlstate, sizeof(r.sqlstate));
	r.res = last;
	r.rows = last == NULL ? 0 : (size_t)PQntuples(last);
	c->last = NULL;
	c->done = NULL;
	done(c->ctx, &r);	/* may run the next, or close */
	PQclear(last);
}

/* One more result of what was asked. */
static void
conn_result(struct dbconn *c, PGresult *res)
{
	const char *state;

	switch (PQresultStatus(res)) {
	case PGRES_TUPLES_OK:
		PQclear(c->last);
		c->last = res;
		return;
	case PGRES_COMMAND_OK:
	case PGRES_EMPTY_QUERY:
		break;
	default:
		if (c->failed)
			break;
		c->failed = true;
		state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
		snprintf(c->sqlstate, sizeof(c->sqlstate), "%s",
		    state == NULL ? "" : state);
		clean(c->reason, sizeof(c->reason), PQresultErrorMessage(res));
		break;
	}
	PQclear(res);
}

/* What the server says beside its answers: a WARNING means "not done". */
static void
on_conn_notice(void *ctx, const PGresult *res)
{
	const char *severity = PQresultErrorField(res,
	    PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *words = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
	struct dbconn *c = ctx;

	if (severity == NULL || strcmp(severity, "WARNING") != 0)
		return;
	if (!c->warned && !c->failed)
		clean(c->reason, sizeof(c->reason),
		    words == NULL ? "a warning" : words);
	c->warned = true;
}

static void
conn_connect(struct dbconn *c)
{
	/* libpq may close its socket in there: see HACKING 5. */
	if (c->io != NULL)
		ev_io_free(&c->io);
	switch (PQconnectPoll(c->conn)) {
	case PGRES_POLLING_READING:
		conn_wait(c, EV_IN);
		return;
	case PGRES_POLLING_WRITING:
		conn_wait(c, EV_OUT);
		return;
	case PGRES_POLLING_OK:
		c->connecting = false;
		conn_finish(c, NULL, false);
		return;
	default:
		conn_finish(c, PQerrorMessage(c->conn), true);
		return;
	}
}

static void
conn_read(struct dbconn *c)
{
	PGresult *res;
	int left;

	if (PQconsumeInput(c->conn) == 0) {
		conn_finish(c, PQerrorMessage(c->conn), true);
		return;
	}
	while (PQisBusy(c->conn) == 0) {
		if ((res = PQgetResult(c->conn)) == NULL) {
			conn_finish(c, NULL, false);
			return;
		}
		conn_result(c, res);
	}
	if ((left = PQflush(c->conn)) == -1)
		conn_finish(c, PQerrorMessage(c->conn), true);
	else
		ev_io_want(c->io, left == 1 ? EV_IN | EV_OUT : EV_IN);
}

static void
on_conn_io(void *ctx, int what)
{
	struct dbconn *c = ctx;

	(void)what;
	if (c->connecting)
		conn_connect(c);
	else
		conn_read(c);
}

static void
on_conn_timer(void *ctx)
{
	struct dbconn *c = ctx;

	conn_finish(c, c->connecting ? "connecting took too long" :
	    "no answer in time", true);
}

/* host: one name for each address. */
static char *
repeat_host(const char *host, const char *addrs)
{
	size_t n = 1, i;
	char *out, *p;

	for (; *addrs != '\0'; addrs++)
		n += *addrs == ',';
	if ((out = malloc(n * (strlen(host) + 1))) == NULL)
		return NULL;
	for (i = 0, p = out; i < n; i++)
		p += sprintf(p, "%s%s", i == 0 ? "" : ",", host);
	return out;
}

static int
conn_open(struct ev_loop *loop, const struct database *d, const char *dbname,
    const char *addrs, const char *user, const char *password,
    const char *options, uint64_t ms, dbconn_done *done, void *ctx,
    struct dbconn **cp)
{
	struct params p;
	struct dbconn *c;
	char *hosts = NULL;

	if ((c = calloc(1, sizeof(*c))) == NULL || clearenv() != 0 ||
	    (addrs != NULL && (hosts = repeat_host(d->host, addrs)) == NULL)) {
		free(c);
		return -1;
	}
	params_fill(&p, d, hosts != NULL ? hosts : d->host, dbname, user,
	    password);
	param(&p, "hostaddr", addrs == NULL ? "" : addrs);
	param(&p, "options", options);
	c->conn = PQconnectStartParams(p.names, p.values, 0);
	free(hosts);
	if (c->conn == NULL) {
		free(c);
		return -1;
	}
	PQsetNoticeReceiver(c->conn, on_conn_notice, c);
	c->loop = loop;
	c->done = done;
	c->ctx = ctx;
	c->connecting = true;
	c->timer = ev_timer_new(loop, on_conn_timer, c);
	/* A failure is told from the loop: by the timer, at once. */
	if (PQstatus(c->conn) == CONNECTION_BAD) {
		clean(c->reason, sizeof(c->reason), PQerrorMessage(c->conn));
		c->failed = true;
		ms = 0;
	} else
		conn_wait(c, EV_OUT);
	ev_timer_set(c->timer, ms);
	*cp = c;
	return 0;
}

int
dbconn_open(struct ev_loop *loop, const struct database *d,
    const char *dbname, const char *addrs, const char *password, uint64_t ms,
    dbconn_done *done, void *ctx, struct dbconn **cp)
{
	return conn_open(loop, d, dbname, addrs, d->broker_user, password,
	    OPTIONS, ms, done, ctx, cp);
}

int
dbconn_open_as(struct ev_loop *loop, const struct database *d,
    const char *user, const char *addrs, const char *password, uint64_t ms,
    dbconn_done *done, void *ctx, struct dbconn **cp)
{
	return conn_open(loop, d, d->dbname, addrs, user, password, "", ms,
	    done, ctx, cp);
}

/* What was sent is under way. */
static int
conn_sent(struct dbconn *c, uint64_t ms, dbconn_done *done, void *ctx)
{
	c->done = done;
	c->ctx = ctx;
	c->failed = c->warned = false;
	c->reason[0] = c->sqlstate[0] = '\0';
	conn_wait(c, PQflush(c->conn) == 1 ? EV_IN | EV_OUT : EV_IN);
	ev_timer_set(c->timer, ms);
	return 0;
}

int
dbconn_run(struct dbconn *c, const char *sql, uint64_t ms, dbconn_done *done,
    void *ctx)
{
	if (c->done != NULL || PQsetnonblocking(c->conn, 1) == -1 ||
	    PQsendQuery(c->conn, sql) == 0)
		return -1;
	return conn_sent(c, ms, done, ctx);
}

int
dbconn_run_bound(struct dbconn *c, const char *sql, const struct bind *b,
    uint64_t ms, dbconn_done *done, void *ctx)
{
	if (c->done != NULL || PQsetnonblocking(c->conn, 1) == -1 ||
	    PQsendQueryParams(c->conn, sql, (int)b->n, b->types, b->values,
	    b->lengths, b->formats, 0) == 0)
		return -1;
	return conn_sent(c, ms, done, ctx);
}

void
dbconn_close(struct dbconn **cp)
{
	struct dbconn *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	if (c->io != NULL)
		ev_io_free(&c->io);
	ev_timer_free(&c->timer);
	PQclear(c->last);
	PQfinish(c->conn);
	free(c);
}

bool
dbconn_sound(struct dbconn *c)
{
	struct pollfd p = { .fd = PQsocket(c->conn), .events = POLLIN };

	/* What comes unasked is the server's farewell, or its end. */
	return c->done == NULL && PQstatus(c->conn) == CONNECTION_OK &&
	    poll(&p, 1, 0) == 0;
}
