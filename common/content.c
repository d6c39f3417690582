/*
 * content: values that should not be in a text, by their looks: e-mail
 * addresses, card numbers (Luhn), US social security numbers, IBANs (mod 97),
 * telephone numbers, JSON web tokens, AWS key ids, private keys.
 *
 * For the worker, which runs it over the answers of the server, and for
 * whoever proposes columns to mask.  Pure; any byte may come, and nothing is
 * assumed of them.  Written out in C and not as regular expressions: a table
 * of 256 bytes says where it is worth while to look closer, each look is
 * bounded, and no process has memory that is both written and executed, as a
 * compiler of patterns at run time needs it.
 */
#include "content.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SIDE_MAX	320	/* of an address, left and right of its @ */
#define JWT_MAX		(16 * 1024)
#define GROUPS_MAX	16	/* of digits in one number */

#define CONTENT_M_NAME(name)	#name,
static const char *const names[] = { CONTENT_PATTERNS(CONTENT_M_NAME) };
#undef CONTENT_M_NAME

/* What a byte is: bits. */
enum {
	DIGIT = 1, ALPHA = 2, UPPER = 4,
	LOCAL = 8,		/* of an address, left of its @ */
	HOST = 16,		/* right of it */
	BASE64URL = 32,
	ANCHOR = 64		/* a value may begin here, or have this in it */
};

#define D	(DIGIT | LOCAL | HOST | BASE64URL | ANCHOR)
#define U	(ALPHA | UPPER | LOCAL | HOST | BASE64URL)
#define L	(ALPHA | LOCAL | HOST | BASE64URL)
#define W	(LOCAL | HOST)	/* a part of a character of UTF-8 */
static const uint8_t class[256] = {
	['0'] = D, D, D, D, D, D, D, D, D, D,
	['A'] = U, U | ANCHOR, U, U, U, U, U, U, U | ANCHOR, U | ANCHOR,
	['K'] = U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U,
	['a'] = L, L, L, L, L, L, L, L, L, L, L, L, L,
	['n'] = L, L, L, L, L, L, L, L, L, L, L, L, L,
	['@'] = ANCHOR, ['+'] = LOCAL | ANCHOR, ['('] = ANCHOR,
	['.'] = LOCAL | HOST, ['-'] = LOCAL | HOST | BASE64URL,
	['_'] = LOCAL | BASE64URL, ['%'] = LOCAL,
	[0x80] = W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W,
	[0x90] = W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W,
	[0xa0] = W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W,
	[0xb0] = W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W,
	[0xc0] = W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W,
	[0xd0] = W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W,
	[0xe0] = W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W,
	[0xf0] = W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W,
};
#undef D
#undef U
#undef L
#undef W

struct scan {
	const uint8_t	*p;
	size_t		 n;
	size_t		 done;		/* what is before has been found */
	unsigned int	 set;
	content_fn	*fn;
	void		*ctx;
};

static bool
is(const struct scan *s, size_t i, unsigned int bits)
{
	return i < s->n && (class[s->p[i]] & bits) != 0;
}

static bool
word(const struct scan *s, size_t i)
{
	return is(s, i, DIGIT | ALPHA) || (i < s->n && s->p[i] == '_');
}

static bool
begins(const struct scan *s, size_t i)
{
	return i == 0 || !word(s, i - 1);
}

static bool
has(const struct scan *s, size_t i, const char *what)
{
	size_t	 n = strlen(what);

	return i <= s->n && n <= s->n - i && memcmp(s->p + i, what, n) == 0;
}

static bool
wanted(const struct scan *s, enum content_pattern c)
{
	return (s->set & 1u << c) != 0;
}

/* Returns where to go on. */
static size_t
found(struct scan *s, enum content_pattern c, size_t start, size_t end)
{
	s->fn(s->ctx, c, start, end);
	s->done = end;
	return end;
}

/* --- addresses --------------------------------------------------------- */

/* At the @; where the domain ends, or 0: it is none. */
static size_t
domain_end(const struct scan *s, size_t at)
{
	size_t	 i, dot, letters;

	for (i = at + 1; i - at <= SIDE_MAX && is(s, i, HOST); i++)
		if (s->p[i] == '.' && (i == at + 1 || s->p[i - 1] == '.'))
			break;
	/* Its last part is a word; a sentence may go on right behind it. */
	for (; i > at + 1; i = dot) {
		while (i > at + 1 && (s->p[i - 1] == '.' ||
		    s->p[i - 1] == '-'))
			i--;
		for (dot = i - 1; dot > at && s->p[dot] != '.'; dot--)
			continue;
		if (dot <= at + 1)
			return 0;
		for (letters = 0; dot + 1 + letters < i &&
		    !is(s, dot + 1 + letters, DIGIT); letters++)
			continue;
		if (letters >= 2)
			return i;
	}
	return 0;
}

