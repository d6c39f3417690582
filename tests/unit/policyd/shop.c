/*
 * Test fixture: the sample database's catalogue, as the keeper would send it,
 * and a policy over it.  No I/O.
 */
#include "shop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "catalog_recs.h"
#include "sqltree.h"

const char shop_customers[] =
    "(SELECT pst.\"id\", pst.\"name\", "
    "CAST(CAST('***' AS pg_catalog.text) OPERATOR(pg_catalog.||) "
    "pg_catalog.\"right\"(CAST(pst.\"email\" AS pg_catalog.text), "
    "pg_catalog.strpos(pg_catalog.reverse(CAST(pst.\"email\" AS "
    "pg_catalog.text)), CAST('@' AS pg_catalog.text))) "
    "AS character varying(80)) AS \"email\", "
    "CAST('***' AS text) AS \"card\", pst.\"city\" "
    "FROM \"public\".\"customers\" AS pst)";

const char shop_policy_text[] =
    "version: 1\n"
    "issuers:\n"
    "  corp: {issuer: 'https://i.example', audience: gw, algorithms: [RS256]}\n"
    "databases:\n"
    "  shop: {host: db, port: 5432, dbname: shop, tls: {mode: disable},\n"
    "    broker: {user: b, password_file: /x}}\n"
    "masks:\n"
    "  pii:\n"
    "    - {columns: shop.public.customers.email, with: {partial: "
    "{keep_domain: true}}}\n"
    "    - {columns: '*.*.*.card', with: redact}\n"
    "    - {columns: ['*.*.*.secret_*'], with: 'null'}\n"
    "    - {columns: ['*.*.*.phone'], with: {partial: {last: 2}}}\n"
    "profiles:\n"
    "  bot:\n"
    "    databases: [shop]\n"
    "    match: [{issuer: corp}]\n"
    "    backend_role: {user: u, password_file: /x}\n"
    "    settings: {search_path: public, statement_timeout: 60s}\n"
    "    masks: [pii]\n"
    "    rules:\n"
    "      - {name: nothing-structural, when: {kind: [ddl, access, session, "
    "maintenance, dangerous]}, then: deny, message: Not by agents., "
    "hint: Open a pull request.}\n"
    "      - {name: reads, when: {kind: read}, then: allow}\n"
    "      - {name: order-work, when: {kind: [insert, update], writes: "
    "[public.orders]}, then: allow}\n"
    "  masked:\n"
    "    databases: [shop]\n"
    "    match: [{issuer: corp}]\n"
    "    backend_role: {user: u, password_file: /x}\n"
    "    masks: [pii]\n"
    "    predicates: masked\n"
    "    rules: [{name: everything, when: {}, then: allow}]\n"
    "  analyst:\n"
    "    databases: [shop]\n"
    "    match: [{issuer: corp}]\n"
    "    backend_role: {user: u, password_file: /x}\n"
    "    settings: {search_path: public}\n"
    "    masks: [pii]\n"
    "    rules: [{name: everything, when: {}, then: allow}]\n"
    "  writer:\n"
    "    databases: [shop]\n"
    "    match: [{issuer: corp}]\n"
    "    backend_role: {user: u, password_file: /x}\n"
    "    rules:\n"
    "      - {name: no-secrets, when: {reads: ['public.cust*']}, "
    "then: deny}\n"
    "      - {name: reads, when: {kind: read}, then: allow}\n"
    "      - {name: writes, when: {kind: write, writes: [public.orders, "
    "'app.*']}, then: allow}\n"
    "  held:\n"
    "    databases: [shop]\n"
    "    match: [{issuer: corp}]\n"
    "    backend_role: {user: u, password_file: /x}\n"
    "    settings: {search_path: public}\n"
    "    rules:\n"
    "      - {name: looked-at, when: {kind: update, writes: "
    "[public.orders]}, then: hold, approval: {groups: [a]}}\n"
    "      - {name: numbers, when: {kind: fastpath}, then: hold, "
    "approval: {groups: [a]}}\n"
    "      - {name: everything, when: {}, then: allow}\n"
    "  shift:\n"
    "    databases: [shop]\n"
    "    match: [{issuer: corp}]\n"
    "    backend_role: {user: u, password_file: /x}\n"
    "    rules:\n"
    "      - {name: day, when: {kind: insert, hours: [{days: mon}]}, "
    "then: deny}\n"
    "      - {name: lab, when: {kind: update, client: local}, then: deny}\n"
    "      - {name: everything, when: {}, then: allow}\n"
    "  pinned:\n"
    "    databases: [shop]\n"
    "    match: [{issuer: corp}]\n"
    "    backend_role: {user: u, password_file: /x}\n"
    "    settings: {search_path: public, work_mem: 4MB, app.tenant: a,\n"
    "      default_transaction_read_only: 'on'}\n"
    "    rules: [{name: everything, when: {}, then: allow}]\n"
    "  closed:\n"
    "    databases: [shop]\n"
    "    match: [{issuer: corp}]\n"
    "    backend_role: {user: u, password_file: /x}\n"
    "    settings: {statement_timeout: 60s, lock_timeout: 5s,\n"
    "      allow: [lock_timeout, 'enable_*', '*timeout']}\n"
    "    rules: [{name: everything, when: {}, then: allow}]\n"
    "  sized: {databases: [shop], match: [{issuer: corp}],\n"
    "    backend_role: {user: u, password_file: /x}, settings: {search_path: public},\n"
    "   rules: [\n"
    "   {name: large, when: {rows_over: 1000}, then: hold, "
    "approval: {groups: [a]}},\n"
    "   {name: costly, when: {cost_over: 50000}, then: deny},\n"
    "   {name: small, when: {kind: delete, not: {rows_over: 10}}, "
    "then: allow},\n"
    "   {name: no-deletes, when: {kind: delete}, then: deny},\n"
    "   {name: all, when: {}, then: allow}]}\n"
    "  sizedmask: {databases: [shop], match: [{issuer: corp}],\n"
    "    backend_role: {user: u, password_file: /x}, masks: [pii],\n"
    "   settings: {search_path: public}, rules: [\n"
    "   {name: large, when: {rows_over: 1000}, then: deny},\n"
    "   {name: all, when: {}, then: allow}]}\n"
    "  sizedfree: {databases: [shop], match: [{issuer: corp}],\n"
    "    backend_role: {user: u, password_file: /x}, rules: [\n"
    "   {name: large, when: {rows_over: 1000}, then: deny},\n"
    "   {name: all, when: {}, then: allow}]}\n"
    "  dba:\n"
    "    databases: ['*']\n"
    "    match: [{issuer: corp}]\n"
    "    backend_role: {user: app_dba, password_file: /x}\n"
    "    rules: [{name: everything, when: {}, then: allow}]\n";

