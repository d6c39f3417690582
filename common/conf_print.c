/*
 * Configuration printed as YAML, normalised (-nv), so that it reads back the
 * same; and the anchored globs that configuration uses.
 *
 * Strings come from a parsed file and may hold any UTF-8 text.  Cannot fail,
 * but for the stream's own errors, which are the caller's to look at.
 */
#include "conf.h"

#include <inttypes.h>
#include <string.h>

#include "conf_impl.h"

const struct conf_unit conf_durations[] = {
	{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 },
	{ "ms", 1 }, { NULL, 0 }
};
const struct conf_unit conf_sizes[] = {
	{ "GiB", UINT64_C(1) << 30 }, { "MiB", 1 << 20 }, { "KiB", 1 << 10 },
	{ "", 1 }, { NULL, 0 }
};
const struct conf_unit conf_plain[] = {
	{ "", 1 }, { NULL, 0 }
};

void
conf_print_number(FILE *fp, uint64_t v, const struct conf_unit *units)
{
	while (units[1].factor != 0 && (v == 0 || v % units->factor != 0))
		units++;
	fprintf(fp, "%" PRIu64 "%s", v / units->factor, units->suffix);
}

/* --- printing ----------------------------------------------------------------- */

/* Plain where that is safe in a flow list, too, and reads back as it is. */
static bool
scalar_is_plain(const char *s)
{
	static const char	 first[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/.", more[] = "-+@%=*$";
	const char		*p;

	if (s[0] == '\0' || strchr(first, s[0]) == NULL ||
	    strcmp(s, "null") == 0 || strcmp(s, "...") == 0)
		return false;
	for (p = s; *p != '\0'; p++) {
		if (strchr(first, *p) != NULL || strchr(more, *p) != NULL)
			continue;
		/* A colon within a word; a blank between two. */
		if (*p == ':' && strchr(first, p[1]) != NULL && p[1] != '\0')
			continue;
		if (*p == ' ' && p[1] != '\0' && strchr(first, p[1]) != NULL)
			continue;
		return false;
	}
	return true;
}

/*
 * Characters that YAML does not take as they are in double quotes: C0, DEL,
 * C1, the line and paragraph separators, the byte order mark, non-characters.
 * Returns the bytes taken, 0 for a character that needs no escape.
 */
static int
print_escape(FILE *fp, const unsigned char *p)
{
	unsigned int	 u;

	if (p[0] < 0x20 || p[0] == 0x7f) {
		fprintf(fp, "\\x%02X", p[0]);
		return 1;
	}
	if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f) {
		fprintf(fp, "\\x%02X", p[1]);
		return 2;
	}
	if ((p[0] & 0xf0) != 0xe0 || p[1] == '\0' || p[2] == '\0')
		return 0;
	u = (p[0] & 0x0fU) << 12 | (p[1] & 0x3fU) << 6 | (p[2] & 0x3fU);
	if (u != 0x2028 && u != 0x2029 && u != 0xfeff && u < 0xfffe)
		return 0;
	fprintf(fp, "\\u%04X", u);
	return 3;
}

void
conf_print_scalar(FILE *fp, const char *s)
{
	const unsigned char	*p = (const unsigned char *)s;
	int			 n;

	if (scalar_is_plain(s)) {
		fputs(s, fp);
		return;
	}
	putc('"', fp);
	while (*p != '\0') {
		if ((n = print_escape(fp, p)) != 0) {
			p += n;
			continue;
		}
		if (*p == '"' || *p == '\\')
			putc('\\', fp);
		putc(*p++, fp);
	}
	putc('"', fp);
}

static void
print_strings(FILE *fp, const struct conf_strings *s)
{
	size_t	 i;

	putc('[', fp);
	for (i = 0; i < s->n; i++) {
		if (i > 0)
			fputs(", ", fp);
		conf_print_scalar(fp, s->v[i]);
	}
	putc(']', fp);
}

/* Left out because it was not given: that is what reads back the same. */
static bool
is_absent(const struct conf_key *k, const void *at)
{
	bool	 unset = k->dflt != NULL && k->dflt[0] == '\0';

	switch (k->type) {
	case CONF_STRING:
	case CONF_PATH:
		return *(char *const *)at == NULL;
	case CONF_STRINGS:
		return ((const struct conf_strings *)at)->n == 0;
	case CONF_BOOL:
		return unset && !*(const bool *)at;
	case CONF_INT:
	case CONF_DURATION:
	case CONF_SIZE:
		return unset && *(const uint64_t *)at == 0;
	case CONF_ENUM:
		return unset && *(const int *)at == 0;
	case CONF_CUSTOM:
		return true;
	}
	return true;
}

static void
print_value(FILE *fp, const struct conf_key *k, const void *at)
{
	switch (k->type) {
	case CONF_STRING:
	case CONF_PATH:
		conf_print_scalar(fp, *(char *const *)at);
		break;
	case CONF_BOOL:
		fputs(*(const bool *)at ? "true" : "false", fp);
		break;
	case CONF_INT:
		fprintf(fp, "%" PRIu64, *(const uint64_t *)at);
		break;
	case CONF_DURATION:
		if (*(const uint64_t *)at == 0)
			fputs("0s", fp);
		else
			conf_print_number(fp, *(const uint64_t *)at,
			    conf_durations);
		break;
	case CONF_SIZE:
		conf_print_number(fp, *(const uint64_t *)at, conf_sizes);
		break;
	case CONF_ENUM:
		conf_print_scalar(fp, k->choices[*(const int *)at]);
		break;
	case CONF_STRINGS:
		print_strings(fp, at);
		break;
	case CONF_CUSTOM:
		break;
	}
}

void
conf_print(FILE *fp, int indent, const struct conf_key *keys, size_t n,
    const void *out)
{
	const void	*at;
	size_t		 k;

	for (k = 0; k < n; k++) {
		at = (const char *)out + keys[k].offset;
		if (is_absent(&keys[k], at))
			continue;
		fprintf(fp, "%*s%s: ", indent, "", keys[k].name);
		print_value(fp, &keys[k], at);
		putc('\n', fp);
	}
}

/* --- globs ---------------------------------------------------------------------- */

bool
glob_match(const char *pattern, const char *s, size_t len)
{
	const char	*star = NULL;
	size_t		 i = 0, back = 0;

	/* On a mismatch only the last star need take one more: linear stack,
	 * at worst pattern times text. */
	while (i < len) {
		if (*pattern == '*') {
			star = ++pattern;
			back = i;
		} else if (*pattern != '\0' &&
		    (*pattern == '?' || *pattern == s[i])) {
			pattern++;
			i++;
		} else if (star != NULL) {
			pattern = star;
			i = ++back;
		} else
			return false;
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}