static size_t
email(struct scan *s, size_t at)
{
	size_t	 start = at, end;

	while (start > s->done && at - start < SIDE_MAX &&
	    is(s, start - 1, LOCAL))
		start--;
	while (start < at && s->p[start] == '.')
		start++;
	if (start == at || (end = domain_end(s, at)) == 0)
		return at + 1;
	return found(s, CONTENT_email, start, end);
}

/* --- numbers ----------------------------------------------------------- */

struct group {
	size_t	 start, len;
	char	 after;		/* the one separator behind it; 0: the end */
};

/* Groups of digits with one separator between them; ") " and ")" are one. */
static size_t
read_groups(const struct scan *s, size_t i, struct group *g, size_t *end)
{
	size_t	 n = 0, k;

	for (;;) {
		for (k = i; is(s, k, DIGIT); k++)
			continue;
		g[n].start = i;
		g[n].len = k - i;
		g[n++].after = '\0';
		*end = k;
		if (n == GROUPS_MAX || k + 1 >= s->n)
			return n;
		if (s->p[k] == ')' && s->p[k + 1] == ' ' &&
		    is(s, k + 2, DIGIT))
			i = k + 2;
		else if (strchr(" -.)", s->p[k]) != NULL && s->p[k] != '\0' &&
		    is(s, k + 1, DIGIT))
			i = k + 1;
		else if (s->p[k] == ' ' && s->p[k + 1] == '(' &&
		    is(s, k + 2, DIGIT))
			i = k + 2;
		else
			return n;
		g[n - 1].after = (char)s->p[k];
	}
}

static unsigned int
digit(const struct scan *s, size_t i)
{
	return (unsigned int)(s->p[i] - '0');
}

/* Digits of groups [a, b], one after the other, at most 20; how many. */
static unsigned int
collect(const struct scan *s, const struct group *g, size_t a, size_t b,
    uint8_t *out)
{
	unsigned int	 n = 0;
	size_t		 i;

	for (; a <= b; a++)
		for (i = 0; i < g[a].len; i++) {
			if (n == 20)
				return n;
			out[n++] = (uint8_t)digit(s, g[a].start + i);
		}
	return n;
}

static bool
luhn(const uint8_t *d, unsigned int n)
{
	unsigned int	 i, sum = 0, v;

	for (i = 0; i < n; i++) {
		v = d[n - 1 - i];
		if (i % 2 == 1 && (v *= 2) > 9)
			v -= 9;
		sum += v;
	}
	return sum % 10 == 0;
}

/* Does somebody issue cards of such a number? */
static bool
issued(const uint8_t *d, unsigned int n)
{
	unsigned int	 two = d[0] * 10u + d[1];
	unsigned int	 four = two * 100 + d[2] * 10u + d[3];

	switch (d[0]) {
	case 4:
		return n == 13 || n == 16 || n == 19;
	case 5:
		return two == 50 || two >= 56 ? true : n == 16;
	case 2:
		return n == 16 && four >= 2221 && four <= 2720;
	case 3:
		if (two == 34 || two == 37)
			return n == 15;
		return two == 35 ? n >= 16 : n >= 14 &&
		    (two == 30 || two == 36 || two == 38 || two == 39);
	case 6:
		return true;
	default:
		return false;
	}
}

/* A card that begins with group a: its last group, or -1. */
static int
card(const struct scan *s, const struct group *g, size_t n, size_t a)
{
	uint8_t		 d[20];
	unsigned int	 digits;
	int		 last = -1;
	size_t		 b;
	char		 sep = g[a].after;

	for (b = a; b < n; b++) {
		digits = collect(s, g, a, b, d);
		if (digits > 19)
			break;
		if (digits >= 13 && issued(d, digits) && luhn(d, digits))
			last = (int)b;
		/* The separators of one number are the same. */
		if (g[b].after != sep || (sep != ' ' && sep != '-'))
			break;
	}
	return last;
}

static bool
ssn(const struct scan *s, const struct group *g, size_t n, size_t a)
{
	size_t	 i = g[a].start;

	if (n - a < 3 || g[a].len != 3 || g[a + 1].len != 2 ||
	    g[a + 2].len != 4 || g[a].after != g[a + 1].after ||
	    (g[a].after != '-' && g[a].after != ' '))
		return false;
	if (n - a > 3 && g[a + 2].after == g[a].after)
		return false;
	return s->p[i] != '9' && memcmp(s->p + i, "000", 3) != 0 &&
	    memcmp(s->p + i, "666", 3) != 0 &&
	    memcmp(s->p + g[a + 1].start, "00", 2) != 0 &&
	    memcmp(s->p + g[a + 2].start, "0000", 4) != 0;
}

