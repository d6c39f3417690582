/*
 * Requests on disk, so that who waits goes on waiting when policyd is
 * restarted.  Runs in the parent, in its own state directory.  What does not
 * read back completely is no request: its session is told to ask again.
 */
#include "request.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define M_NAME(id, name)	name,
static const char *const type_names[] = { REQUEST_TYPES(M_NAME) };
#undef M_NAME

const char *
request_type_name(enum request_type type)
{
	return type_names[type];
}

/* Of a login's, by the clock on the wall, in ms: it may outlive the machine. */
static uint64_t
until(const struct request *r)
{
	uint64_t	now = now_boot_ms();

	return now_wall_us() / 1000 + (r->expires > now ? r->expires - now :
	    0);
}

static json_t *
encode_decisions(const struct request *r)
{
	json_t	*a = json_array();
	size_t	 i;

	for (i = 0; i < r->ndecisions; i++)
		json_array_append_new(a, json_pack("{s:b, s:s, s:s}",
		    "approve", r->decisions[i].approve,
		    "approver", r->decisions[i].approver,
		    "issuer", r->decisions[i].issuer));
	return a;
}

static json_t *
encode(const struct request *r)
{
	json_t	*o;

	o = json_pack("{s:I, s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:s, "
	    "s:s, s:b, s:s, s:O, s:s, s:I, s:I, s:o}",
	    "number", (json_int_t)r->number,
	    "state", request_state_name(r->state),
	    "session", r->session, "id", (json_int_t)r->id,
	    "issuer", r->issuer, "subject", r->subject,
	    "profile", r->profile, "database", r->database,
	    "role", r->role, "rule", r->rule, "kind", r->kind,
	    "in_transaction", r->in_transaction, "text", r->text,
	    "params", r->params, "policy", r->sha256,
	    "created", (json_int_t)r->created,
	    "expires", (json_int_t)r->expires,
	    "decisions", encode_decisions(r));
	if (o == NULL)
		return NULL;
	/* The client's bytes: not UTF-8, not kept. */
	json_object_set_new(o, "peer", json_string(r->peer));
	json_object_set_new(o, "application", json_string(r->application));
	if (r->act != NULL)
		json_object_set(o, "act", r->act);
	if (r->shape != NULL)
		json_object_set_new(o, "shape", json_string(r->shape));
	if (r->estimate != ESTIMATE_UNASKED) {
		json_object_set_new(o, "estimate",
		    json_integer(r->estimate));
		json_object_set_new(o, "rows",
		    json_integer((json_int_t)r->est_rows));
		json_object_set_new(o, "cost",
		    json_integer((json_int_t)r->est_cost));
	}
	if (r->type == REQUEST_STATEMENT)
		return o;
	json_object_set_new(o, "type", json_string(request_type_name(
	    r->type)));
	json_object_set_new(o, "length", json_integer((json_int_t)r->length));
	json_object_set_new(o, "until", json_integer((json_int_t)until(r)));
	json_object_set_new(o, "answer", json_string(r->answer));
	json_object_set_new(o, "revoker", json_string(r->revoker.approver));
	json_object_set_new(o, "revoker_issuer", json_string(
	    r->revoker.issuer));
	return o;
}

int
requestfile_write(const struct request *r, const char *path, bool sync)
{
	char	 tmp[LEN_PATH + 8];
	json_t	*o = encode(r);
	int	 fd, rc = -1;

	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (o != NULL && fd != -1 && json_dumpfd(o, fd, JSON_COMPACT) == 0 &&
	    (!sync || fdatasync(fd) == 0) && rename(tmp, path) == 0)
		rc = 0;
	if (fd != -1)
		close(fd);
	json_decref(o);
	return rc;
}

static int
get_str(const json_t *o, const char *name, char *out, size_t size)
{
	const char	*v = json_string_value(json_object_get(o, name));

	if (v == NULL || strlen(v) >= size)
		return -1;
	snprintf(out, size, "%s", v);
	return 0;
}

static uint64_t
get_num(const json_t *o, const char *name)
{
	json_int_t	v = json_integer_value(json_object_get(o, name));

	return v < 0 ? 0 : (uint64_t)v;
}

