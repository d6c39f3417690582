/*
 * Logins at databases.  The keeper runs it.
 *
 * A session gets one SCRAM exchange, with its profile's fixed role or with one
 * that is minted while the database is dialled; the password is wiped from the
 * session as soon as it has been used.  The server's words come through a
 * worker: scram.c trusts none of them.  Whatever is wrong fails that session
 * alone, with a reason.  A role that was made is dropped when its session is
 * over, at whatever point that is.
 */
#include "dblogin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dial.h"
#include "log.h"
#include "mint.h"
#include "scram.h"

/* For how long a role without a deadline may use its password. */
#define LOGIN_MS	600000

struct login {
	struct login	*next;
	struct dblogins	*all;
	char		 session[LEN_SESSION + 1];
	char		 profile[LEN_KEY + 1];
	char		 database[LEN_KEY + 1];
	char		 role[LEN_NAME + 1];
	char		 until[MINT_UNTIL];	/* "": no deadline */
	uint32_t	 id;		/* of the dial */
	uint64_t	 generation;	/* ... and of its password */
	struct dial	*dial;
	int		 fd;		/* dialled, and waits for its role */
	struct dbpool	*pool;		/* where its role is minted, or NULL */
	bool		 minting, made;
	bool		 over;		/* forgotten while minting */
	struct scram	*scram;		/* NULL: no password, or used up */
};

struct dblogins {
	struct ev_loop		*loop;
	struct ipc		*parent;
	struct roles		*roles;
	const struct vault	*vault;
	uint64_t		 generation;	/* of the vault */
	struct login		*first;
};

struct dblogins *
dblogin_new(struct ev_loop *loop, struct roles *roles)
{
	struct dblogins *l;

	if ((l = calloc(1, sizeof(*l))) != NULL) {
		l->loop = loop;
		l->roles = roles;
	}
	return l;
}

void
dblogin_parent(struct dblogins *l, struct ipc *parent)
{
	l->parent = parent;
}

void
dblogin_config(struct dblogins *l, const struct vault *v, uint64_t generation)
{
	l->vault = v;
	l->generation = generation;
}

/* --- the table ------------------------------------------------------------------- */

static struct login **
find(struct dblogins *l, struct slice session)
{
	struct login **p;

	for (p = &l->first; *p != NULL; p = &(*p)->next)
		if (slice_eq(session, (*p)->session))
			break;
	return p;
}

bool
dblogin_has(void *ctx, const char *session)
{
	return *find(ctx, slice_str(session)) != NULL;
}

static void
login_free(struct login *s)
{
	dial_cancel(&s->dial);
	if (s->fd != -1)
		close(s->fd);
	scram_free(&s->scram);
	dbpool_unref(&s->pool);
	free(s);
}

/* It is over: forget it, and its role is dropped; at the latest when made. */
static void
login_over(struct login *s)
{
	struct login **p;

	dial_cancel(&s->dial);
	scram_free(&s->scram);
	s->over = true;
	if (s->minting)
		return;
	for (p = &s->all->first; *p != s; p = &(*p)->next)
		;
	*p = s->next;
	if (s->made)
		roles_end(s->all->roles, s->pool, s->role);
	login_free(s);
}

/* --- dial and mint --------------------------------------------------------------- */

static void
dial_failed(struct dblogins *l, uint32_t id, const char *reason)
{
	struct ipc_dial_failed m = { id, slice_str(reason) };

	log_warnx("event=dial error=%s", log_esc(reason, strlen(reason)));
	ipc_send(l->parent, IPC_dial_failed, &m, NULL, 0);
}

static void
login_failed(struct login *s, const char *reason)
{
	if (!s->over)
		dial_failed(s->all, s->id, reason);
	login_over(s);
}

