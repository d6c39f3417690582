/*
 * A validator for PostgreSQL 18's OAUTHBEARER: the token "good" is good, for
 * whoever shows it.  tests/pg18 loads it into the server that the gateway's
 * exchange is compared with.  The server comes without headers, so what it
 * expects is declared here (PostgreSQL 18, chapter 50 and 36.10.1).
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MAGIC	0x20250220u

struct abi {
	int	version, funcmaxargs, indexmaxkeys, namedatalen, float8byval;
	char	extra[32];
};

struct magic {
	int		 len;
	struct abi	 abi;
	const char	*name, *version;
};

struct result {
	bool	 authorized;
	char	*authn_id;
};

struct callbacks {
	uint32_t magic;
	void	(*startup)(void *);
	void	(*shutdown)(void *);
	bool	(*validate)(const void *state, const char *token,
		    const char *role, struct result *);
};

/* The server's: memory that it frees. */
extern char		*pstrdup(const char *);
const struct magic	*Pg_magic_func(void);
const struct callbacks	*_PG_oauth_validator_module_init(void);

static bool
on_validate(const void *state, const char *token, const char *role,
    struct result *r)
{
	(void)state;
	r->authorized = strcmp(token, "good") == 0;
	r->authn_id = pstrdup(role);
	return true;
}

const struct magic *
Pg_magic_func(void)
{
	static const struct magic m = { sizeof(struct magic),
	    { 1800, 100, 32, 64, true, "PostgreSQL" }, "oauthval", "1" };

	return &m;
}

const struct callbacks *
_PG_oauth_validator_module_init(void)
{
	static const struct callbacks c = { MAGIC, NULL, NULL, on_validate };

	return &c;
}
