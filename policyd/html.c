/*
 * Text of others, in HTML.  Runs in the page for approvers (policyctl serve),
 * and as the encoding of forms in whatever logs in by OIDC.  The text may be
 * anything; what comes out is mark-up of ours alone.
 */
#include "html.h"

#include <stdbool.h>
#include <string.h>

#include "visible.h"

int
html_raw(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

static int
add_escaped(struct buf *b, const char *s, size_t len)
{
	size_t	i;
	int	r = 0;

	for (i = 0; i < len && r == 0; i++)
		switch (s[i]) {
		case '&':
			r = html_raw(b, "&amp;");
			break;
		case '<':
			r = html_raw(b, "&lt;");
			break;
		case '>':
			r = html_raw(b, "&gt;");
			break;
		case '"':
			r = html_raw(b, "&quot;");
			break;
		case '\'':
			r = html_raw(b, "&#39;");
			break;
		default:
			r = buf_add(b, &s[i], 1);
		}
	return r;
}

int
html_text(struct buf *b, const char *s, size_t len)
{
	struct buf	shown;
	int		r = 0;

	if (len == 0)
		return 0;
	/* No character becomes longer than this. */
	buf_init(&shown, 8 * len);
	if (visible_text(&shown, s, len, false) == -1 ||
	    add_escaped(b, (const char *)buf_head(&shown), shown.len) == -1)
		r = -1;
	buf_clear(&shown);
	return r;
}

int
html_pre(struct buf *b, const char *s, size_t len)
{
	size_t	n;

	for (; len > 0; s += n, len -= n) {
		if (*s == '\n' || *s == '\t') {
			n = 1;
			if (buf_add(b, s, 1) == -1)
				return -1;
			continue;
		}
		for (n = 0; n < len && s[n] != '\n' && s[n] != '\t'; n++)
			;
		if (html_text(b, s, n) == -1)
			return -1;
	}
	return 0;
}

/* RFC 3986, 2.3: unreserved. */
static bool
unreserved(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
	    c == '~';
}

static int
add_encoded(struct buf *b, const char *s)
{
	static const char	hex[] = "0123456789ABCDEF";
	char			three[3] = { '%' };
	int			r = 0;

	for (; *s != '\0' && r == 0; s++) {
		three[1] = hex[(unsigned char)*s >> 4];
		three[2] = hex[(unsigned char)*s & 15];
		r = unreserved((unsigned char)*s) ? buf_add(b, s, 1) :
		    buf_add(b, three, 3);
	}
	return r;
}

int
html_query(struct buf *b, const char *name, const char *value)
{
	if (b->len > 0 && buf_head(b)[b->len - 1] != '?' &&
	    html_raw(b, "&") == -1)
		return -1;
	return add_encoded(b, name) == -1 || html_raw(b, "=") == -1 ||
	    add_encoded(b, value) == -1 ? -1 : 0;
}
