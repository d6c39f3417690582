/*
 * Minting roles.  The keeper runs it.
 *
 * The password never leaves the keeper: what goes to the server is a SCRAM
 * verifier (RFC 5802, RFC 7677), of which a server's log can at most show that.
 * The texts are made at once, so that a reload in between changes nothing.
 * Anything but plain success rolls back and is told with a reason.
 */
#include "mint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto.h"
#include "scram.h"

#define TEXT_MAX	(256 * 1024)
#define RUN_MS		8000
#define TRIES		3

struct mint {
	struct dbpool	*pool;
	struct dblease	*lease;
	char		 role[LEN_NAME + 1];
	struct buf	 check, body, text;
	bool		 turn;		/* we have it */
	bool		 again;
	unsigned int	 tries;
	mint_done	*done;
	void		*ctx;
	char		 reason[512];
};

void
mint_password(char password[MINT_PASSWORD], char *verifier)
{
	uint8_t raw[(MINT_PASSWORD - 1) / 2], salt[SCRAM_SALT_LEN];

	random_bytes(raw, sizeof(raw));
	random_bytes(salt, sizeof(salt));
	hex_encode(raw, sizeof(raw), password);
	explicit_bzero(raw, sizeof(raw));
	scram_verifier(password, salt, verifier);
}

void
mint_until(uint64_t deadline, char until[MINT_UNTIL])
{
	uint64_t now = now_boot_ms();
	uint64_t ms = deadline > now ? deadline - now : 0;
	time_t at;
	struct tm tm;

	/* Not before the deadline: the next whole second. */
	at = (time_t)((now_wall_us() / 1000 + ms + 999) / 1000);
	gmtime_r(&at, &tm);
	strftime(until, MINT_UNTIL, "%Y-%m-%d %H:%M:%S+00", &tm);
}

static void
mint_end(struct mint *m, const char *reason, bool sound)
{
	mint_done *done = m->done;
	void *ctx = m->ctx;

	if (m->turn)
		dbpool_turn_over(m->pool);
	dbpool_put(&m->lease, sound);
	dbpool_unref(&m->pool);
	buf_wipe(&m->check);
	buf_wipe(&m->body);
	buf_wipe(&m->text);
	done(ctx, reason);
	free(m);
}

/* Keep the first reason: what follows is its consequence. */
static void
set_reason(struct mint *m, const char *what, const char *reason)
{
	if (m->reason[0] == '\0')
		snprintf(m->reason, sizeof(m->reason), "%s: %s", what, reason);
}

static void
mint_run(struct mint *m, const char *sql, dbconn_done *done)
{
	if (sql == NULL || dbconn_run(m->lease->conn, sql, RUN_MS, done,
	    m) == -1)
		mint_end(m, "minting: out of memory", false);
}

static void	make(struct mint *);

static void
on_rolled_back(void *ctx, const struct dbresult *r)
{
	struct mint *m = ctx;

	if (r->ok && m->again) {
		m->again = false;
		m->reason[0] = '\0';
		make(m);
	} else
		mint_end(m, m->reason, r->ok);
}

static void
on_committed(void *ctx, const struct dbresult *r)
{
	struct mint *m = ctx;

	if (r->ok)
		mint_end(m, NULL, true);
	else {
		set_reason(m, "minting", r->reason);
		mint_end(m, m->reason, false);
	}
}

static void
on_made(void *ctx, const struct dbresult *r)
{
	struct mint *m = ctx;

	if (r->ok && !r->warned) {
		mint_run(m, "COMMIT", on_committed);
		return;
	}
	set_reason(m, "minting", r->reason);
	/* Somebody else changed rights on the same object just now. */
	m->again = strcmp(r->sqlstate, "XX000") == 0 && ++m->tries < TRIES;
	if (r->broken)
		mint_end(m, m->reason, false);
	else
		mint_run(m, "ROLLBACK", on_rolled_back);
}

static void
on_begun(void *ctx, const struct dbresult *r)
{
	struct mint *m = ctx;
	struct buf *b = &m->text;

	if (!r->ok) {
		set_reason(m, "minting", r->reason);
		mint_end(m, m->reason, false);
		return;
	}
	buf_drain(b, b->len);
	if (buf_add(b, buf_head(&m->body), m->body.len) == -1 ||
	    (m->lease->may_log && (sql_add(b, "ALTER ROLE ") == -1 ||
	    sql_ident(b, m->role) == -1 ||
	    sql_add(b, " SET log_statement TO 'all';\n") == -1)))
		mint_end(m, "minting: out of memory", false);
	else
		mint_run(m, sql_text(b), on_made);
}

/*
 * Where the broker may, the verifier stays out of the server's log (which looks
 * at the setting before a message, so that it is one of its own), and the
 * session cannot keep its statements out of it (D5).
 */
static void
make(struct mint *m)
{
	mint_run(m, m->lease->may_log ?
	    "BEGIN; SET LOCAL log_statement TO 'none'" : "BEGIN", on_begun);
}

static void
on_turn(void *ctx)
{
	struct mint *m = ctx;

	m->turn = true;
	make(m);
}

static void
wait_turn(struct mint *m)
{
	if (dbpool_turn(m->pool, on_turn, m) == -1)
		mint_end(m, "minting: out of memory", true);
}

/* What must be so of the roles that policy.yaml names (D21, D22). */
static const char *
role_unfit(const struct dbresult *r, size_t row)
{
	bool owner = strcmp(dbresult_value(r, row, 1), "owner") == 0;

	if (*dbresult_value(r, row, 2) != 't')
		return "there is no such role";
	if (*dbresult_value(r, row, 3) == 't')
		return "the role can log in: a member sees its statements";
	if (*dbresult_value(r, row, 4) == 't')
		return "the role is a superuser";
	if (owner && *dbresult_value(r, row, 5) == 't')
		return "an owner of what is left may not create roles";
	return NULL;
}

static void
on_checked(void *ctx, const struct dbresult *r)
{
	struct mint *m = ctx;
	const char *why = r->ok ? NULL : r->reason;
	size_t i;

	for (i = 0; r->ok && i < r->rows && why == NULL; i++)
		if ((why = role_unfit(r, i)) != NULL)
			set_reason(m, dbresult_value(r, i, 0), why);
	if (why == NULL) {
		wait_turn(m);
		return;
	}
	set_reason(m, "minting", why);
	mint_end(m, m->reason, r->ok);
}

static void
on_lease(void *ctx, struct dblease *l, const char *reason)
{
	struct mint *m = ctx;

	if ((m->lease = l) == NULL) {
		set_reason(m, "broker", reason);
		mint_end(m, m->reason, false);
	} else if (m->check.len > 0)
		mint_run(m, sql_text(&m->check), on_checked);
	else
		wait_turn(m);
}

int
mint_start(struct dbpool *pool, const struct role_mint *spec, mint_done *done,
    void *ctx)
{
	struct mint *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return -1;
	buf_init(&m->check, TEXT_MAX);
	buf_init(&m->body, TEXT_MAX);
	buf_init(&m->text, TEXT_MAX + 1024);
	snprintf(m->role, sizeof(m->role), "%s", spec->role);
	m->done = done;
	m->ctx = ctx;
	m->pool = dbpool_ref(pool);
	if (role_sql_check(spec->spec, &m->check) == -1 ||
	    role_sql_mint(spec, &m->body) == -1 ||
	    dbpool_get(pool, true, on_lease, m) == -1) {
		dbpool_unref(&m->pool);
		buf_wipe(&m->check);
		buf_wipe(&m->body);
		free(m);
		return -1;
	}
	return 0;
}
