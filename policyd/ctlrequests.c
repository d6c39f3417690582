/*
 * The part of policyctl that is for those who approve.  Run by an approver or
 * on his behalf.  Texts are a client's: they are escaped for a terminal.
 */
#include "ctlrequests.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"
#include "ctlgrants.h"
#include "ipc_msgs.h"
#include "visible.h"

#define WATCH_SECONDS	2

/* --- the list -------------------------------------------------------------------- */

struct listing {
	bool	json;
	size_t	n;
};

static void
print_text(const char *s)
{
	size_t		 len = s == NULL ? 0 : strlen(s);
	struct buf	 b;

	if (len == 0)
		return;
	/* No character becomes longer than this; nothing is left out. */
	buf_init(&b, 8 * len);
	if (visible_text(&b, s, len, false) == 0)
		fwrite(buf_head(&b), 1, b.len, stdout);
	else
		fputs("(cannot be shown: out of memory)", stdout);
	buf_clear(&b);
}

void
ctl_text(const char *s)
{
	const char	*end;
	char		*line;

	for (;; s = end + 1) {
		if ((end = strchr(s, '\n')) == NULL) {
			print_text(s);
			return;
		}
		if ((line = strndup(s, (size_t)(end - s))) != NULL)
			print_text(line);
		free(line);
		printf("\n    | ");
	}
}

static void
field(const json_t *o, const char *name, int width)
{
	const char	*s = json_string_value(json_object_get(o, name));
	int		 n = s == NULL ? 0 : (int)strlen(s);

	print_text(s);
	printf("%*s ", n < width ? width - n : 0, "");
}

/* Who acts for the subject. */
static void
actors(const json_t *list)
{
	const json_t	*v;
	size_t		 i;

	json_array_foreach(list, i, v) {
		printf(i == 0 ? " (acting: " : ", ");
		print_text(json_string_value(v));
	}
	if (json_array_size(list) > 0)
		putchar(')');
}

static void
row_request(void *ctx, const char *json)
{
	struct listing	*l = ctx;
	json_t		*o = json_loads(json, 0, NULL);
	json_int_t	 left;

	if (l->json) {
		puts(json);
		json_decref(o);
		return;
	}
	if (l->n++ == 0)
		printf("%-8s %-10s %-7s %-20s %-14s %-16s %s\n", "REQUEST",
		    "STATE", "LEFT", "SUBJECT", "PROFILE", "RULE", "KIND");
	left = json_integer_value(json_object_get(o, "expires")) -
	    (json_int_t)time(NULL);
	printf("%-8lld ", (long long)json_integer_value(json_object_get(o,
	    "request")));
	field(o, "state", 10);
	if (left > 0)
		printf("%4llds   ", (long long)left);
	else
		printf("%-7s ", "-");
	field(o, "subject", 20);
	field(o, "profile", 14);
	/* Of a login there is none. */
	field(o, json_object_get(o, "rule") != NULL ? "rule" : "no", 16);
	print_text(json_string_value(json_object_get(o, "kind")));
	actors(json_object_get(o, "actors"));
	putchar('\n');
	json_decref(o);
}

int
ctl_requests(const char *socket, bool json, bool watch)
{
	struct listing	l = { json, 0 };
	int		code;

	for (;;) {
		if (watch && !json && isatty(STDOUT_FILENO))
			printf("\033[H\033[2J");
		l.n = 0;
		code = ctl_call(socket, ROLE_PARENT, "requests", "{}",
		    row_request, &l);
		fflush(stdout);
		if (!watch || code != 0)
			return code;
		sleep(WATCH_SECONDS);
	}
}

/* --- one ------------------------------------------------------------------------- */

int
ctl_number(const char *text, json_int_t *n)
{
	char	*end;
	long	 v;

	errno = 0;
	v = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || v < 1 ||
	    v > UINT32_MAX) {
		fprintf(stderr, "policyctl: \"%s\" is no request's number\n",
		    text);
		return -1;
	}
	*n = v;
	return 0;
}

int
ctl_show(const char *socket, const char *number, ctl_print *row)
{
	char		args[64];
	json_int_t	n;

	if (ctl_number(number, &n) == -1)
		return 1;
	snprintf(args, sizeof(args), "{\"request\":%lld}", (long long)n);
	return ctl_call(socket, ROLE_PARENT, "show", args, row, NULL);
}

/* --- deciding ---------------------------------------------------------------------- */

char *
ctl_token(const char *path)
{
	FILE	*f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	char	*token = calloc(1, LEN_TOKEN + 2);
	size_t	 n;

	if (f == NULL || token == NULL) {
		fprintf(stderr, "policyctl: %s: %s\n", path, strerror(errno));
		free(token);
		return NULL;
	}
	n = fread(token, 1, LEN_TOKEN + 1, f);
	if (f != stdin)
		fclose(f);
	while (n > 0 && (token[n - 1] == '\n' || token[n - 1] == '\r'))
		token[--n] = '\0';
	if (n > 0 && n <= LEN_TOKEN)
		return token;
	fprintf(stderr, "policyctl: %s: no token in it\n", path);
	explicit_bzero(token, LEN_TOKEN + 2);
	free(token);
	return NULL;
}

static void
wipe(char *token)
{
	if (token != NULL)
		explicit_bzero(token, strlen(token));
	free(token);
}

int
ctl_decide(const char *socket, const char *number, bool approve,
    const char *token_file, char *token, const char *reason,
    const char *similar, const char *count)
{
	char		*args;
	json_int_t	 n, ms = 0, uses = 0;
	json_t		*o;
	int		 code = 1;

	if ((similar != NULL && ((ms = ctl_duration(similar)) == 0 ||
	    (count != NULL && ctl_number(count, &uses) == -1))) ||
	    ctl_number(number, &n) == -1 || (token_file != NULL &&
	    (token = ctl_token(token_file)) == NULL)) {
		wipe(token);
		return 1;
	}
	o = json_pack("{s:I, s:b, s:s*, s:s*}", "request", n,
	    "approve", approve, "token", token, "reason", reason);
	if (o != NULL && ms != 0)
		json_object_set_new(o, "similar", json_integer(ms));
	if (o != NULL && uses != 0)
		json_object_set_new(o, "count", json_integer(uses));
	args = o == NULL ? NULL : json_dumps(o, JSON_COMPACT);
	if (args == NULL)
		fprintf(stderr, "policyctl: the token or the reason is not "
		    "UTF-8\n");
	else {
		code = ctl_call(socket, ROLE_PARENT, "decide", args, NULL,
		    NULL);
		explicit_bzero(args, strlen(args));
	}
	free(args);
	json_decref(o);
	wipe(token);
	return code;
}