static struct buf	 out;
static uint32_t		 records;

static void
emit(enum cat_kind kind, const void *rec)
{
	struct buf	 b;
	uint8_t		 head[8];

	buf_init(&b, 4096);
	if (msg_encode(cat_desc(kind), rec, &b) == -1)
		abort();
	memset(head, 0, sizeof(head));
	head[0] = (uint8_t)b.len;
	head[1] = (uint8_t)(b.len >> 8);
	head[4] = (uint8_t)kind;
	if (buf_add(&out, head, 8) == -1 ||
	    buf_add(&out, buf_head(&b), b.len) == -1)
		abort();
	buf_clear(&b);
	records++;
}

/* columns: "name:type:category ..." with type's spaces as '_'. */
static void
relation(uint32_t oid, const char *schema, const char *name, char kind,
    const char *columns)
{
	struct cat_relation	 r = { oid, slice_str(schema),
	    slice_str(name), (uint8_t)kind, 0, 0, 0 };
	struct cat_column	 c;
	char			 col[64], type[64], cat;
	uint32_t		 n = 0;
	int			 used;

	r.rowsecurity = strncmp(name, "guarded", 7) == 0;
	r.triggers = strcmp(name, "triggered") == 0;
	emit(CAT_relation, &r);
	while (sscanf(columns, " %63[^:]:%63[^:]:%c%n", col, type, &cat,
	    &used) == 3) {
		char	*p;

		columns += used;
		memset(&c, 0, sizeof(c));
		for (p = type; *p != '\0'; p++)
			if (*p == '~')
				*p = ' ';
		c.relation = oid;
		c.attnum = ++n;
		c.name = slice_str(col);
		c.type = strcmp(type, "public.coin") == 0 ? 99 : 25;
		c.type_name = slice_str(type);
		c.category = (uint8_t)cat;
		emit(CAT_column, &c);
	}
}