/* Dialled, and its role is there: the parent may have it. */
static void
login_ready(struct login *s)
{
	struct dblogins *l = s->all;
	const struct vault_db *v = vault_database(l->vault, s->database);
	struct ipc_dialed m;
	int fd = s->fd;

	if (fd == -1 || s->minting)
		return;
	if (v == NULL || vault_profile(l->vault, s->profile) == NULL) {
		/* A reload came in between. */
		login_failed(s, "the profile or the database is no more");
		return;
	}
	s->fd = -1;
	m.id = s->id;
	m.role = slice_str(s->role);
	m.dbname = slice_str(v->db->dbname);
	/* As libpq: no TLS over a Unix socket. */
	m.dbtls = v->db->host[0] == '/' ? DB_TLS_DISABLE :
	    (uint8_t)v->db->tls;
	m.dbhost = slice_str(v->db->host);
	m.ca = slice_of(v->ca, v->calen);
	/* Of two policies, one for the password: of none that is in force. */
	m.generation = s->generation == l->generation ? s->generation : 0;
	ipc_send(l->parent, IPC_dialed, &m, &fd, 1);
}

static void
on_dialed(void *ctx, int fd, const char *reason)
{
	struct login *s = ctx;

	s->dial = NULL;
	s->fd = fd;
	if (fd == -1)
		login_failed(s, reason);
	else
		login_ready(s);
}

static void
on_minted(void *ctx, const char *reason)
{
	struct login *s = ctx;

	s->minting = false;
	s->made = reason == NULL;
	if (s->made)
		roles_news(s->all->roles, NEWS_MINTED, s->database, s->role,
		    s->until[0] == '\0' ? "none" : s->until);
	if (s->over)
		login_over(s);
	else if (reason != NULL)
		login_failed(s, reason);
	else
		login_ready(s);
}

/* NULL, or why there can be none. */
static const char *
login_mint(struct login *s, const struct profile *p, uint64_t deadline)
{
	struct dblogins *l = s->all;
	const char *instance = roles_our_instance(l->roles);
	struct dbpool *pool = roles_pool(l->roles, s->database);
	char password[MINT_PASSWORD], verifier[SCRAM_VERIFIER_SIZE];
	char comment[ROLE_COMMENT], until[MINT_UNTIL];
	struct role_mint m = { .role = s->role, .verifier = verifier,
	    .until = until, .comment = comment, .spec = &p->role,
	    .settings = p->settings, .nsettings = p->nsettings };

	if (pool == NULL ||
	    role_name(instance, s->session, s->role) == -1)
		return "there is no broker, or no name for a role";
	mint_until(deadline != 0 ? deadline : now_boot_ms() + LOGIN_MS, until);
	if (deadline != 0)
		memcpy(s->until, until, sizeof(until));
	if (role_comment(instance, s->session, s->until[0] == '\0' ? NULL :
	    s->until, p->role.owner, comment) == -1)
		return "the role's comment is too long";
	m.broker = dbpool_database(pool)->broker_user;
	mint_password(password, verifier);
	s->scram = scram_new("", password);
	explicit_bzero(password, sizeof(password));
	if (s->scram == NULL || mint_start(pool, &m, on_minted, s) == -1)
		return "out of memory, or a setting that is not well-formed";
	s->pool = dbpool_ref(pool);
	s->minting = true;
	return NULL;
}

static struct login *
login_new(struct dblogins *l, const struct ipc_dial *m)
{
	struct login *s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	if (m->session.len == 0 ||
	    slice_copy(m->session, s->session, sizeof(s->session)) == -1 ||
	    slice_copy(m->profile, s->profile, sizeof(s->profile)) == -1 ||
	    slice_copy(m->database, s->database, sizeof(s->database)) == -1) {
		free(s);
		return NULL;
	}
	s->all = l;
	s->id = m->id;
	s->fd = -1;
	s->generation = l->generation;
	return s;
}

