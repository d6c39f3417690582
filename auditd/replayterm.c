/*
 * auditctl replay on a terminal, in the time that it took.  Clients chose the
 * texts, perhaps for the eyes of who replays them: all of them pass through
 * visible_text(), and the lines of a statement have a bar before them, so that
 * none can look like a line of ours.
 */
#include "replay_impl.h"

#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ev.h"
#include "progress.h"
#include "rowsterm.h"
#include "visible.h"

struct term {
	const struct replay_options *o;
	const struct replay_session *of;
	double		 speed;
	uint64_t	 began;		/* ms; when `from` was shown */
	int64_t		 from;		/* us */
	struct buf	 b;
};

/* --- text -------------------------------------------------------------- */

static void
print(struct term *t, const char *s, size_t len)
{
	buf_drain(&t->b, t->b.len);
	if (visible_text(&t->b, s, len, false) == 0)
		fwrite(buf_head(&t->b), 1, t->b.len, stdout);
	else
		fputs("(out of memory)", stdout);
}

static void
print_str(struct term *t, const char *before, const char *s)
{
	fputs(before, stdout);
	if (s[0] == '\0')
		putchar('-');
	else
		print(t, s, strlen(s));
}

static void
print_lines(struct term *t, const char *s, size_t len)
{
	const char *end;
	size_t n;

	do {
		end = memchr(s, '\n', len);
		n = end == NULL ? len : (size_t)(end - s);
		fputs("    | ", stdout);
		print(t, s, n);
		putchar('\n');
		n += end != NULL;
		s += n;
		len -= n;
	} while (end != NULL);
}

static void
print_params(struct term *t, const char *params)
{
	json_t *list = json_loads(params, 0, NULL);
	const json_t *v;
	char *value;
	size_t i;

	if (!json_is_array(list)) {
		print_str(t, "    parameters: ", params);
		putchar('\n');
	}
	for (i = 0; i < json_array_size(list); i++) {
		v = json_array_get(list, i);
		if ((value = json_dumps(v, JSON_ENCODE_ANY)) == NULL)
			continue;
		if (json_object_get(v, "omitted") != NULL)
			fputs("    $...", stdout);
		else
			printf("    $%zu", i + 1);
		print_str(t, " = ", value);
		putchar('\n');
		free(value);
	}
	json_decref(list);
}

static void
print_result(struct term *t, const struct replay_statement *r)
{
	const struct replay_outcome *o = r->outcome;
	const char *status = replay_status(r);

	if (o != NULL && strcmp(status, "ok") == 0)
		print_str(t, "    -> ", o->tag);
	else
		print_str(t, "    -> ", status);
	if (o != NULL && strcmp(status, "ok") != 0 && o->tag[0] != '\0')
		print_str(t, " after ", o->tag);
	if (o != NULL && o->sqlstate[0] != '\0')
		print_str(t, " ", o->sqlstate);
	else if (r->sqlstate[0] != '\0')
		print_str(t, " ", r->sqlstate);
	if (o != NULL && o->error[0] != '\0')
		print_str(t, ": ", o->error);
	if (o != NULL)
		printf(", %.3f ms", (double)o->duration_us / 1000);
	if (r->hold != NULL && r->hold->since != 0 && r->hold->until != 0)
		printf(", waited %.3f s for request %lld",
		    (double)(r->hold->until - r->hold->since) / 1000000,
		    (long long)r->hold->request);
	putchar('\n');
}

/* --- time -------------------------------------------------------------- */

/* Until `offset` has come; false: the user has had enough. */
static bool
wait_for(struct term *t, int64_t offset)
{
	struct timespec pause;
	uint64_t now;
	double left;

	if (t->speed == 0)
		return !progress_interrupted();
	while (!progress_interrupted()) {
		now = now_boot_ms();
		left = (double)(offset - t->from) / 1000 / t->speed -
		    (double)(now - t->began);
		if (left <= 0)
			return true;
		/* In pieces: a signal may come just before it sleeps. */
		if (left > 200)
			left = 200;
		pause.tv_sec = 0;
		pause.tv_nsec = (long)(left * 1000000);
		nanosleep(&pause, NULL);
	}
	return false;
}

/* Enter; false: its input has ended, or a signal. */
static bool
wait_for_enter(void)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	char c;

	/* In pieces: a signal may come just before it waits. */
	while (!progress_interrupted()) {
		if (poll(&p, 1, 200) <= 0)
			continue;
		if (read(STDIN_FILENO, &c, 1) != 1)
			return false;
		if (c == '\n')
			return !progress_interrupted();
	}
	return false;
}

/* What the client got, when it had got it. */
static bool
print_answer(struct term *t, const struct replay_statement *r)
{
	struct answer *a = answer_load(t->of->recording, r->stmt);

	if (a->n > 0 || a->cut != NULL) {
		fflush(stdout);
		if (!t->o->step && r->outcome != NULL && !wait_for(t,
		    r->offset + r->outcome->duration_us)) {
			answer_free(&a);
			return false;
		}
		rowsterm_print(stdout, a, "    > ");
	}
	answer_free(&a);
	return true;
}

static bool
show(void *ctx, const struct replay_statement *r)
{
	struct term *t = ctx;

	if (r->offset < t->from)
		return true;
	fflush(stdout);
	if (t->o->step ? !wait_for_enter() : !wait_for(t, r->offset))
		return false;
	printf("+%.3f s  statement %lld, event %lld",
	    (double)r->offset / 1000000, (long long)r->stmt, (long long)r->id);
	print_str(t, ", ", r->action);
	if (r->rule[0] != '\0')
		print_str(t, " by ", r->rule);
	putchar('\n');
	if (r->text == NULL)
		puts("    (its text is in a segment that is not here)");
	else if (strcmp(r->form, "function") == 0)
		puts("    (a function call of the protocol)");
	else
		print_lines(t, r->text, r->text_len);
	if (r->params[0] != '\0')
		print_params(t, r->params);
	if (r->masked[0] != '\0') {
		print_str(t, "    masked: ", r->masked);
		putchar('\n');
	}
	if (!print_answer(t, r))
		return false;
	print_result(t, r);
	/* Whoever reads it has gone. */
	return ferror(stdout) == 0;
}

int
replay_term(struct reader *r, const struct replay_session *s,
    const struct replay_options *o)
{
	struct term t = { .o = o, .of = s, .from = (int64_t)(o->from * 1000000) };
	int code;

	t.speed = o->speed_given ? o->speed : isatty(STDOUT_FILENO) == 1;
	buf_init(&t.b, REPLAY_TEXT_MAX);
	progress_init("replay");
	print_str(&t, "session ", s->id);
	print_str(&t, ": ", s->subject);
	print_str(&t, " as ", s->profile);
	print_str(&t, " on ", s->database);
	print_str(&t, ", role ", s->role);
	print_str(&t, ", from ", s->peer);
	print_str(&t, ", opened ", s->opened);
	putchar('\n');
	if (recording_pruned(s->recording)[0] != '\0') {
		print_str(&t, "its answers were removed from the record: ",
		    recording_pruned(s->recording));
		putchar('\n');
	}
	t.began = now_boot_ms();
	code = replay_each(r, s, show, &t) == -1 ? 2 : 0;
	if (code == 0 && !progress_interrupted() && s->closed[0] != '\0') {
		printf("+%.3f s", (double)(s->end - s->start) / 1000000);
		print_str(&t, "  closed: ", s->reason);
		putchar('\n');
	}
	buf_clear(&t.b);
	if (code == 0 && recording_damaged(s->recording) != 0)
		code = 1;
	return fflush(stdout) == 0 ? code : 2;
}
