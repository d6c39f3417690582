/*
 * The client's side of a control socket and the printing of its rows, for
 * gatewayctl, policyctl and auditctl.
 *
 * The daemon at the other end is trusted to say what happened; the strings in
 * its rows are not (SQL text, names that clients chose): whatever could drive
 * a terminal is escaped before it is printed for people.
 *
 * It is a tool's code, so it writes to standard output and error; it returns
 * an exit code and never exits.
 */
#include "ctl.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "codec.h"
#include "ev.h"
#include "ipc.h"
#include "ipc_msgs.h"
#include "unixsock.h"
#include "visible.h"

#define CTL_UNREACHABLE	2
#define CTL_RETRY_MS	2000	/* while the daemon's backlog is full */
#define TABLE_COLUMNS	32
/* Rows that are held back to learn the widths; later ones pass at once. */
#define TABLE_HELD	1000

struct call {
	struct ev_loop	*loop;
	ctl_row		*row;
	void		*ctx;
	int		 code;
	bool		 done;
	char		*error;		/* why the connection ended */
};

struct ctl_table {
	bool	  json;
	char	 *names;		/* what column[] points into */
	char	 *column[TABLE_COLUMNS];
	size_t	  ncolumns;
	size_t	  width[TABLE_COLUMNS];
	char	**cells;		/* nrows times ncolumns, held back */
	size_t	  nrows;
	bool	  started;		/* the header is out */
};

static void
complain(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s%s%s\n", program_invocation_short_name, what,
	    why == NULL ? "" : ": ", why == NULL ? "" : why);
}

/* --- one call ---------------------------------------------------------------- */

static int
on_row(void *ctx, const void *msg, int *fds)
{
	const struct ipc_ctl_row	*m = msg;
	struct call			*call = ctx;
	char				*json;

	(void)fds;
	if ((json = slice_dup(m->json)) == NULL)
		return -1;
	if (call->row != NULL)
		call->row(call->ctx, json);
	free(json);
	return 0;
}

