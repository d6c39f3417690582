/*
 * policyctl setup-sql, lint, schema: what can be said from policy.yaml alone.
 *
 * Runs in policyctl, for an administrator, on his files.
 */
#include "ctlfiles.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policyfile.h"
#include "rulelint.h"
#include "schema.h"
#include "setupsql.h"

struct policy *
ctl_policy(const char *path)
{
	struct conf_error	 err;
	struct policy		*policy;
	char			*text;
	size_t			 len;

	text = policyfile_read(path, &len, &err);
	policy = text == NULL ? NULL : policy_parse(path, text, len, &err);
	if (policy == NULL)
		fprintf(stderr, "policyctl: %s\n", err.text);
	free(text);
	return policy;
}

int
ctl_setup_sql(const char *path, const char *database)
{
	struct policy	*p = ctl_policy(path);
	size_t		 i, n = 0;
	int		 code = 0;

	if (p == NULL)
		return 1;
	for (i = 0; i < p->ndatabases && code == 0; i++) {
		if (database != NULL &&
		    strcmp(p->databases[i].key, database) != 0)
			continue;
		if (n++ > 0)
			putchar('\n');
		if (setupsql_print(p, &p->databases[i], stdout) == -1) {
			fprintf(stderr, "policyctl: out of memory\n");
			code = 1;
		}
	}
	if (n == 0) {
		fprintf(stderr, "policyctl: there is no such database\n");
		code = 1;
	}
	policy_free(&p);
	return code;
}

int
ctl_lint(const char *path)
{
	struct policy	*p = ctl_policy(path);
	size_t		 n;

	if (p == NULL)
		return 1;
	n = rulelint(path, p, stdout);
	policy_free(&p);
	if (n == SIZE_MAX)
		fprintf(stderr, "policyctl: out of memory\n");
	return n == 0 ? 0 : 1;
}

int
ctl_schema(void)
{
	if (schema_print("policy.yaml of Postern", &policy_sub, stdout) == 0)
		return 0;
	fprintf(stderr, "policyctl: the schema cannot be written\n");
	return 1;
}
