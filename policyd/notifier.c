/*
 * The notifier: tells webhooks and commands of `notify:` what waits for
 * approval.  It holds the webhooks' secrets and nothing else; it talks to those
 * servers and to policyd's parent.
 *
 * It makes one attempt for each message and says how it went; what is to be
 * tried again, and when, the parent knows (notices.c), so this process may die
 * at any moment.  What a server or a command answers is looked at for success
 * or failure only.  A configuration with a file missing or a secret that others
 * may read is refused whole, and the old one stays.
 */
#include "notifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fetch.h"
#include "hookcmd.h"
#include "ipc.h"
#include "log.h"
#include "payload.h"
#include "policy.h"
#include "vault.h"

#define SECRET_MIN	16	/* bytes: who gets a message may guess at it */

struct notifier {
	struct ev_loop	*loop;
	struct ipc	*parent;
	struct fetcher	*fetcher;
	struct hookcmds	*commands;
	struct policy	*policy;
	uint64_t	 generation;
	char		*secrets[HOOKS_MAX];	/* NULL: unsigned */
};

/* One attempt under way. */
struct job {
	struct notifier	*n;
	uint32_t	 id;
};

static void
answer(struct notifier *n, uint32_t id, enum notify_result result,
    const char *reason)
{
	struct ipc_notified	m = { id, (uint8_t)result,
				    slice_str(reason) };

	ipc_send(n->parent, IPC_notified, &m, NULL, 0);
}

static void
job_end(struct job *j, enum notify_result result, const char *reason)
{
	answer(j->n, j->id, result, reason);
	free(j);
}

/* --- configuration ------------------------------------------------------------- */

static void
wipe_secrets(char *secrets[HOOKS_MAX])
{
	size_t	i;

	for (i = 0; i < HOOKS_MAX; i++) {
		if (secrets[i] != NULL)
			explicit_bzero(secrets[i], strlen(secrets[i]));
		free(secrets[i]);
		secrets[i] = NULL;
	}
}

static int
read_hook(const struct notify_hook *h, size_t i, char **secret,
    struct conf_error *err)
{
	char	why[512];

	if (h->command.n > 0 && access(h->command.v[0], X_OK) == -1) {
		snprintf(err->text, sizeof(err->text), "notify[%zu].command: "
		    "%.400s cannot be run by the notifier's user", i,
		    h->command.v[0]);
		return -1;
	}
	if (h->ca_file != NULL && access(h->ca_file, R_OK) == -1) {
		snprintf(err->text, sizeof(err->text), "notify[%zu].ca_file: "
		    "%.400s cannot be read by the notifier's user", i,
		    h->ca_file);
		return -1;
	}
	if (h->secret_file == NULL)
		return 0;
	if ((*secret = vault_secret(h->secret_file, why,
	    sizeof(why))) == NULL) {
		snprintf(err->text, sizeof(err->text),
		    "notify[%zu].secret_file: %s", i, why);
		return -1;
	}
	if (strlen(*secret) < SECRET_MIN) {
		snprintf(err->text, sizeof(err->text), "notify[%zu]."
		    "secret_file: %.400s: shorter than %d bytes", i,
		    h->secret_file, SECRET_MIN);
		return -1;
	}
	return 0;
}

static int
configure(struct notifier *n, const struct ipc_config *m,
    struct conf_error *err)
{
	char		*secrets[HOOKS_MAX] = { NULL }, *path;
	struct policy	*p = NULL;
	size_t		 i;

	if ((path = slice_dup(m->path)) != NULL)
		p = policy_parse(path, (const char *)m->text.p, m->text.len,
		    err);
	free(path);
	if (p == NULL)
		return -1;
	for (i = 0; i < p->nhooks; i++)
		if (read_hook(&p->hooks[i], i, &secrets[i], err) == -1) {
			wipe_secrets(secrets);
			policy_free(&p);
			return -1;
		}
	wipe_secrets(n->secrets);
	policy_free(&n->policy);
	memcpy(n->secrets, secrets, sizeof(secrets));
	n->policy = p;
	n->generation = m->generation;
	return 0;
}

static int
on_config(void *ctx, const void *msg, int *fds)
{
	const struct ipc_config	*m = msg;
	struct ipc_config_done	 done = { m->generation, 1, slice_str("") };
	struct conf_error	 err = { "" };
	struct notifier		*n = ctx;

	(void)fds;
	if (configure(n, m, &err) == -1) {
		done.ok = 0;
		done.error = slice_str(err.text);
	}
	ipc_send(n->parent, IPC_config_done, &done, NULL, 0);
	return 0;
}

/* --- attempts ------------------------------------------------------------------ */

