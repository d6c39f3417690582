/*
 * Logins at databases.  The keeper runs it.
 *
 * A session gets one SCRAM exchange, with its profile's role, right after it
 * was dialled; the password is wiped from the session as soon as it has been
 * used.  The server's words come through a worker: scram.c trusts none of
 * them.  Whatever is wrong fails that session alone, with a reason.
 */
#include "dblogin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dial.h"
#include "log.h"
#include "scram.h"

struct login {
	struct login	*next;
	struct dblogins	*all;
	char		 session[LEN_SESSION + 1];
	char		 profile[LEN_KEY + 1];
	char		 database[LEN_KEY + 1];
	uint32_t	 id;		/* of the dial */
	uint64_t	 generation;	/* ... and of its password */
	struct dial	*dial;
	struct scram	*scram;		/* NULL: no password, or used up */
};

struct dblogins {
	struct ev_loop		*loop;
	struct ipc		*parent;
	const struct vault	*vault;
	uint64_t		 generation;	/* of the vault */
	struct login		*first;
};

struct dblogins *
dblogin_new(struct ev_loop *loop)
{
	struct dblogins *l;

	if ((l = calloc(1, sizeof(*l))) != NULL)
		l->loop = loop;
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

static struct login **
find(struct dblogins *l, struct slice session)
{
	struct login **p;

	for (p = &l->first; *p != NULL; p = &(*p)->next)
		if (slice_eq(session, (*p)->session))
			break;
	return p;
}

static void
forget(struct login **p)
{
	struct login *s = *p;

	*p = s->next;
	dial_cancel(&s->dial);
	scram_free(&s->scram);
	free(s);
}

/* --- dial ------------------------------------------------------------------------ */

static void
dial_failed(struct dblogins *l, uint32_t id, const char *reason)
{
	struct ipc_dial_failed m = { id, slice_str(reason) };

	log_warnx("event=dial error=%s", log_esc(reason, strlen(reason)));
	ipc_send(l->parent, IPC_dial_failed, &m, NULL, 0);
}

static void
on_dialed(void *ctx, int fd, const char *reason)
{
	struct login *s = ctx;
	struct dblogins *l = s->all;
	const struct vault_db *v = vault_database(l->vault, s->database);
	const struct profile *p = vault_profile(l->vault, s->profile);
	struct ipc_dialed m;

	s->dial = NULL;
	if (fd != -1 && (v == NULL || p == NULL)) {
		/* A reload came in between. */
		close(fd);
		fd = -1;
		reason = "the profile or the database is no more";
	}
	if (fd == -1) {
		dial_failed(l, s->id, reason);
		forget(find(l, slice_str(s->session)));
		return;
	}
	m.id = s->id;
	m.role = slice_str(p->role_user);
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
	s->generation = l->generation;
	return s;
}

void
dblogin_dial(struct dblogins *l, const struct ipc_dial *m)
{
	const struct vault_db *v;
	const struct profile *p;
	const char *password;
	struct login *s;

	if (*find(l, m->session) != NULL ||
	    (s = login_new(l, m)) == NULL) {
		dial_failed(l, m->id, "not a new session");
		return;
	}
	v = vault_database(l->vault, s->database);
	p = vault_profile(l->vault, s->profile);
	if (v == NULL || p == NULL || p->role_user == NULL ||
	    !profile_has_database(p, s->database)) {
		dial_failed(l, m->id,
		    "no such profile, or the database is not one of its");
		free(s);
		return;
	}
	password = vault_role_password(l->vault, p);
	if ((password != NULL && (s->scram = scram_new("", password)) ==
	    NULL) || dial_start(l->loop, v->db->host, (uint16_t)v->db->port,
	    DIAL_MS, on_dialed, s, &s->dial) == -1) {
		dial_failed(l, m->id, "out of memory");
		scram_free(&s->scram);
		free(s);
		return;
	}
	s->next = l->first;
	l->first = s;
}

void
dblogin_forget(struct dblogins *l, const struct ipc_keeper_forget *m)
{
	struct login **p = find(l, m->session);

	if (*p != NULL)
		forget(p);
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
	ok = s != NULL && s->dial == NULL && s->scram != NULL &&
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