/* (212) 555-0123, 212-555-0123, 212.555.0123. */
static bool
phone_us(const struct scan *s, const struct group *g, size_t n, size_t a)
{
	if (n - a < 3 || g[a].len != 3 || g[a + 1].len != 3 ||
	    g[a + 2].len != 4 || (n - a > 3 && g[a + 2].after != ' ' &&
	    g[a + 2].after != '.'))
		return false;
	if (g[a].after == ')' ? g[a].start == 0 ||
	    s->p[g[a].start - 1] != '(' : g[a].after != g[a + 1].after)
		return false;
	return digit(s, g[a].start) >= 2 && digit(s, g[a + 1].start) >= 2;
}

/* Behind a +: the last group of 7 to 15 digits, or -1. */
static int
phone_plus(const struct scan *s, const struct group *g, size_t n)
{
	size_t	 digits = 0, i;
	int	 last = -1;

	if (digit(s, g[0].start) == 0)
		return -1;
	for (i = 0; i < n && digits + g[i].len <= 15; i++)
		if ((digits += g[i].len) >= 7)
			last = (int)i;
	return last;
}

/* Two letters and two digits, then letters and digits, perhaps in fours. */
static size_t
iban(struct scan *s, size_t i)
{
	size_t		 start = i - 2, k, n = 0;
	unsigned int	 rest = 0, v;
	uint8_t		 c[34];

	if (i < 2 || !is(s, i - 1, ALPHA) || !is(s, i - 2, ALPHA) ||
	    !is(s, i + 1, DIGIT) || start < s->done || !begins(s, start))
		return 0;
	for (k = start; n < 34; k++) {
		if (is(s, k, DIGIT | ALPHA)) {
			c[n++] = s->p[k];
			continue;
		}
		/* A blank behind each four, or none at all. */
		if (k >= s->n || s->p[k] != ' ' || n % 4 != 0 ||
		    !is(s, k + 1, DIGIT | ALPHA))
			break;
	}
	if (word(s, k))
		return 0;
	/* Words may follow in the way of its groups: the longest part that is
	 * one and ends with a group. */
	for (; n >= 15; n--) {
		rest = 0;
		for (v = 0; v < n; v++) {
			uint8_t	 x = c[(v + 4) % n];

			if (x >= '0' && x <= '9')
				rest = (rest * 10 + (x - '0')) % 97;
			else
				rest = (rest * 100 + ((x | 32) - 'a') + 10) %
				    97;
		}
		while (k > start && !is(s, k - 1, DIGIT | ALPHA))
			k--;
		if (rest == 1 && !word(s, k))
			return k;
		k--;
	}
	return 0;
}

static size_t
one_number(struct scan *s, const struct group *g, size_t n, size_t a,
    size_t *next)
{
	size_t	 start = g[a].start;
	int	 last;

	*next = a + 1;
	if (wanted(s, CONTENT_card) && begins(s, start) &&
	    (last = card(s, g, n, a)) >= 0 &&
	    !word(s, g[last].start + g[last].len)) {
		*next = (size_t)last + 1;
		return found(s, CONTENT_card, start,
		    g[last].start + g[last].len);
	}
	if (wanted(s, CONTENT_ssn) && begins(s, start) && ssn(s, g, n, a) &&
	    !word(s, g[a + 2].start + 4)) {
		*next = a + 3;
		return found(s, CONTENT_ssn, start, g[a + 2].start + 4);
	}
	if (wanted(s, CONTENT_phone) && begins(s, start) &&
	    phone_us(s, g, n, a) && !word(s, g[a + 2].start + 4)) {
		*next = a + 3;
		return found(s, CONTENT_phone, start, g[a + 2].start + 4);
	}
	return 0;
}

/* At the first digit of some; returns where to go on. */
static size_t
number(struct scan *s, size_t i)
{
	struct group	 g[GROUPS_MAX];
	size_t		 n, a, next, end, to;
	int		 last;

	if (wanted(s, CONTENT_iban) && (to = iban(s, i)) != 0)
		return found(s, CONTENT_iban, i - 2, to);
	n = read_groups(s, i, g, &end);
	if (wanted(s, CONTENT_phone) && i > 0 && (s->p[i - 1] == '+' ||
	    (i > 1 && s->p[i - 1] == '(' && s->p[i - 2] == '+')) &&
	    (last = phone_plus(s, g, n)) >= 0 &&
	    !word(s, g[last].start + g[last].len))
		return found(s, CONTENT_phone, s->p[i - 1] == '+' ? i - 1 :
		    i - 2, g[last].start + g[last].len);
	for (a = 0; a < n; a = next)
		one_number(s, g, n, a, &next);
	/* An IBAN may begin with the last of them, an address not: its left
	 * side is read again from its @. */
	return end;
}

/* --- secrets ----------------------------------------------------------- */