/* NULL, or why it cannot be begun. */
static const char *
login_begin(struct login *s, const struct ipc_dial *m)
{
	struct dblogins *l = s->all;
	const struct vault_db *v = vault_database(l->vault, s->database);
	const struct profile *p = vault_profile(l->vault, s->profile);
	const char *password, *why;

	if (v == NULL || p == NULL || (!p->mints && p->role_user == NULL) ||
	    !profile_has_database(p, s->database))
		return "no such profile, or the database is not one of its";
	if (p->mints) {
		if ((why = login_mint(s, p, m->deadline)) != NULL)
			return why;
	} else {
		snprintf(s->role, sizeof(s->role), "%s", p->role_user);
		password = vault_role_password(l->vault, p);
		if (password != NULL &&
		    (s->scram = scram_new("", password)) == NULL)
			return "out of memory";
	}
	if (dial_start(l->loop, v->db->host, (uint16_t)v->db->port, DIAL_MS,
	    on_dialed, s, &s->dial) == -1)
		return "out of memory";
	return NULL;
}

void
dblogin_dial(struct dblogins *l, const struct ipc_dial *m)
{
	struct login *s;
	const char *why;

	if (*find(l, m->session) != NULL ||
	    (s = login_new(l, m)) == NULL) {
		dial_failed(l, m->id, "not a new session");
		return;
	}
	s->next = l->first;
	l->first = s;
	if ((why = login_begin(s, m)) != NULL)
		login_failed(s, why);
}

/*
 * A login that this process knows knows its role; of one that an earlier keeper
 * began, the parent says it.
 */
void
dblogin_forget(struct dblogins *l, const struct ipc_keeper_forget *m)
{
	char database[LEN_KEY + 1], role[LEN_NAME + 1], start[64];
	struct login *s = *find(l, m->session);
	struct dbpool *pool;
	bool minted = s != NULL && s->pool != NULL;

	if (s != NULL)
		login_over(s);
	if (minted || m->role.len == 0 ||
	    slice_copy(m->database, database, sizeof(database)) == -1 ||
	    slice_copy(m->role, role, sizeof(role)) == -1 ||
	    slice_copy(m->backend_start, start, sizeof(start)) == -1 ||
	    (pool = roles_pool(l->roles, database)) == NULL)
		return;
	if (role_session(roles_our_instance(l->roles), role) != NULL)
		roles_end(l->roles, pool, role);
	else if (m->pid != 0 && start[0] != '\0')
		roles_end_backend(l->roles, pool, role, m->pid, start);
}

/* --- SASL ------------------------------------------------------------------------- */

/* 0 with the answer, or -1 with a reason. */
static int
step(struct login *s, const struct ipc_sasl_ask *m, struct buf *out,
    const char **mech, char *reason, size_t size)
{
	*mech = "";
	switch (m->step) {
	case 10:
		*mech = scram_first(s->scram, m->data.p, m->data.len,
		    m->binding.p, m->binding.len, out, reason, size);
		return *mech == NULL ? -1 : 0;
	case 11:
		return scram_final(s->scram, m->data.p, m->data.len, out,
		    reason, size);
	case 12:
		return scram_verify(s->scram, m->data.p, m->data.len, reason,
		    size);
	default:
		snprintf(reason, size, "no such step of an exchange");
		return -1;
	}
}

void
dblogin_sasl(struct dblogins *l, const struct ipc_sasl_ask *m)
{
	struct login *s = *find(l, m->session);
	struct ipc_sasl_answer a;
	struct ipc_sasl_failed f;
	char reason[256] = "unknown session, or its exchange is over";
	const char *mech;
	struct buf out;
	bool ok;

	buf_init(&out, LEN_SASL);
	ok = s != NULL && !s->over && !s->minting && s->dial == NULL &&
	    s->scram != NULL &&
	    step(s, m, &out, &mech, reason, sizeof(reason)) == 0;
	if (ok) {
		a.session = m->session;
		a.step = m->step;
		a.mechanism = slice_str(mech);
		a.data = slice_of(buf_head(&out), out.len);
		ipc_send(l->parent, IPC_sasl_answer, &a, NULL, 0);
	} else {
		log_warnx("event=sasl session=%s error=\"%s\"",
		    log_esc(m->session.p, m->session.len), reason);
		f.session = m->session;
		f.reason = slice_str(reason);
		ipc_send(l->parent, IPC_sasl_failed, &f, NULL, 0);
	}
	/* One exchange a session (D24). */
	if (s != NULL && (!ok || m->step == 12))
		scram_free(&s->scram);
	buf_wipe(&out);
}