/* Text for standard error: one line, nothing that drives a terminal. */
static char *
plain_text(struct slice s)
{
	char	*text;
	size_t	 i;

	if ((text = slice_dup(s)) == NULL)
		return NULL;
	for (i = 0; text[i] != '\0'; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = '?';
	return text;
}

static int
on_end(void *ctx, const void *msg, int *fds)
{
	const struct ipc_ctl_end	*m = msg;
	struct call			*call = ctx;
	char				*text;

	(void)fds;
	call->code = m->code > 255 ? 255 : (int)m->code;
	call->done = true;
	if (m->message.len > 0 && (text = plain_text(m->message)) != NULL) {
		fflush(stdout);
		complain(text, NULL);
		free(text);
	}
	ev_stop(call->loop);
	return 0;
}

static void
on_closed(void *ctx, const char *reason)
{
	struct call	*call = ctx;

	if (!call->done)
		call->error = strdup(reason == NULL ? "connection lost" :
		    reason);
	ev_stop(call->loop);
}

static const struct ipc_permit permits[] = {
	{ IPC_ctl_row, ~0u, on_row },
	{ IPC_ctl_end, ~0u, on_end }
};

static int
connect_patiently(const char *path)
{
	int	 fd, waited = 0;

	while ((fd = unix_connect(path)) == -1 && errno == EAGAIN &&
	    waited < CTL_RETRY_MS) {
		poll(NULL, 0, 50);
		waited += 50;
	}
	return fd;
}

int
ctl_call(const char *socket, int peer, const char *verb, const char *args,
    ctl_row *row, void *ctx)
{
	struct call		 call = { .row = row, .ctx = ctx };
	struct ipc_ctl_request	 req;
	struct ipc		*ipc;
	int			 fd;

	if ((fd = connect_patiently(socket)) == -1) {
		complain(socket, strerror(errno));
		return CTL_UNREACHABLE;
	}
	call.code = CTL_UNREACHABLE;
	call.loop = ev_loop_new();
	ipc = ipc_new(call.loop, fd, ROLE_CTL, (enum ipc_role)peer, permits,
	    sizeof(permits) / sizeof(permits[0]), on_closed, &call);
	memset(&req, 0, sizeof(req));
	req.id = 1;
	req.verb = slice_str(verb);
	req.args = slice_str(args == NULL ? "{}" : args);
	if (ipc == NULL ||
	    ipc_send(ipc, IPC_ctl_request, &req, NULL, 0) == -1)
		complain(socket, "the request cannot be sent");
	else {
		ev_run(call.loop);
		if (!call.done) {
			fflush(stdout);
			complain(socket, call.error == NULL ?
			    "connection lost" : call.error);
		}
	}
	ipc_free(&ipc);
	ev_loop_free(&call.loop);
	free(call.error);
	return call.done ? call.code : CTL_UNREACHABLE;
}

/* --- tables -------------------------------------------------------------------- */

struct ctl_table *
ctl_table_new(const char *columns, bool json)
{
	struct ctl_table	*t;
	char			*p, *save = NULL;

	if ((t = calloc(1, sizeof(*t))) == NULL ||
	    (t->names = strdup(columns)) == NULL) {
		free(t);
		return NULL;
	}
	t->json = json;
	for (p = strtok_r(t->names, ",", &save);
	    p != NULL && t->ncolumns < TABLE_COLUMNS;
	    p = strtok_r(NULL, ",", &save)) {
		p += strspn(p, " ");
		t->width[t->ncolumns] = strlen(p);
		t->column[t->ncolumns++] = p;
	}
	return t;
}

/* Columns on the screen, near enough: UTF-8 characters. */
static size_t
text_width(const char *s)
{
	size_t	 n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/*
 * jansson has seen to it that this is UTF-8.  C0, DEL and C1 characters drive
 * terminals, others change how the rest of a line is seen (visible.h), and a
 * backslash must stay distinct from an escape.
 */
static char *
escape(const char *s, size_t len)
{
	const unsigned char	*p = (const unsigned char *)s;
	char			*out = NULL;
	size_t			 i, n, size;
	uint32_t		 c;
	struct buf		 b;
	FILE			*fp;

	if ((fp = open_memstream(&out, &size)) == NULL)
		return NULL;
	for (i = 0; i < len; i++) {
		if (p[i] == '\n')
			fputs("\\n", fp);
		else if (p[i] == '\t')
			fputs("\\t", fp);
		else if (p[i] == '\\')
			fputs("\\\\", fp);
		else if (p[i] < 0x20 || p[i] == 0x7f)
			fprintf(fp, "\\x%02x", p[i]);
		else if (p[i] == 0xc2 && i + 1 < len && p[i + 1] < 0xa0)
			fprintf(fp, "\\u%04x", p[++i]);
		else if (p[i] >= 0x80 &&
		    (n = visible_char(p + i, len - i, &c)) > 0) {
			buf_init(&b, 64);
			if (visible_text(&b, p + i, n, false) == 0)
				fwrite(buf_head(&b), 1, b.len, fp);
			buf_clear(&b);
			i += n - 1;
		} else
			putc(p[i], fp);
	}
	if (fclose(fp) != 0) {
		free(out);
		return NULL;
	}
	return out;
}

/* To free(); "-" where there is nothing to show. */
static char *
cell_text(const json_t *row, const char *column)
{
	const json_t	*v = json_object_get(row, column);
	char		*dump, *p;

	if (v == NULL || json_is_null(v))
		return strdup("-");
	if (json_is_string(v))
		return json_string_length(v) == 0 ? strdup("-") :
		    escape(json_string_value(v), json_string_length(v));
	dump = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
	/* All but DEL is escaped as JSON has it. */
	while (dump != NULL && (p = strchr(dump, 0x7f)) != NULL)
		*p = '?';
	return dump;
}

/* Two blanks between columns, none after the last. */
static void
print_line(const struct ctl_table *t, char *const *cells)
{
	size_t	 i, pad;

	for (i = 0; i < t->ncolumns; i++) {
		fputs(cells[i], stdout);
		if (i + 1 == t->ncolumns)
			break;
		pad = text_width(cells[i]);
		pad = pad < t->width[i] ? t->width[i] - pad : 0;
		printf("%*s", (int)pad + 2, "");
	}
	putchar('\n');
}

static void
free_cells(const struct ctl_table *t, char **cells)
{
	size_t	 i;

	for (i = 0; i < t->ncolumns; i++) {
		free(cells[i]);
		cells[i] = NULL;
	}
}

/* The header, and what was held back. */
static void
table_flush(struct ctl_table *t)
{
	char	**cells;
	size_t	  r;

	if (!t->started)
		print_line(t, t->column);
	t->started = true;
	for (r = 0; r < t->nrows; r++) {
		cells = t->cells + r * t->ncolumns;
		print_line(t, cells);
		free_cells(t, cells);
	}
	t->nrows = 0;
	fflush(stdout);
}

/* The row's cells into `cells`; -1 when it is no JSON object. */
static int
row_cells(struct ctl_table *t, const char *text, char **cells)
{
	json_t	*row;
	size_t	 i, w;
	int	 ret = 0;

	row = json_loads(text, JSON_ALLOW_NUL, NULL);
	if (!json_is_object(row)) {
		json_decref(row);
		return -1;
	}
	for (i = 0; i < t->ncolumns; i++) {
		if ((cells[i] = cell_text(row, t->column[i])) == NULL) {
			ret = -1;
			break;
		}
		if ((w = text_width(cells[i])) > t->width[i])
			t->width[i] = w;
	}
	json_decref(row);
	if (ret == -1)
		free_cells(t, cells);
	return ret;
}

void
ctl_table_row(void *table, const char *json)
{
	struct ctl_table	*t = table;
	char			*cells[TABLE_COLUMNS] = { NULL };

	if (t->json) {
		puts(json);
		fflush(stdout);
		return;
	}
	if (row_cells(t, json, cells) == -1) {
		complain("a row cannot be read", NULL);
		return;
	}
	if (!t->started && t->cells == NULL)
		t->cells = calloc(TABLE_HELD, t->ncolumns * sizeof(char *));
	if (t->started || t->cells == NULL) {
		if (!t->started)
			table_flush(t);
		print_line(t, cells);
		free_cells(t, cells);
		fflush(stdout);
		return;
	}
	memcpy(t->cells + t->nrows * t->ncolumns, cells,
	    t->ncolumns * sizeof(char *));
	if (++t->nrows == TABLE_HELD)
		table_flush(t);
}

void
ctl_table_end(struct ctl_table **table)
{
	struct ctl_table	*t = *table;

	if (t == NULL)
		return;
	if (!t->json && !(t->started && t->nrows == 0))
		table_flush(t);
	free(t->cells);
	free(t->names);
	free(t);
	*table = NULL;
}
