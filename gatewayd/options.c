/*
 * options: the settings in the startup parameter of that name.  Runs in the
 * worker, before login, on the bytes of anybody who can connect.  What is not
 * plainly a setting is an error: the server's other switches are not a
 * client's.
 */
#include "options.h"

#include <string.h>

static int
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next word into `out`: its length, 0 at the end, -1: too long. */
static int
next_word(const char **pp, char *out, size_t size)
{
	const char	*p = *pp;
	size_t		 n = 0;

	while (is_space(*p))
		p++;
	while (*p != '\0' && !is_space(*p)) {
		/* One at the very end stands for nothing. */
		if (*p == '\\' && *++p == '\0')
			break;
		if (n + 1 >= size)
			return -1;
		out[n++] = *p++;
	}
	out[n] = '\0';
	*pp = p;
	return (int)n;
}

static int
is_name(const char *s)
{
	return *s != '\0' && s[strspn(s, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.")] == '\0';
}

int
options_next(const char **pp, char *name, size_t namelen, char *value,
    size_t valuelen)
{
	char	 word[1024], *p = word, *eq;
	int	 n;

	if ((n = next_word(pp, word, sizeof(word))) <= 0)
		return n;
	if (strcmp(word, "-c") == 0) {
		if (next_word(pp, word, sizeof(word)) <= 0)
			return -1;
	} else if (strncmp(word, "-c", 2) == 0 || strncmp(word, "--", 2) == 0)
		p += 2;
	else
		return -1;
	if ((eq = strchr(p, '=')) == NULL)
		return -1;
	*eq++ = '\0';
	if (strlen(p) >= namelen || strlen(eq) >= valuelen)
		return -1;
	strcpy(name, p);
	strcpy(value, eq);
	for (p = name; *p != '\0'; p++)
		if (*p == '-')
			*p = '_';
	return is_name(name) ? 1 : -1;
}