/* It said no, and would again; a redirect is a no: we go nowhere else. */
static bool
status_final(long status)
{
	return status >= 300 && status < 500 && status != 408 &&
	    status != 425 && status != 429;
}

static void
on_posted(void *ctx, const char *body, size_t len, const char *error)
{
	struct job	*j = ctx;
	long		 status = fetch_status(j->n->fetcher);

	(void)body;
	(void)len;
	/* What it says besides is of no interest, and may be too long. */
	if (error == NULL || (status >= 200 && status < 300))
		job_end(j, NOTIFIED_OK, "");
	else
		job_end(j, status_final(status) ? NOTIFIED_DEAD :
		    NOTIFIED_RETRY, error);
}

static void
on_command(void *ctx, int status, bool late)
{
	struct job	*j = ctx;
	char		 reason[64];

	if (!late && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		job_end(j, NOTIFIED_OK, "");
		return;
	}
	if (late)
		snprintf(reason, sizeof(reason), "the command took too long");
	else if (WIFEXITED(status))
		snprintf(reason, sizeof(reason), "the command exited with %d",
		    WEXITSTATUS(status));
	else
		snprintf(reason, sizeof(reason), "the command died of signal "
		    "%d", WTERMSIG(status));
	job_end(j, NOTIFIED_RETRY, reason);
}

/* 0 when an answer will come; else the result is set with its reason. */
static int
start_webhook(struct notifier *n, struct job *j, size_t hook,
    struct slice event, enum notify_result *result, char *reason, size_t size)
{
	const struct notify_hook	*h = &n->policy->hooks[hook];
	struct fetch_how		 how = { .ca_file = h->ca_file,
					    .http_loopback =
					    h->allow_http_loopback };
	struct fetch			*fetch = NULL;
	char				*body, *signature = NULL;

	body = payload_body((enum notify_template)h->template,
	    (const char *)event.p, event.len);
	if (body != NULL && n->secrets[hook] != NULL)
		signature = payload_signature(n->secrets[hook],
		    now_wall_us() / 1000000, body, strlen(body));
	if (body == NULL || (n->secrets[hook] != NULL && signature == NULL))
		snprintf(reason, size, "no message could be made of it");
	else {
		how.body = body;
		how.len = strlen(body);
		how.header = signature;
		fetch = fetch_start(n->fetcher, h->webhook, &how, on_posted,
		    j, reason, size);
	}
	free(body);
	free(signature);
	*result = NOTIFIED_RETRY;
	return fetch == NULL ? -1 : 0;
}

static int
on_notify(void *ctx, const void *msg, int *fds)
{
	const struct ipc_notify	*m = msg;
	struct notifier		*n = ctx;
	enum notify_result	 result = NOTIFIED_RETRY;
	struct job		*j;
	char			 reason[256] = "out of memory";
	int			 rc = -1;

	(void)fds;
	if (m->generation != n->generation || n->policy == NULL) {
		answer(n, m->id, NOTIFIED_STALE, "");
		return 0;
	}
	if (m->hook >= n->policy->nhooks)
		return -1;
	if ((j = calloc(1, sizeof(*j))) == NULL) {
		answer(n, m->id, result, reason);
		return 0;
	}
	j->n = n;
	j->id = m->id;
	if (n->policy->hooks[m->hook].command.n == 0)
		rc = start_webhook(n, j, m->hook, m->event, &result, reason,
		    sizeof(reason));
	else if ((rc = hookcmd_start(n->commands,
	    &n->policy->hooks[m->hook].command, m->event.p, m->event.len,
	    on_command, j)) == -1)
		snprintf(reason, sizeof(reason), "the command cannot be run");
	if (rc == -1)
		job_end(j, result, reason);
	return 0;
}

/* --- the process ---------------------------------------------------------------- */

static void
on_closed(void *ctx, const char *reason)
{
	struct notifier	*n = ctx;

	log_debug("event=stop reason=\"%s\"", reason);
	ev_stop(n->loop);
}

void
notifier_main(int fd)
{
	static const struct ipc_permit	permits[] = {
		{ IPC_config, ~0u, on_config },
		{ IPC_notify, ~0u, on_notify },
	};
	static struct notifier		n;

	n.loop = ev_loop_new();
	n.fetcher = fetcher_new(n.loop);
	n.commands = hookcmds_new(n.loop);
	n.parent = ipc_new(n.loop, fd, ROLE_NOTIFIER, ROLE_PARENT, permits,
	    sizeof(permits) / sizeof(permits[0]), on_closed, &n);
	if (n.parent == NULL)
		fatalx("event=start error=\"out of memory\"");
	ev_run(n.loop);
	hookcmds_kill(n.commands);
	wipe_secrets(n.secrets);
	exit(0);
}
