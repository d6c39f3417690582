/*
 * `notify:` of policy.yaml: who is told of what waits for approval.  For every
 * process of policyd; see policy.c for what is trusted and how it fails.
 */
#include <stdlib.h>
#include <string.h>

#include "policy_impl.h"

#define URL_MAX		1024
#define ARG_MAX_LEN	1024
#define ARGS_MAX	32

/* In the order of enum notify_template. */
static const char *const templates[] = { "json", "slack", "teams", NULL };

#define HOOK(member)	offsetof(struct notify_hook, member)
static const struct conf_key hook_keys[] = {
	{ .name = "webhook", .type = CONF_STRING, .offset = HOOK(webhook),
	  .dflt = "" },
	{ .name = "secret_file", .type = CONF_PATH,
	  .offset = HOOK(secret_file), .dflt = "" },
	{ .name = "template", .type = CONF_ENUM, .offset = HOOK(template),
	  .dflt = "json", .choices = templates },
	{ .name = "ca_file", .type = CONF_PATH, .offset = HOOK(ca_file),
	  .dflt = "" },
	{ .name = "allow_http_loopback", .type = CONF_BOOL,
	  .offset = HOOK(allow_http_loopback), .dflt = "false" },
	{ .name = "command", .type = CONF_STRINGS, .offset = HOOK(command),
	  .dflt = "" },
	{ .name = "parameters", .type = CONF_BOOL,
	  .offset = HOOK(parameters), .dflt = "false" }
};
static const struct conf_sub hook_sub = POLICY_MAP(hook_keys);
const struct conf_sub policy_notify_sub = POLICY_LIST(hook_sub);

/* Keys that say how a web server is told. */
static const char *const web_only[] = { "secret_file", "template", "ca_file",
	"allow_http_loopback" };

static int
check_command(const struct conf *c, const struct conf_node *map,
    const char *where, const struct notify_hook *h, struct conf_error *err)
{
	size_t	i;

	for (i = 0; i < POLICY_NELEM(web_only); i++)
		if (conf_get(map, web_only[i]) != NULL)
			return conf_fail(c, conf_get(map, web_only[i]), err,
			    "%s.%s: only with webhook", where, web_only[i]);
	if (h->command.n > ARGS_MAX)
		return conf_fail(c, conf_get(map, "command"), err,
		    "%s.command: more than %d words", where, ARGS_MAX);
	if (policy_texts(c, map, where, "command", &h->command, ARG_MAX_LEN,
	    err) == -1)
		return -1;
	if (h->command.v[0][0] != '/')
		return conf_fail(c, policy_item(map, "command", 0), err,
		    "%s.command: the program's path must be absolute", where);
	return 0;
}

static int
check_webhook(const struct conf *c, const struct conf_node *map,
    const char *where, const struct notify_hook *h, struct conf_error *err)
{
	const char	*fault;

	if (policy_text(c, map, where, "webhook", h->webhook, URL_MAX,
	    err) == -1)
		return -1;
	fault = policy_url_fault(h->webhook, true, h->allow_http_loopback);
	if (fault != NULL)
		return conf_fail(c, conf_get(map, "webhook"), err,
		    "%s.webhook: the URL %s", where, fault);
	/* Chat services check no signature; the URL itself is their secret. */
	if (h->template == NOTIFY_JSON && h->secret_file == NULL)
		return conf_fail(c, map, err, "%s: key \"secret_file\" is "
		    "missing, to sign by", where);
	return 0;
}

static int
parse_hook(const struct conf *c, const struct conf_node *map,
    const char *where, struct notify_hook *h, struct conf_error *err)
{
	if (conf_fill(c, map, where, hook_keys, POLICY_NELEM(hook_keys), h,
	    err) == -1)
		return -1;
	if ((conf_get(map, "webhook") != NULL) ==
	    (conf_get(map, "command") != NULL))
		return conf_fail(c, map, err, "%s: expected webhook or "
		    "command", where);
	return conf_get(map, "command") != NULL ?
	    check_command(c, map, where, h, err) :
	    check_webhook(c, map, where, h, err);
}

int
policy_notify_parse(const struct conf *c, const struct conf_node *list,
    struct policy *p, struct conf_error *err)
{
	char	where[POLICY_WHERE];
	size_t	i;

	if (list == NULL)
		return 0;
	if (list->kind != CONF_LIST || list->n == 0 || list->n > HOOKS_MAX)
		return conf_fail(c, list, err, "notify: expected a list of 1 "
		    "to %d", HOOKS_MAX);
	if ((p->hooks = calloc(list->n, sizeof(*p->hooks))) == NULL)
		return conf_fail(c, list, err, "out of memory");
	for (i = 0; i < list->n; i++) {
		policy_where(where, "notify[%zu]", i);
		if (parse_hook(c, list->items[i], where,
		    &p->hooks[p->nhooks++], err) == -1)
			return -1;
	}
	return 0;
}

void
policy_notify_free(struct policy *p)
{
	size_t	i;

	for (i = 0; i < p->nhooks; i++)
		conf_release(hook_keys, POLICY_NELEM(hook_keys),
		    &p->hooks[i]);
	free(p->hooks);
	p->hooks = NULL;
	p->nhooks = 0;
}

void
policy_notify_print(const struct policy *p, FILE *fp)
{
	/* What stands before `command` in the table, and what behind it. */
	const size_t	web = POLICY_NELEM(hook_keys) - 2;
	size_t		i;

	if (p->nhooks > 0)
		fputs("\nnotify:\n", fp);
	for (i = 0; i < p->nhooks; i++) {
		fputs("  -\n", fp);
		if (p->hooks[i].command.n > 0) {
			conf_print(fp, 4, &hook_keys[web], 2, &p->hooks[i]);
			continue;
		}
		conf_print(fp, 4, hook_keys, web, &p->hooks[i]);
		conf_print(fp, 4, &hook_keys[web + 1], 1, &p->hooks[i]);
	}
}
