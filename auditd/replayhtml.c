/*
 * auditctl replay --html: a session as one page that needs nothing else.  It
 * may be mailed around and opened by whoever; and clients chose what is on it.
 * So there is no script, no form, nothing that is loaded, and the page forbids
 * them itself (Content-Security-Policy).  Every text passes through html(),
 * which also makes visible what would change how the rest is read.
 */
#include "replay_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "crypto.h"
#include "progress.h"
#include "visible.h"

#define WIDTH	1000	/* of the timeline, in its own units */
#define MIN	2	/* what is shorter is seen all the same */

static const char style[] =
"body{font:15px/1.45 sans-serif;margin:2em auto;max-width:70em;padding:0 1em;"
"color:#1b1b1b;background:#fff}"
"h1{font-size:1.3em}h2{font-size:1em;margin:0}"
"dl{display:grid;grid-template-columns:max-content 1fr;gap:.1em 1em}"
"dt{color:#666}dd{margin:0}"
"svg{width:100%;height:84px;background:#f4f4f4}"
"svg text{font-size:11px;fill:#666}"
"rect.ok{fill:#3a7d44}rect.error{fill:#c77700}rect.denied{fill:#b3261e}"
"rect.wait{fill:#5b6abf}rect.unknown{fill:#777}"
"section{border-left:4px solid #3a7d44;padding:.4em 1em;margin:1em 0}"
"section.error{border-color:#c77700}section.denied{border-color:#b3261e}"
"section.unknown{border-color:#777}"
"pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f4f4f4;"
"padding:.5em;margin:.4em 0}"
"table{border-collapse:collapse;font:13px monospace;margin:.4em 0}"
"td,th{border:1px solid #ccc;padding:.1em .5em;text-align:left;"
"white-space:pre-wrap}"
".number{text-align:right}.masked{background:#fde9c9}"
".null{color:#999;font-style:italic}.scroll{overflow-x:auto}"
"p{margin:.3em 0}.notice{color:#7a5200}.cut,.gone{color:#b3261e}";

struct page {
	FILE		*fp;
	const struct replay_session *of;
	struct buf	 b;
	int64_t		 from, length;		/* us */
	bool		 failed;
	int64_t		 n;			/* statements so far */
	int64_t		 total;
};

/* --- text --------------------------------------------------------------- */

static void
html_line(struct page *p, const char *s, size_t len)
{
	const char *c;
	size_t i;

	buf_drain(&p->b, p->b.len);
	if (visible_text(&p->b, s, len, false) == -1) {
		p->failed = true;
		return;
	}
	c = (const char *)buf_head(&p->b);
	for (i = 0; i < p->b.len; i++)
		switch (c[i]) {
		case '<':
			fputs("&lt;", p->fp);
			break;
		case '>':
			fputs("&gt;", p->fp);
			break;
		case '&':
			fputs("&amp;", p->fp);
			break;
		case '"':
			fputs("&quot;", p->fp);
			break;
		case '\'':
			fputs("&#39;", p->fp);
			break;
		default:
			putc(c[i], p->fp);
		}
}

/* Line breaks stay: for what stands in a <pre>. */
static void
html(struct page *p, const char *s, size_t len)
{
	const char *end;
	size_t n;

	while ((end = memchr(s, '\n', len)) != NULL) {
		n = (size_t)(end - s);
		html_line(p, s, n);
		putc('\n', p->fp);
		s += n + 1;
		len -= n + 1;
	}
	html_line(p, s, len);
}

static void
html_str(struct page *p, const char *before, const char *s, const char *after)
{
	fputs(before, p->fp);
	html(p, s, strlen(s));
	fputs(after, p->fp);
}

static const char *
class_of(const struct replay_statement *r)
{
	const char *status = replay_status(r);

	if (strcmp(status, "ok") == 0)
		return "ok";
	if (strcmp(status, "denied") == 0 || strcmp(r->action, "deny") == 0)
		return "denied";
	return strcmp(status, "error") == 0 ? "error" : "unknown";
}