static void
reads(uint32_t rel, uint32_t on, char why, uint32_t attnum, uint32_t target)
{
	struct cat_depends	 d = { rel, on, (uint8_t)why, attnum, target };

	emit(CAT_depends, &d);
}

static void
depends(uint32_t rel, uint32_t on, char why)
{
	reads(rel, on, why, 0, 0);
}

static void
calls(uint32_t rel, char when)
{
	struct cat_calls	 c = { rel, (uint8_t)when };

	emit(CAT_calls, &c);
}

static void
uses(uint32_t rel, const char *function, char when)
{
	struct cat_uses	 u = { rel, slice_str(function), (uint8_t)when };

	emit(CAT_uses, &u);
}

static void
cast(const char *schema, const char *name, bool unnamed)
{
	struct cat_cast	 c = { slice_str(schema), slice_str(name), unnamed,
	    0 };

	/* A type of one's own: the columns of `coin` are of it. */
	if (strcmp(schema, "pg_catalog") != 0)
		c.column = 99;
	emit(CAT_cast, &c);
}

static void
relations(void)
{
	relation(1, "public", "customers", 'r', "id:integer:N name:text:S "
	    "email:character~varying(80):S card:text:S city:text:S");
	relation(2, "public", "orders", 'r', "id:integer:N customer_id:"
	    "integer:N amount:numeric(10,2):N status:text:S "
	    "mood:public.mood:E");
	relation(3, "public", "customer_names", 'v', "id:integer:N name:"
	    "text:S email:text:S");
	relation(4, "public", "deep_view", 'v', "id:integer:N");
	relation(5, "public", "people", 'r', "id:integer:N secret_n:"
	    "integer:N secret_d:date:D secret_j:jsonb:U secret_a:text[]:A "
	    "phone:text:S");
	relation(6, "public", "people_child", 'r', "id:integer:N secret_n:"
	    "integer:N secret_d:date:D secret_j:jsonb:U secret_a:text[]:A "
	    "phone:text:S");
	relation(7, "public", "customers_old", 'r', "id:integer:N email:"
	    "text:S");
	relation(8, "app", "notes", 'r', "id:integer:N body:text:S");
	relation(9, "other", "notes", 'r', "id:integer:N body:text:S");
	relation(10, "public", "guarded", 'r', "id:integer:N");
	relation(11, "public", "triggered", 'r', "id:integer:N");
	relation(12, "public", "all_cards", 'm', "id:integer:N card:text:S");
	relation(13, "public", "cities", 'r', "city:text:S");
	relation(14, "public", "My \"Table", 'r', "a:integer:N card:text:S");
	relation(15, "public", "far", 'f', "a:integer:N");
	relation(16, "public", "tickets", 'r', "id:integer:N body:text:S");
	relation(17, "public", "calling", 'v', "id:integer:N email:text:S");
	relation(18, "public", "over_calling", 'v', "id:integer:N");
	relation(19, "public", "counted", 'r', "id:integer:N");
	relation(20, "public", "members", 'r', "id:integer:N card:text:S "
	    "card_end:text:S twice:integer:N");
	relation(21, "public", "guarded_cards", 'r', "id:integer:N "
	    "card:text:S");
	relation(22, "public", "guarded_tenants", 'r', "id:integer:N "
	    "card:text:S");
	relation(23, "public", "over_guarded", 'v', "id:integer:N");
	relation(24, "public", "members_seq", 'S', "last_value:bigint:N");
	relation(25, "public", "s", 'S', "last_value:bigint:N");
	relation(26, "public", "name_list", 'v', "id:integer:N name:text:S");
	relation(27, "public", "over_names", 'v', "name:text:S");
	relation(28, "public", "stats", 'v', "x:text:S");
	relation(29, "public", "purse", 'r', "id:integer:N c:public.coin:U");
	relation(30, "public", "split", 'p', "id:integer:N");
	relation(31, "public", "split_1", 'r', "id:integer:N");
	relation(32, "public", "as_xml", 'v', "x:text:S");
	relation(33, "public", "sizes", 'v', "x:integer:N");
	relation(1259, "pg_catalog", "pg_class", 'r', "oid:oid:N relname:"
	    "name:S relnamespace:oid:N relkind:\"char\":Z reltuples:real:N "
	    "relpages:integer:N");
	relation(2615, "pg_catalog", "pg_namespace", 'r', "oid:oid:N "
	    "nspname:name:S");
	relation(1249, "pg_catalog", "pg_attribute", 'r', "attrelid:oid:N "
	    "attname:name:S attnum:smallint:N attmissingval:anyarray:P");
	relation(12100, "pg_catalog", "pg_stat_activity", 'v',
	    "query:text:S");
	relation(12101, "pg_catalog", "pg_statistic", 'r', "starelid:oid:N");
	relation(12200, "information_schema", "tables", 'v',
	    "table_name:name:S");
}

