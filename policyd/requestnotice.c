/*
 * A request for approval as hooks are told of it.  Runs in the parent.  Texts
 * are a client's; what is not UTF-8 is left out.
 */
#include "request.h"

#include <string.h>

#include "actors.h"
#include "crypto.h"
#include "ev.h"
#include "notices.h"

#define TEXT_MAX	2000	/* bytes; `policyctl show` has the whole */

static void
set(json_t *o, const char *name, const char *value)
{
	if (value[0] != '\0')
		json_object_set_new(o, name, json_string(value));
}

/* Cut between characters. */
static void
set_text(json_t *o, const char *text)
{
	size_t	n = strlen(text);
	bool	cut = n > TEXT_MAX;

	if (cut)
		for (n = TEXT_MAX; n > 0 && ((unsigned char)text[n] & 0xc0) ==
		    0x80; n--)
			;
	json_object_set_new(o, "text", json_stringn(text, n));
	json_object_set_new(o, "text_cut", json_boolean(cut));
}

/* What every event says; `id` is the same in each attempt. */
static json_t *
event_new(const struct request *r, const char *event)
{
	uint8_t	bytes[16];
	char	id[2 * sizeof(bytes) + 1];
	json_t	*o = json_object();

	random_bytes(bytes, sizeof(bytes));
	hex_encode(bytes, sizeof(bytes), id);
	set(o, "id", id);
	set(o, "event", event);
	json_object_set_new(o, "at",
	    json_integer((json_int_t)(now_wall_us() / 1000000)));
	json_object_set_new(o, "request", json_integer(r->number));
	set(o, "subject", r->subject);
	set(o, "issuer", r->issuer);
	set(o, "profile", r->profile);
	set(o, "database", r->database);
	set(o, "rule", r->rule);
	set(o, "kind", r->kind);
	if (r->act != NULL)
		json_object_set_new(o, "actors", actors_list(r->act));
	if (r->type == REQUEST_LOGIN) {
		json_object_set_new(o, "grant_for",
		    json_integer((json_int_t)(r->length / 1000)));
		return o;
	}
	json_object_set_new(o, "in_transaction",
	    json_boolean(r->in_transaction));
	request_estimate(r, o);
	set_text(o, r->text);
	return o;
}

void
requestnotice_open(struct request *r, const struct approval *a,
    uint64_t until, bool again)
{
	json_t	*o, *groups;
	size_t	 i;

	if (r->p->policy->nhooks == 0 || r->quiet)
		return;
	o = event_new(r, "request");
	groups = json_array();
	for (i = 0; i < a->groups.n; i++)
		json_array_append_new(groups, json_string(a->groups.v[i]));
	json_object_set_new(o, "groups", groups);
	json_object_set_new(o, "minimum",
	    json_integer((json_int_t)a->minimum));
	json_object_set_new(o, "until", json_integer((json_int_t)until));
	if (again)
		json_object_set_new(o, "again", json_true());
	notices_post(r->p, r->number, o, r->type == REQUEST_LOGIN ? NULL :
	    r->params);
	json_decref(o);
}

void
requestnotice_decided(struct request *r, const struct decision *d,
    const char *reason)
{
	json_t	*o;

	if (r->p->policy->nhooks == 0 || r->quiet)
		return;
	o = event_new(r, "decision");
	set(o, "decision", d->approve ? "approve" : "deny");
	set(o, "approver", d->approver);
	set(o, "approver_issuer", d->issuer);
	set(o, "reason", reason);
	notices_post(r->p, r->number, o, NULL);
	json_decref(o);
}

void
requestnotice_end(struct request *r, const char *reason)
{
	json_t	*o;

	if (r->p->policy->nhooks == 0 || r->quiet)
		return;
	o = event_new(r, "end");
	set(o, "result", request_state_name(r->state));
	set(o, "reason", reason);
	notices_post(r->p, r->number, o, NULL);
	json_decref(o);
}