static int
decode_decisions(struct request *r, const json_t *list)
{
	struct decision	*d;
	const json_t	*v;
	size_t		 i;

	if (!json_is_array(list) || json_array_size(list) > DECISIONS_MAX)
		return -1;
	json_array_foreach(list, i, v) {
		d = &r->decisions[r->ndecisions++];
		d->approve = json_is_true(json_object_get(v, "approve"));
		if (get_str(v, "approver", d->approver,
		    sizeof(d->approver)) == -1 ||
		    get_str(v, "issuer", d->issuer, sizeof(d->issuer)) == -1)
			return -1;
	}
	return 0;
}

static int
decode_state(struct request *r, const char *name)
{
	int	i;

	for (i = 0; i < REQUEST_NSTATES; i++) {
		r->state = (enum request_state)i;
		if (name != NULL &&
		    strcmp(request_state_name(r->state), name) == 0)
			return 0;
	}
	return -1;
}

/*
 * What a login has besides.  It may be of another boot, whose clock began
 * anew: the earlier of its two ends holds.
 */
static void
decode_login(struct request *r, const json_t *o)
{
	uint64_t	wall = now_wall_us() / 1000, end;

	r->type = REQUEST_LOGIN;
	r->length = get_num(o, "length");
	end = get_num(o, "until");
	end = now_boot_ms() + (end > wall ? end - wall : 0);
	if (end < r->expires)
		r->expires = end;
	/* For people; what is not UTF-8 any more was not kept. */
	get_str(o, "answer", r->answer, sizeof(r->answer));
	get_str(o, "revoker", r->revoker.approver,
	    sizeof(r->revoker.approver));
	get_str(o, "revoker_issuer", r->revoker.issuer,
	    sizeof(r->revoker.issuer));
}

int
requestfile_read(struct request *r, const char *path)
{
	const char	*text;
	json_t		*o = json_load_file(path, JSON_REJECT_DUPLICATES,
			    NULL);
	int		 rc = -1;

	text = json_string_value(json_object_get(o, "text"));
	r->params = json_incref(json_object_get(o, "params"));
	if (text == NULL || (r->text = strdup(text)) == NULL ||
	    !json_is_array(r->params) ||
	    decode_state(r, json_string_value(json_object_get(o,
	    "state"))) == -1 ||
	    get_str(o, "session", r->session, sizeof(r->session)) == -1 ||
	    get_str(o, "issuer", r->issuer, sizeof(r->issuer)) == -1 ||
	    get_str(o, "subject", r->subject, sizeof(r->subject)) == -1 ||
	    get_str(o, "profile", r->profile, sizeof(r->profile)) == -1 ||
	    get_str(o, "database", r->database, sizeof(r->database)) == -1 ||
	    get_str(o, "role", r->role, sizeof(r->role)) == -1 ||
	    get_str(o, "rule", r->rule, sizeof(r->rule)) == -1 ||
	    get_str(o, "kind", r->kind, sizeof(r->kind)) == -1 ||
	    get_str(o, "policy", r->sha256, sizeof(r->sha256)) == -1 ||
	    decode_decisions(r, json_object_get(o, "decisions")) == -1)
		goto out;
	/* These two may be missing. */
	get_str(o, "peer", r->peer, sizeof(r->peer));
	get_str(o, "application", r->application, sizeof(r->application));
	r->number = (uint32_t)get_num(o, "number");
	r->id = (uint32_t)get_num(o, "id");
	r->in_transaction = json_is_true(json_object_get(o,
	    "in_transaction"));
	r->estimate = (uint8_t)get_num(o, "estimate");
	r->est_rows = get_num(o, "rows");
	r->est_cost = get_num(o, "cost");
	r->created = get_num(o, "created");
	r->expires = get_num(o, "expires");
	r->act = json_incref(json_object_get(o, "act"));
	text = json_string_value(json_object_get(o, "shape"));
	if (text != NULL)
		r->shape = strdup(text);
	if (json_object_get(o, "type") != NULL)
		decode_login(r, o);
	rc = r->number == 0 ? -1 : 0;
out:
	json_decref(o);
	return rc;
}