/* At the J of eyJ. */
static size_t
jwt(struct scan *s, size_t i)
{
	size_t	 start = i - 2, k, part = 0, dots = 0;

	if (i < 2 || !has(s, start, "eyJ") || start < s->done ||
	    !begins(s, start))
		return i + 1;
	for (k = start; k - start < JWT_MAX; k++) {
		if (is(s, k, BASE64URL)) {
			part++;
			continue;
		}
		if (k >= s->n || s->p[k] != '.' || part < 5 || dots == 2)
			break;
		dots++;
		part = 0;
	}
	if (dots < 2 && !(dots == 1 && part >= 5))
		return i + 1;
	return found(s, CONTENT_jwt, start, k);
}

/* At the I of AKIA, ASIA and their kin. */
static size_t
aws_key(struct scan *s, size_t i)
{
	size_t	 start = i - 2, k;

	if (i < 2 || s->p[start] != 'A' || !has(s, i, "IA") ||
	    (s->p[i - 1] != 'K' && s->p[i - 1] != 'S') || start < s->done ||
	    !begins(s, start))
		return i + 1;
	for (k = start; k < start + 20; k++)
		if (!is(s, k, UPPER | DIGIT))
			return i + 1;
	return word(s, k) ? i + 1 : found(s, CONTENT_aws_key, start, k);
}

/* The place of `what`, or n. */
static size_t
find(const struct scan *s, size_t i, size_t end, const char *what)
{
	const uint8_t	*p;

	for (; i < end; i++) {
		p = memchr(s->p + i, what[0], end - i);
		if (p == NULL)
			break;
		i = (size_t)(p - s->p);
		if (has(s, i, what))
			return i;
	}
	return s->n;
}

/* At the B of -----BEGIN; to the end of the key, or of the text. */
static size_t
private_key(struct scan *s, size_t i)
{
	static const char	 key[] = "PRIVATE KEY";
	size_t			 k, line;

	if (i < 5 || i - 5 < s->done || !has(s, i - 5, "-----BEGIN "))
		return i + 1;
	line = i + 64 < s->n ? i + 64 : s->n;
	if (find(s, i, line, key) == s->n)
		return i + 1;
	k = find(s, i, s->n, "-----END ");
	if (k != s->n) {
		line = k + 64 < s->n ? k + 64 : s->n;
		k = find(s, k + 9, line, "-----");
		k = k == s->n ? line : k + 5;
	}
	return found(s, CONTENT_private_key, i - 5, k);
}

/* --- all --------------------------------------------------------------- */

void
content_scan(const uint8_t *p, size_t n, unsigned int set, content_fn *fn,
    void *ctx)
{
	struct scan	 s = { p, n, 0, set, fn, ctx };
	size_t		 i = 0;

	while (i < n) {
		if ((class[p[i]] & ANCHOR) == 0) {
			i++;
			continue;
		}
		switch (p[i]) {
		case '@':
			i = wanted(&s, CONTENT_email) ? email(&s, i) : i + 1;
			break;
		case 'J':
			i = wanted(&s, CONTENT_jwt) ? jwt(&s, i) : i + 1;
			break;
		case 'I':
			i = wanted(&s, CONTENT_aws_key) ? aws_key(&s, i) :
			    i + 1;
			break;
		case 'B':
			i = wanted(&s, CONTENT_private_key) ?
			    private_key(&s, i) : i + 1;
			break;
		case '+':
		case '(':
			i++;
			break;
		default:
			i = number(&s, i);
			break;
		}
	}
}

const char *
content_name(unsigned int pattern)
{
	return pattern < CONTENT_NPATTERNS ? names[pattern] : NULL;
}

struct check {
	uint8_t			*p;
	int			 mask;
	size_t			 n;
	struct content_found	*found;
};

static void
on_found(void *ctx, enum content_pattern c, size_t start, size_t end)
{
	struct check	*k = ctx;

	k->n++;
	if (k->found->n[c] < UINT32_MAX)
		k->found->n[c]++;
	if (k->mask)
		memset(k->p + start, '*', end - start);
}

size_t
content_check(uint8_t *p, size_t n, unsigned int set, int mask,
    struct content_found *found_r)
{
	struct check	 k = { p, mask, 0, found_r };

	content_scan(p, n, set, on_found, &k);
	return k.n;
}

void
content_describe(const struct content_found *f, char *buf, size_t size)
{
	size_t		 used = 0;
	unsigned int	 i;
	int		 n;

	buf[0] = '\0';
	for (i = 0; i < CONTENT_NPATTERNS && used < size; i++) {
		if (f->n[i] == 0)
			continue;
		n = snprintf(buf + used, size - used, "%s%s %u",
		    used > 0 ? ", " : "", names[i], f->n[i]);
		if (n < 0 || (size_t)n >= size - used) {
			buf[used] = '\0';
			break;
		}
		used += (size_t)n;
	}
}
