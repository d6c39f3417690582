/*
 * Kinds of statement: every type of statement of the grammar has one, and
 * policy.yaml(5) names them all.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kinds.h"
#include "utility.h"

/* Never a statement that a client can send. */
static const char *const inner[] = {
	"raw_stmt", "return_stmt", "plassign_stmt", "set_operation_stmt",
	"replica_identity_stmt",
};

static bool
listed(const char *const *v, size_t n, const char *s)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (strcmp(v[i], s) == 0)
			return true;
	return false;
}

/* An empty statement of that field's type; to free() twice. */
static PgQuery__Node *
node_new(const ProtobufCFieldDescriptor *f)
{
	const ProtobufCMessageDescriptor	*d = f->descriptor;
	PgQuery__Node				*n = calloc(1, sizeof(*n));
	ProtobufCMessage			*m;

	if (n == NULL || (m = calloc(1, d->sizeof_message)) == NULL)
		abort();
	pg_query__node__init(n);
	protobuf_c_message_init(d, m);
	n->node_case = (PgQuery__Node__NodeCase)f->id;
	n->alias = (PgQuery__Alias *)(void *)m;
	return n;
}

static void
node_free(PgQuery__Node *n)
{
	free(n->alias);
	free(n);
}

START_TEST(test_every_statement)
{
	const ProtobufCMessageDescriptor	*d =
						    &pg_query__node__descriptor;
	const ProtobufCFieldDescriptor		*f;
	PgQuery__Node				*n;
	unsigned int				 i, seen = 0;
	size_t					 len;

	for (i = 0; i < d->n_fields; i++) {
		f = &d->fields[i];
		len = strlen(f->name);
		if (len < 5 || strcmp(f->name + len - 5, "_stmt") != 0 ||
		    listed(inner, sizeof(inner) / sizeof(inner[0]), f->name))
			continue;
		n = node_new(f);
		/* These say of what kind they are by a member. */
		switch (n->node_case) {
		case PG_QUERY__NODE__NODE_DEFINE_STMT:
			n->define_stmt->kind =
			    PG_QUERY__OBJECT_TYPE__OBJECT_OPERATOR;
			break;
		case PG_QUERY__NODE__NODE_ALTER_TABLE_STMT:
			n->alter_table_stmt->objtype =
			    PG_QUERY__OBJECT_TYPE__OBJECT_TABLE;
			break;
		case PG_QUERY__NODE__NODE_ALTER_OBJECT_SCHEMA_STMT:
			n->alter_object_schema_stmt->object_type =
			    PG_QUERY__OBJECT_TYPE__OBJECT_TABLE;
			break;
		case PG_QUERY__NODE__NODE_ALTER_OBJECT_DEPENDS_STMT:
			n->alter_object_depends_stmt->object_type =
			    PG_QUERY__OBJECT_TYPE__OBJECT_FUNCTION;
			break;
		case PG_QUERY__NODE__NODE_RENAME_STMT:
			n->rename_stmt->rename_type =
			    PG_QUERY__OBJECT_TYPE__OBJECT_TABLE;
			break;
		case PG_QUERY__NODE__NODE_DROP_STMT:
			n->drop_stmt->remove_type =
			    PG_QUERY__OBJECT_TYPE__OBJECT_TABLE;
			break;
		default:
			break;
		}
		ck_assert_msg(utility_kind(n) != KIND_OTHER,
		    "%s has no kind", f->name);
		node_free(n);
		seen++;
	}
	ck_assert_uint_gt(seen, 100);
}
END_TEST

/* Every type of object that the grammar drops, renames or moves. */
START_TEST(test_every_object)
{
	const ProtobufCEnumDescriptor	*e =
					    &pg_query__object_type__descriptor;
	/* Of these there is no DROP and no ALTER of that type. */
	static const char *const	 none[] = {
		"OBJECT_TYPE_UNDEFINED", "OBJECT_AMOP", "OBJECT_AMPROC",
		"OBJECT_DEFAULT", "OBJECT_DEFACL", "OBJECT_LARGEOBJECT",
		"OBJECT_PARAMETER_ACL",
	};
	PgQuery__DropStmt		 drop = PG_QUERY__DROP_STMT__INIT;
	PgQuery__Node			 n = PG_QUERY__NODE__INIT;
	unsigned int			 i;

	n.node_case = PG_QUERY__NODE__NODE_DROP_STMT;
	n.drop_stmt = &drop;
	for (i = 0; i < e->n_values; i++) {
		if (listed(none, sizeof(none) / sizeof(none[0]),
		    e->values[i].name))
			continue;
		drop.remove_type = (PgQuery__ObjectType)e->values[i].value;
		ck_assert_msg(utility_kind(&n) != KIND_OTHER,
		    "DROP of %s has no kind", e->values[i].name);
		ck_assert_msg(kind_is(utility_kind(&n), "drop") ||
		    utility_kind(&n) == KIND_ROLE,
		    "DROP of %s is %s", e->values[i].name,
		    kind_name(utility_kind(&n)));
	}
}
END_TEST

/* A kind that the manual does not name is one that nobody can write. */
START_TEST(test_manual)
{
	const char	*src = getenv("POSTERN_SRC");
	char		 path[4096], line[1024], want[128];
	bool		*found;
	unsigned int	 k;
	FILE		*fp;

	snprintf(path, sizeof(path), "%s/man/policy.yaml.5",
	    src != NULL ? src : ".");
	ck_assert_msg((fp = fopen(path, "r")) != NULL, "no %s", path);
	found = calloc(NKINDS, sizeof(*found));
	ck_assert_ptr_nonnull(found);
	while (fgets(line, sizeof(line), fp) != NULL)
		for (k = 0; k < NKINDS; k++) {
			snprintf(want, sizeof(want), ".It Cm %s ",
			    kind_name((enum kind)k));
			if (strncmp(line, want, strlen(want)) == 0)
				found[k] = true;
		}
	fclose(fp);
	for (k = 0; k < NKINDS; k++)
		ck_assert_msg(found[k], "policy.yaml(5) does not have %s",
		    kind_name((enum kind)k));
	free(found);
}
END_TEST

START_TEST(test_set)
{
	struct kind_set	 s;
	unsigned int	 k;

	memset(&s, 0, sizeof(s));
	kind_set_add(&s, "ddl");
	kind_set_add(&s, "insert");
	kind_set_add(&s, "no_such");
	for (k = 0; k < NKINDS; k++)
		ck_assert_int_eq(kind_set_has(&s, (enum kind)k),
		    kind_is((enum kind)k, "ddl") || k == KIND_INSERT);
	ck_assert(!kind_set_has(&s, NKINDS));
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("kinds");
	TCase	*tc = tcase_create("kinds");
	SRunner	*sr;
	int	 failed;

	tcase_add_test(tc, test_every_statement);
	tcase_add_test(tc, test_every_object);
	tcase_add_test(tc, test_manual);
	tcase_add_test(tc, test_set);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