static void
dependencies(void)
{
	depends(3, 1, 'v');
	depends(4, 3, 'v');
	depends(6, 5, 'i');
	depends(7, 1, 'i');
	reads(2, 1, 'f', 1, 2);	/* customer_id -> id */
	depends(12, 1, 'v');
	reads(1, 13, 'f', 1, 1);
	calls(17, 'r');
	reads(18, 17, 'v', 1, 0);
	calls(19, 'w');
	reads(20, 20, 'g', 2, 3);
	reads(20, 20, 'g', 1, 4);
	reads(21, 21, 'p', 2, 0);
	reads(22, 22, 'p', 1, 0);
	reads(23, 21, 'v', 1, 0);
	reads(24, 20, 's', 2, 0);
	reads(25, 20, 's', 1, 0);
	reads(26, 1, 'v', 1, 0);
	reads(26, 1, 'v', 2, 0);
	reads(27, 26, 'v', 2, 0);
	uses(26, "upper", 'r');
	uses(26, "bit", 'r');
	uses(32, "query_to_xml", 'r');
	depends(33, 1259, 'v');
	depends(31, 30, 'i');
	calls(31, 'w');
	reads(28, 12101, 'v', 1, 0);
}

static uint8_t *
make_records(size_t *len, bool hidden_cast)
{
	struct cat_database	 db = { slice_str("shop"), 150000 };
	struct cat_schema	 s = { slice_str("public") };
	struct cat_function	 f = { slice_str("public"),
	    slice_str("leak"), 'v', 1, slice_str("plpgsql"), 0,
	    slice_str(""), slice_str(""), 0 };
	struct cat_builtin	 b = { 2078, slice_str("set_config") };
	struct cat_operator	 o = { slice_str("public"), slice_str("===") };
	struct cat_end		 end;
	uint8_t			*p;

	buf_init(&out, 1024 * 1024);
	records = 0;
	emit(CAT_database, &db);
	emit(CAT_schema, &s);
	relations();
	dependencies();
	cast("pg_catalog", "uuid", false);
	cast("public", "coin", false);
	if (hidden_cast)
		cast("pg_catalog", "text", true);
	emit(CAT_function, &f);
	f.name = slice_str("amount");
	emit(CAT_function, &f);
	f.name = slice_str("lower");
	f.volatility = 'i';
	emit(CAT_function, &f);
	/* Both change a setting: one that they say, and one that they do not. */
	f.name = slice_str("tenant");
	f.sets = slice_str("lock_timeout app.tenant");
	f.oid = 16500;
	emit(CAT_function, &f);
	f.name = slice_str("tune");
	f.sets = slice_str("*");
	f.oid = 16501;
	emit(CAT_function, &f);
	emit(CAT_builtin, &b);
	b.oid = 957;
	b.name = slice_str("lo_creat");
	emit(CAT_builtin, &b);
	emit(CAT_operator, &o);
	end.records = records;
	emit(CAT_end, &end);
	if ((p = malloc(out.len)) == NULL)
		abort();
	memcpy(p, buf_head(&out), out.len);
	*len = out.len;
	buf_clear(&out);
	return p;
}

