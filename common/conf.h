#ifndef POSTERN_CONF_H
#define POSTERN_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * YAML files as trees with positions, and tables that say what may be in them.
 * libyaml is known in conf.c only.  Anchors, aliases, tags and duplicate keys
 * are errors.  Errors read "file:line:col: sentence".
 */
struct conf_error {
	char	text[1024];
};

enum conf_kind { CONF_SCALAR, CONF_LIST, CONF_MAP };

struct conf_node {
	enum conf_kind		  kind;
	int			  line, col;	/* from 1 */
	char			 *value;	/* scalar: NUL-terminated */
	bool			  quoted;	/* scalar: was quoted */
	char			**keys;		/* map: n keys */
	int			 *key_line, *key_col;
	struct conf_node	**items;	/* map, list: n values */
	size_t			  n;
};

#define CONF_DIGEST	65	/* hexadecimal digits, NUL */

/* A parsed file: owns its tree and its name. */
struct conf {
	char			*name;		/* for messages */
	char			*dir;		/* relative paths start here */
	struct conf_node	*root;		/* a map (an empty file is an empty map) */
};

struct conf	*conf_load(const char *path, struct conf_error *);
/* The text of a file that is not too large, allocated, or NULL. */
char		*conf_text(const char *path, size_t *len, struct conf_error *);
/* `name` stands for the path: its directory resolves relative paths. */
struct conf	*conf_parse(const char *name, const char *text, size_t len,
		    struct conf_error *);
void		 conf_free(struct conf **);

/* Always returns -1, so that a caller can return it. */
int	conf_fail(const struct conf *, const struct conf_node *,
	    struct conf_error *, const char *fmt, ...)
	    __attribute__((format(printf, 4, 5)));
/* The same at the i-th key of a map. */
int	conf_fail_key(const struct conf *, const struct conf_node *, size_t i,
	    struct conf_error *, const char *fmt, ...)
	    __attribute__((format(printf, 5, 6)));

/* NULL when the map has no such key. */
const struct conf_node *conf_get(const struct conf_node *map, const char *key);

/* --- tables ---------------------------------------------------------------- */

enum conf_type {
	CONF_STRING,	/* char *, allocated */
	CONF_PATH,	/* char *, allocated, absolute: relative to the file's directory */
	CONF_BOOL,	/* bool */
	CONF_INT,	/* uint64_t, min..max */
	CONF_DURATION,	/* uint64_t milliseconds: 500ms, 90s, 30m, 2h, 7d */
	CONF_SIZE,	/* uint64_t bytes: 4096, 64KiB, 1MiB, 2GiB */
	CONF_ENUM,	/* int, index into choices */
	CONF_STRINGS,	/* struct conf_strings: a string or a list of strings */
	CONF_CUSTOM	/* parse() does it */
};

struct conf_strings {
	char	**v;	/* allocated, each too */
	size_t	  n;
};

struct conf_sub;

struct conf_key {
	const char		*name;
	enum conf_type		 type;
	size_t			 offset;
	/* As it would stand in the file; NULL: must be given; "": left zero. */
	const char		*dflt;
	uint64_t		 min, max;
	/* Ends with NULL.  Of CONF_STRINGS for conf_sub's sake: not checked. */
	const char *const	*choices;
	bool			 reloadable;
	/* CONF_CUSTOM; `node` is NULL when the key is absent (and dflt is ""). */
	int			(*parse)(const struct conf *,
				    const struct conf_node *node, void *out,
				    struct conf_error *);
	const struct conf_sub	*sub;	/* CONF_CUSTOM: what is in it */
};

/*
 * What stands under a key whose value has a parser of its own, told by the very
 * tables that the parser fills from: the file as a whole can be described from
 * the table of its top.
 */
enum conf_form {
	CONF_FORM_VALUE,	/* of `type`, with `choices` */
	CONF_FORM_MAP,		/* by `keys` */
	CONF_FORM_LIST,		/* of `of`: one or more */
	CONF_FORM_NAMES,	/* names of the file's own to `of`, and `keys` */
	CONF_FORM_OR		/* `of`, or `other` */
};

struct conf_sub {
	enum conf_form		 form;
	enum conf_type		 type;
	const char *const	*choices;	/* ends with NULL */
	const struct conf_key	*keys;		/* n of them */
	size_t			 n;
	const struct conf_sub	*of, *other;
	const char		*pattern;	/* of the names; or NULL: any */
	const char		*name;	/* of one that holds itself; or NULL */
};

/*
 * Fill `out` from `map` by the table: an unknown key, a wrong type, a value out
 * of its limits, a missing key are errors.  `where` names the map in messages
 * ("listen", "profiles.bot.session").  On failure what was allocated in `out`
 * stays there for conf_release().
 */
int	conf_fill(const struct conf *, const struct conf_node *map,
	    const char *where, const struct conf_key *, size_t n, void *out,
	    struct conf_error *);
/* Free the strings that conf_fill() allocated (not those of CONF_CUSTOM). */
void	conf_release(const struct conf_key *, size_t n, void *out);
/* Print as YAML, normalised, `indent` spaces in (custom keys are skipped). */
void	conf_print(FILE *, int indent, const struct conf_key *, size_t n,
	    const void *out);
/* A scalar as YAML, quoted where it must be. */
void	conf_print_scalar(FILE *, const char *);

/* Single values, for custom parsers. */
int	conf_string(const struct conf *, const struct conf_node *, char **,
	    struct conf_error *);
int	conf_strings(const struct conf *, const struct conf_node *,
	    struct conf_strings *, struct conf_error *);
void	conf_strings_free(struct conf_strings *);
int	conf_bool(const struct conf *, const struct conf_node *, bool *,
	    struct conf_error *);
int	conf_int(const struct conf *, const struct conf_node *, uint64_t min,
	    uint64_t max, uint64_t *, struct conf_error *);
int	conf_duration(const struct conf *, const struct conf_node *, uint64_t *,
	    struct conf_error *);
/* Anchored glob of `*` (any run, dots too) and `?`; case-sensitive. */
bool	glob_match(const char *pattern, const char *s, size_t len);

#endif
