/*
 * The snapshot's reader: what it finds, and that a damaged snapshot is refused
 * as a whole, whatever the damage.
 */
#include "catalog.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "kinds.h"
#include "shop.h"

START_TEST(finds)
{
	const struct catalog	*c = shop_catalog();
	const struct cat_rel	*r;
	size_t			 n;

	r = catalog_find(c, "public", "customers");
	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(r->oid, 1);
	ck_assert_uint_eq(r->ncols, 5);
	ck_assert_ptr_eq(catalog_by_oid(c, 1), r);
	ck_assert_str_eq(catalog_col(r, "email")->type_name,
	    "character varying(80)");
	ck_assert_ptr_null(catalog_col(r, "nothing"));
	ck_assert_ptr_null(catalog_find(c, "app", "customers"));
	r = catalog_named(c, "notes");
	ck_assert_ptr_nonnull(r);
	r = catalog_next_named(r);
	ck_assert_ptr_nonnull(r);
	ck_assert_ptr_null(catalog_next_named(r));
	ck_assert(catalog_has_function(c, "leak", NULL));
	ck_assert(catalog_has_function(c, "leak", "public"));
	ck_assert(!catalog_has_function(c, "leak", "other"));
	ck_assert(!catalog_has_function(c, "leek", NULL));
	ck_assert(catalog_has_operator(c, "===", NULL));
	ck_assert(!catalog_has_operator(c, "===", "app"));
	ck_assert(catalog_has_schema(c, "public"));
	ck_assert(catalog_has_type(c, "public", "mood"));
	ck_assert(catalog_has_type(c, NULL, "mood"));
	ck_assert(!catalog_has_type(c, "app", "mood"));
	catalog_deps(c, &n);
	ck_assert_uint_eq(n, 21);
	ck_assert(catalog_has_cast(c, NULL, "uuid"));
	ck_assert(catalog_has_cast(c, "pg_catalog", "uuid"));
	ck_assert(!catalog_has_cast(c, "public", "uuid"));
	ck_assert(!catalog_has_cast(c, NULL, "text"));
	ck_assert(!catalog_hidden_casts(c));
	ck_assert(catalog_find(c, "public", "calling")->read_calls);
	ck_assert(!catalog_find(c, "public", "calling")->write_calls);
	ck_assert(catalog_find(c, "public", "counted")->write_calls);
}
END_TEST

START_TEST(damage)
{
	struct catalog	*c;
	const char	*why;
	size_t		 len, i;
	uint8_t		*p = shop_records(&len), old;

	for (i = 0; i < len; i += 7) {
		ck_assert_ptr_null(catalog_parse(p, i, &why));
		ck_assert_str_ne(why, "");
	}
	/* A changed byte may give another name: no crash is what counts. */
	for (i = 0; i < len; i += 3) {
		old = p[i];
		p[i] ^= 0x81;
		c = catalog_parse(p, len, &why);
		catalog_free(&c);
		p[i] = old;
	}
	c = catalog_parse(p, len, &why);
	ck_assert_ptr_nonnull(c);
	catalog_free(&c);
	ck_assert_ptr_null(c);
	free(p);
}
END_TEST

START_TEST(kinds)
{
	ck_assert(kind_is(KIND_SELECT, "read"));
	ck_assert(kind_is(KIND_SELECT, "select"));
	ck_assert(!kind_is(KIND_SELECT, "write"));
	ck_assert(!kind_is(KIND_SELECT, ""));
	ck_assert(kind_is(KIND_TRUNCATE, "ddl"));
	ck_assert(kind_is(KIND_TRUNCATE, "dangerous"));
	ck_assert(kind_known("transaction"));
	ck_assert(kind_known("fastpath"));
	ck_assert(!kind_known("selects"));
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("catalog");
	TCase	*t = tcase_create("catalog");
	SRunner	*r;
	int	 failed;

	tcase_add_test(t, finds);
	tcase_add_test(t, damage);
	tcase_add_test(t, kinds);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