/* --- the timeline ---------------------------------------------------------- */

static double
place(const struct page *p, int64_t us)
{
	double x = (double)(us - p->from) * WIDTH / (double)p->length;

	return x < 0 ? 0 : x > WIDTH ? WIDTH : x;
}

static void
bar(struct page *p, const struct replay_statement *r, const char *class,
    int lane, int64_t from, int64_t until)
{
	double x = place(p, from), w = place(p, until) - x;

	fprintf(p->fp, "<a href=\"#s%" PRId64 "\"><rect class=\"%s\" "
	    "x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"18\"><title>"
	    "+%.3f s, statement %" PRId64, r->id, class,
	    x > WIDTH - MIN ? WIDTH - MIN : x, lane,
	    w < MIN ? MIN : w, (double)from / 1000000, r->stmt);
	html_str(p, ", ", strcmp(class, "wait") == 0 ?
	    "waited for approval" : replay_status(r), "</title></rect></a>\n");
}

static bool
on_timeline(void *ctx, const struct replay_statement *r)
{
	struct page *p = ctx;
	int64_t until = r->offset, start = p->of->start;
	const char *class = class_of(r);

	p->total++;
	if (r->offset < p->from)
		return true;
	if (r->outcome != NULL)
		until += r->outcome->duration_us;
	bar(p, r, class, strcmp(class, "denied") == 0 ? 58 : 4, r->offset,
	    until);
	if (r->hold != NULL && r->hold->since != 0 && r->hold->until != 0)
		bar(p, r, "wait", 31, r->hold->since - start,
		    r->hold->until - start);
	return ferror(p->fp) == 0 && !progress_interrupted();
}

static int
write_timeline(struct page *p, struct reader *r)
{
	int rc;

	fputs("<svg id=\"timeline\" viewBox=\"0 0 1000 84\" "
	    "preserveAspectRatio=\"none\" role=\"img\">\n"
	    "<title>Statements, waits, denials over time</title>\n", p->fp);
	rc = replay_each(r, p->of, on_timeline, p);
	fprintf(p->fp, "</svg>\n<p>Above: statements; in the middle: waits for "
	    "approval; below: refused. %.3f s in all.</p>\n",
	    (double)p->length / 1000000);
	return rc;
}

/* --- answers --------------------------------------------------------------- */

/* Is a masked column of this name? "schema.table.column, ..." */
static bool
is_masked(const char *list, const char *column)
{
	size_t n, len = strlen(column);
	const char *s;

	for (s = list; *s != '\0'; s += n + strspn(s + n, ", ")) {
		n = strcspn(s, ",");
		if (n > len && s[n - len - 1] == '.' &&
		    strncmp(s + n - len, column, len) == 0)
			return true;
	}
	return false;
}

static void
write_cell(struct page *p, const struct answer_part *part, size_t row,
    size_t column, bool masked)
{
	char scratch[64];
	size_t len;
	const char *s = answer_text(part, row, column, scratch, &len);

	fprintf(p->fp, "<td class=\"%s%s%s\">", masked ? "masked " : "",
	    s == NULL ? "null " : "",
	    answer_is_number(&part->columns[column]) ? "number" : "text");
	if (s == NULL)
		fputs("NULL", p->fp);
	else
		html(p, s, len);
	fputs("</td>", p->fp);
}

