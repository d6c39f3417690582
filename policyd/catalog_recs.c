/*
 * The catalogue snapshot's records (catalog_recs.h) as descriptions for the
 * codec.  Linked into the keeper, which writes them, and into the engine,
 * which reads them and trusts none of it.
 */
#include "catalog_recs.h"

#define CAT_F_DESC(ftype, fname, fmax)					\
	{ #fname, FIELD_##ftype, offsetof(STRUCT, fname), fmax },
#define STRUCT_DESC(name)						\
	static const struct field fields_##name[] = {			\
		CAT_FIELDS_##name(CAT_F_DESC)				\
	};

#define STRUCT	struct cat_database
STRUCT_DESC(database)
#undef STRUCT
#define STRUCT	struct cat_relation
STRUCT_DESC(relation)
#undef STRUCT
#define STRUCT	struct cat_column
STRUCT_DESC(column)
#undef STRUCT
#define STRUCT	struct cat_key
STRUCT_DESC(key)
#undef STRUCT
#define STRUCT	struct cat_depends
STRUCT_DESC(depends)
#undef STRUCT
#define STRUCT	struct cat_calls
STRUCT_DESC(calls)
#undef STRUCT
#define STRUCT	struct cat_view
STRUCT_DESC(view)
#undef STRUCT
#define STRUCT	struct cat_uses
STRUCT_DESC(uses)
#undef STRUCT
#define STRUCT	struct cat_cast
STRUCT_DESC(cast)
#undef STRUCT
#define STRUCT	struct cat_function
STRUCT_DESC(function)
#undef STRUCT
#define STRUCT	struct cat_operator
STRUCT_DESC(operator)
#undef STRUCT
#define STRUCT	struct cat_schema
STRUCT_DESC(schema)
#undef STRUCT
#define STRUCT	struct cat_holds
STRUCT_DESC(holds)
#undef STRUCT
#define STRUCT	struct cat_tag
STRUCT_DESC(tag)
#undef STRUCT
#define STRUCT	struct cat_builtin
STRUCT_DESC(builtin)
#undef STRUCT
#define STRUCT	struct cat_token
STRUCT_DESC(token)
#undef STRUCT
#define STRUCT	struct cat_end
STRUCT_DESC(end)
#undef STRUCT

static const struct msg_desc descs[CAT_NKINDS] = {
#define CAT_M_DESC(n)							\
	[CAT_##n] = { CAT_##n, #n, fields_##n,				\
	    sizeof(fields_##n) / sizeof(fields_##n[0]),			\
	    sizeof(struct cat_##n), 0, 0, 0 },
	CAT_RECS(CAT_M_DESC)
#undef CAT_M_DESC
};

const struct msg_desc *
cat_desc(unsigned int kind)
{
	return kind < CAT_NKINDS ? &descs[kind] : NULL;
}
