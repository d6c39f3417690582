/*
 * policyctl's command line, in one table.
 */
#include "ctloptions.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>

#define EXIT_USAGE	3

int
ctl_usage(void)
{
	fprintf(stderr,
	    "usage: policyctl [-f file | -s socket] [--json] status\n"
	    "       policyctl [-f file | -s socket] [--json] sessions\n"
	    "       policyctl [-f file | -s socket] kill session\n"
	    "       policyctl [-f file | -s socket] sweep\n"
	    "       policyctl [-f file] setup-sql [database]\n"
	    "       policyctl lint [file]\n"
	    "       policyctl schema\n"
	    "       policyctl [--json] diff [--databases file] old new "
	    "[record]\n"
	    "       policyctl [-f file] learn --profile name [--databases "
	    "file]\n"
	    "                 [record]\n"
	    "       policyctl [-f file | -s socket] [--json] explain "
	    "--profile name\n"
	    "                 --database name [--sql text | file | -]\n"
	    "                 [--claims file --issuer name] "
	    "[--application name]\n"
	    "                 [--in-transaction true|false] "
	    "[--address address]\n"
	    "                 [--time YYYY-MM-DDThh:mm:ssZ]\n"
	    "                 [--estimate | --rows number --cost number]\n"
	    "       policyctl [-f file] [--junit] [--live [-s socket]] test "
	    "file\n"
	    "       policyctl [-f file | -s socket] [--json] requests "
	    "[--watch]\n"
	    "       policyctl [-f file | -s socket] [--json] show request\n"
	    "       policyctl [-f file | -s socket] approve | deny\n"
	    "                 [--token-file file | --device --issuer name "
	    "--client-id id\n"
	    "                 [--scope scope] [--resource url] [--id-token]]\n"
	    "                 [--reason text] request\n"
	    "       policyctl [-f file | -s socket] approve --similar "
	    "duration\n"
	    "                 [--count number] [--token-file file] request\n"
	    "       policyctl [-f file | -s socket] [--json] leases\n"
	    "       policyctl [-f file | -s socket] [--json] grants\n"
	    "       policyctl [-f file | -s socket] [--json] grant --subject "
	    "name\n"
	    "                 --profile name --reason text [--for duration]\n"
	    "                 [--issuer name] [--actor name] [--token-file "
	    "file]\n"
	    "       policyctl [-f file | -s socket] revoke\n"
	    "                 [--token-file file] [--reason text] grant\n"
	    "       policyctl [-f file | -s socket] [--json] access "
	    "--claims file\n"
	    "                 --database name [--issuer name] [--address "
	    "address]\n"
	    "       policyctl [-f file | -s socket] [--json] masks --database "
	    "name\n"
	    "                 [--profile name]\n"
	    "       policyctl [-f file | -s socket] catalog --database name\n"
	    "       policyctl [-f file] [-s socket] serve\n"
	    "                 [--listen address:port | --unix path "
	    "[--peer user]]\n"
	    "                 [--origin url] [--user name] [--issuer name "
	    "--client-id id\n"
	    "                 [--scope scope] [--resource url] "
	    "[--id-token]]\n");
	return EXIT_USAGE;
}

#define AT(member)	offsetof(struct ctl_options, member)
#define STRING(name, member)	{ name, true, AT(member) }
#define FLAG(name, member)	{ name, false, AT(member) }

static const struct {
	const char	*name;
	bool		 argument;	/* const char *, else bool */
	size_t		 offset;
} table[] = {
	FLAG("json", json),
	STRING("profile", profile),
	STRING("database", database),
	STRING("sql", sql),
	STRING("token-file", token_file),
	STRING("reason", reason),
	FLAG("watch", watch),
	STRING("claims", claims),
	STRING("issuer", issuer),
	STRING("application", application),
	STRING("in-transaction", in_transaction),
	FLAG("junit", junit),
	FLAG("live", live),
	STRING("address", address),
	STRING("time", time),
	STRING("rows", rows),
	STRING("cost", cost),
	FLAG("estimate", estimate),
	STRING("subject", subject),
	STRING("actor", actor),
	STRING("for", lasting),
	STRING("similar", similar),
	STRING("count", count),
	STRING("databases", databases),
	FLAG("device", device),
	STRING("listen", serve.listen),
	STRING("unix", serve.unix_path),
	STRING("peer", serve.peer),
	STRING("origin", serve.origin),
	STRING("user", serve.user),
	STRING("client-id", serve.login.client_id),
	STRING("scope", serve.login.scope),
	STRING("resource", serve.login.resource),
	FLAG("id-token", serve.login.id_token)
};
#define NOPTIONS	(sizeof(table) / sizeof(table[0]))
/* Over every letter. */
#define FIRST		256

static void
set(struct ctl_options *o, size_t i)
{
	char	*at = (char *)o + table[i].offset;

	if (table[i].argument)
		*(const char **)(void *)at = optarg;
	else
		*(bool *)(void *)at = true;
}

int
ctl_options(int argc, char **argv, struct ctl_options *o)
{
	struct option	longs[NOPTIONS + 1] = { 0 };
	size_t		i;
	int		ch;

	for (i = 0; i < NOPTIONS; i++) {
		longs[i].name = table[i].name;
		longs[i].has_arg = table[i].argument ? required_argument :
		    no_argument;
		longs[i].val = FIRST + (int)i;
	}
	while ((ch = getopt_long(argc, argv, "f:s:", longs, NULL)) != -1) {
		if (ch == 'f')
			o->conf = optarg;
		else if (ch == 's')
			o->socket = optarg;
		else if (ch >= FIRST)
			set(o, (size_t)(ch - FIRST));
		else
			return -1;
	}
	/* Of a login, too. */
	o->serve.login.issuer = o->issuer;
	return 0;
}