static void
write_rows(struct page *p, const struct answer_part *part, const char *masked)
{
	size_t i, j, n = part->ncolumns;
	bool *hidden = calloc(n + 1, sizeof(*hidden));

	if (hidden == NULL)
		abort();
	fputs("<div class=\"scroll\"><table><thead><tr>", p->fp);
	for (j = 0; j < n; j++) {
		hidden[j] = is_masked(masked, part->columns[j].name);
		html_str(p, hidden[j] ? "<th class=\"masked\">" : "<th>",
		    part->columns[j].name, "</th>");
	}
	fputs("</tr></thead><tbody>\n", p->fp);
	for (i = 0; i < part->nrows; i++) {
		fputs("<tr>", p->fp);
		for (j = 0; j < n; j++)
			write_cell(p, part, i, j, hidden[j]);
		fputs("</tr>\n", p->fp);
	}
	fprintf(p->fp, "</tbody></table></div><p>(%zu row%s)</p>\n",
	    part->nrows, part->nrows == 1 ? "" : "s");
	free(hidden);
}

static void
write_answer(struct page *p, const struct replay_statement *r)
{
	struct answer *a = answer_load(p->of->recording, r->stmt);
	const struct answer_part *part;
	size_t i;

	for (i = 0; i < a->n; i++) {
		part = &a->parts[i];
		switch (part->kind) {
		case ANSWER_ROWS:
			write_rows(p, part, r->masked);
			break;
		case ANSWER_COPY:
			fputs("<pre class=\"copy\">", p->fp);
			html(p, (const char *)part->data, part->len);
			fputs("</pre>\n", p->fp);
			break;
		case ANSWER_TAG:
			html_str(p, "<p class=\"tag\">", part->text,
			    "</p>\n");
			break;
		case ANSWER_ERROR:
		case ANSWER_NOTICE:
		case ANSWER_NOTIFY:
			html_str(p, "<pre class=\"notice\">", part->text,
			    "</pre>\n");
			break;
		}
	}
	if (a->cut != NULL)
		fprintf(p->fp, "<p class=\"cut\">Not recorded, over %s: %"
		    PRId64 " messages, %" PRId64 " bytes.</p>\n",
		    strcmp(a->cut->limit, "max_bytes") == 0 ? "max_bytes" :
		    "max_session_bytes", a->cut->messages, a->cut->bytes);
	answer_free(&a);
}

/* --- statements ------------------------------------------------------------ */

static void
write_result(struct page *p, const struct replay_statement *r)
{
	const struct replay_outcome *o = r->outcome;

	html_str(p, "<p class=\"result\">", replay_status(r), "");
	if (o != NULL && o->tag[0] != '\0')
		html_str(p, ", ", o->tag, "");
	if (o != NULL && o->sqlstate[0] != '\0')
		html_str(p, ", ", o->sqlstate, "");
	else if (r->sqlstate[0] != '\0')
		html_str(p, ", ", r->sqlstate, "");
	if (o != NULL && o->error[0] != '\0')
		html_str(p, ": ", o->error, "");
	if (o != NULL)
		fprintf(p->fp, ", %.3f ms", (double)o->duration_us / 1000);
	if (r->hold != NULL && r->hold->since != 0 && r->hold->until != 0)
		fprintf(p->fp, ", waited %.3f s for request %" PRId64,
		    (double)(r->hold->until - r->hold->since) / 1000000,
		    r->hold->request);
	fputs("</p>\n", p->fp);
}

static bool
write_statement(void *ctx, const struct replay_statement *r)
{
	struct page *p = ctx;

	p->n++;
	if (r->offset < p->from)
		return !progress(p->n, p->total);
	fprintf(p->fp, "<section id=\"s%" PRId64 "\" class=\"%s\">\n"
	    "<h2>+%.3f s, statement %" PRId64 ", event %" PRId64, r->id,
	    class_of(r), (double)r->offset / 1000000, r->stmt, r->id);
	html_str(p, ": ", r->action, "");
	if (r->rule[0] != '\0')
		html_str(p, " by ", r->rule, "");
	fputs("</h2>\n", p->fp);
	if (r->text == NULL)
		fputs("<p class=\"gone\">Its text is in a segment that is not "
		    "here.</p>\n", p->fp);
	else {
		fputs("<pre class=\"sql\">", p->fp);
		html(p, r->text, r->text_len);
		fputs("</pre>\n", p->fp);
	}
	if (r->params[0] != '\0')
		html_str(p, "<p class=\"params\">parameters: ", r->params,
		    "</p>\n");
	if (r->masked[0] != '\0')
		html_str(p, "<p><span class=\"masked\">masked: ", r->masked,
		    "</span></p>\n");
	write_answer(p, r);
	write_result(p, r);
	fputs("</section>\n", p->fp);
	return !p->failed && ferror(p->fp) == 0 && !progress(p->n, p->total);
}