uint8_t *
shop_records(size_t *len)
{
	return make_records(len, false);
}

static struct catalog *
make_catalog(bool hidden_cast)
{
	struct catalog	*cat;
	const char	*why;
	uint8_t		*p;
	size_t		 len;

	p = make_records(&len, hidden_cast);
	if ((cat = catalog_parse(p, len, &why)) == NULL) {
		fprintf(stderr, "shop: %s\n", why);
		abort();
	}
	free(p);
	return cat;
}

const struct catalog *
shop_catalog(void)
{
	static struct catalog	*cat;

	if (cat == NULL)
		cat = make_catalog(false);
	return cat;
}

struct catalog *
shop_hidden_cast(void)
{
	return make_catalog(true);
}

const struct policy *
shop_policy(void)
{
	static struct policy	*policy;
	struct conf_error	 err;

	if (policy == NULL && (policy = policy_parse("/shop.yaml",
	    shop_policy_text, strlen(shop_policy_text), &err)) == NULL) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	return policy;
}

struct job {
	const struct scene	*scene;
	const struct judge_ask	*ask;
};

static struct verdict	verdict;

static void
job_run(void *arg)
{
	struct job	*j = arg;

	verdict_clear(&verdict);
	judge_for(j->scene, j->ask, &verdict);
}

static const struct scene *
scene(const char *profile)
{
	static struct {
		char		 name[32];
		struct scene	*scene;
	} scenes[16];
	const struct profile	*p;
	size_t			 i;

	for (i = 0; i < 16 && scenes[i].scene != NULL; i++)
		if (strcmp(scenes[i].name, profile) == 0)
			return scenes[i].scene;
	p = policy_profile(shop_policy(), profile);
	if (p == NULL || i == 16)
		abort();
	snprintf(scenes[i].name, sizeof(scenes[i].name), "%s", profile);
	scenes[i].scene = scene_new(p, "shop", shop_catalog());
	return scenes[i].scene;
}

const struct verdict *
shop_judge_ask(const char *profile, const struct judge_ask *ask)
{
	struct job	 j = { scene(profile), ask };

	if (bigstack_run(job_run, &j) == -1)
		abort();
	return &verdict;
}

const struct verdict *
shop_judge_bytes(const char *profile, enum judge_form form, const char *text,
    size_t len)
{
	struct judge_ask	 ask;

	memset(&ask, 0, sizeof(ask));
	ask.form = form;
	ask.text = text;
	ask.len = len;
	ask.detail = true;
	return shop_judge_ask(profile, &ask);
}

const struct verdict *
shop_judge(const char *profile, const char *text)
{
	return shop_judge_bytes(profile, JUDGE_QUERY, text, strlen(text));
}