/* --- the page -------------------------------------------------------------- */

static void
write_head(struct page *p)
{
	const struct replay_session *s = p->of;
	char digest[4 * ((SHA256_LEN + 2) / 3) + 1];
	uint8_t hash[SHA256_LEN];

	sha256_once(style, strlen(style), hash);
	b64_encode(hash, sizeof(hash), digest);
	fprintf(p->fp, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
	    "<meta charset=\"utf-8\">\n"
	    "<meta http-equiv=\"Content-Security-Policy\" content=\""
	    "default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; "
	    "form-action 'none'\">\n<title>Session ", digest);
	html_str(p, "", s->id, "</title>\n<style>");
	fputs(style, p->fp);
	html_str(p, "</style>\n</head>\n<body>\n<h1>Session ", s->id,
	    "</h1>\n<dl>\n");
	html_str(p, "<dt>subject</dt><dd>", s->subject, "</dd>\n");
	html_str(p, "<dt>profile</dt><dd>", s->profile, "</dd>\n");
	html_str(p, "<dt>database</dt><dd>", s->database, "</dd>\n");
	html_str(p, "<dt>role</dt><dd>", s->role, "</dd>\n");
	html_str(p, "<dt>from</dt><dd>", s->peer, "</dd>\n");
	html_str(p, "<dt>opened</dt><dd>", s->opened, "</dd>\n");
	html_str(p, "<dt>closed</dt><dd>", s->closed, "");
	if (s->reason[0] != '\0')
		html_str(p, ": ", s->reason, "");
	fputs("</dd>\n</dl>\n", p->fp);
	if (recording_pruned(s->recording)[0] != '\0')
		html_str(p, "<p class=\"gone\">Its answers were removed from "
		    "the record: ", recording_pruned(s->recording), "</p>\n");
	else if (recording_damaged(s->recording) != 0)
		fprintf(p->fp, "<p class=\"gone\">The recording of its answers "
		    "is missing or altered from event %" PRId64 " on.</p>\n",
		    recording_damaged(s->recording));
	else if (!recording_any(s->recording))
		fputs("<p>Its answers were not recorded.</p>\n", p->fp);
}

int
replay_html(struct reader *r, const struct replay_session *of,
    const struct replay_options *o)
{
	struct page p = { .of = of, .from = (int64_t)(o->from * 1000000) };
	bool bad;

	if ((p.fp = replay_create(o->html)) == NULL)
		return 2;
	buf_init(&p.b, REPLAY_TEXT_MAX);
	progress_init("replay");
	progress_unit("statements");
	p.length = of->end - of->start - p.from;
	if (p.length < 1)
		p.length = 1;
	write_head(&p);
	bad = write_timeline(&p, r) == -1 ||
	    replay_each(r, of, write_statement, &p) == -1;
	progress_end();
	if (progress_interrupted()) {
		fprintf(stderr, "auditctl: interrupted\n");
		bad = true;
	}
	/* Who misses this has half a page. */
	if (!bad && !p.failed)
		fputs("<p id=\"end\">End of the session.</p>\n</body>\n"
		    "</html>\n", p.fp);
	if (p.failed)
		fprintf(stderr, "auditctl: out of memory\n");
	bad |= p.failed;
	buf_clear(&p.b);
	if (replay_close(p.fp, o->html) == -1 || bad)
		return 2;
	return recording_damaged(of->recording) != 0;
}
