/*
 * Lists of pg_catalog's names that the engine goes by in profiles with masks:
 * what is not listed is refused there.
 *
 * How they were made: from pg_proc of PostgreSQL 15, by hand.  Not listed, and
 * not to be: whatever runs SQL that comes as a string (query_to_xml,
 * table_to_xml, ts_stat, cursor_to_xml), reads files, large objects or other
 * sessions' statements, tells sizes on disk, waits, signals, or changes a
 * setting.  All sorted bytewise, for bsearch(3).
 */
#include "sqlnames.h"

#include <stdlib.h>
#include <string.h>

static const char *const functions_safe[] = {
	"abbrev", "abs", "acldefault", "aclexplode", "acos", "acosd",
	"acosh", "age", "area", "array_agg", "array_append", "array_cat",
	"array_dims", "array_fill", "array_length", "array_lower",
	"array_ndims", "array_position", "array_positions",
	"array_prepend", "array_remove", "array_replace",
	"array_to_json", "array_to_string", "array_to_tsvector",
	"array_upper", "ascii", "asin", "asind", "asinh", "atan",
	"atan2", "atan2d", "atand", "atanh", "avg", "bit_and",
	"bit_count", "bit_length", "bit_or", "bit_xor", "bool",
	"bool_and", "bool_or", "box", "bpchar", "broadcast", "btrim",
	"cardinality", "cbrt", "ceil", "ceiling", "center",
	"char_length", "character_length", "chr", "circle",
	"col_description", "concat", "concat_ws", "convert_from",
	"convert_to", "corr", "cos", "cosd", "cosh", "cot", "cotd",
	"count", "covar_pop", "covar_samp", "cume_dist",
	"current_database", "current_schema", "current_schemas",
	"current_setting", "current_user", "date", "date_bin",
	"date_part", "date_trunc", "datemultirange", "daterange",
	"decode", "degrees", "dense_rank", "diagonal", "diameter", "div",
	"encode", "every", "exp", "extract", "factorial", "family",
	"first_value", "float4", "float8", "floor", "format",
	"format_type", "gcd", "generate_series", "generate_subscripts",
	"get_bit", "get_byte", "getdatabaseencoding",
	"has_any_column_privilege",
	"has_column_privilege", "has_database_privilege",
	"has_foreign_data_wrapper_privilege", "has_function_privilege",
	"has_language_privilege", "has_schema_privilege",
	"has_sequence_privilege", "has_server_privilege",
	"has_table_privilege", "has_tablespace_privilege",
	"has_type_privilege", "hashtext", "height", "host", "hostmask",
	"inet_merge", "inet_same_family", "initcap", "int2", "int4",
	"int4multirange", "int4range", "int8", "int8multirange",
	"int8range", "interval", "is_normalized", "isclosed", "isempty",
	"isfinite", "isopen", "json_agg", "json_array_elements",
	"json_array_elements_text", "json_array_length",
	"json_build_array", "json_build_object", "json_each",
	"json_each_text", "json_extract_path", "json_extract_path_text",
	"json_object", "json_object_agg", "json_object_keys",
	"json_strip_nulls", "json_to_record", "json_to_recordset",
	"json_typeof", "jsonb_agg", "jsonb_array_elements",
	"jsonb_array_elements_text", "jsonb_array_length",
	"jsonb_build_array", "jsonb_build_object", "jsonb_concat",
	"jsonb_contains", "jsonb_each", "jsonb_each_text",
	"jsonb_exists", "jsonb_exists_all", "jsonb_exists_any",
	"jsonb_extract_path", "jsonb_extract_path_text", "jsonb_insert",
	"jsonb_object", "jsonb_object_agg", "jsonb_object_keys",
	"jsonb_path_exists", "jsonb_path_match", "jsonb_path_query",
	"jsonb_path_query_array", "jsonb_path_query_first",
	"jsonb_pretty", "jsonb_set", "jsonb_set_lax",
	"jsonb_strip_nulls", "jsonb_to_record", "jsonb_to_recordset",
	"jsonb_typeof", "justify_days", "justify_hours",
	"justify_interval", "lag", "last_value", "lcm", "lead", "left",
	"length", "like", "like_escape", "line", "ln", "log", "log10",
	"lower", "lower_inc", "lower_inf", "lpad", "lseg", "ltrim",
	"macaddr8_set7bit", "make_date", "make_interval", "make_time",
	"make_timestamp", "make_timestamptz", "masklen", "max", "md5",
	"min", "min_scale", "mod", "mode", "multirange", "name",
	"netmask", "network", "normalize", "notlike", "now", "npoints",
	"nth_value", "ntile", "num_nonnulls", "num_nulls", "numeric",
	"nummultirange", "numnode", "numrange", "obj_description",
	"octet_length", "overlaps", "overlay", "parse_ident", "path",
	"pclose", "percent_rank", "percentile_cont", "percentile_disc",
	"pg_backend_pid", "pg_char_to_encoding", "pg_client_encoding",
	"pg_collation_for", "pg_collation_is_visible",
	"pg_conversion_is_visible", "pg_encoding_to_char",
	"pg_function_is_visible", "pg_get_constraintdef", "pg_get_expr",
	"pg_get_function_arg_default", "pg_get_function_arguments",
	"pg_get_function_identity_arguments", "pg_get_function_result",
	"pg_get_function_sqlbody", "pg_get_functiondef",
	"pg_get_indexdef", "pg_get_keywords",
	"pg_get_partition_constraintdef", "pg_get_partkeydef",
	"pg_get_ruledef", "pg_get_serial_sequence",
	"pg_get_statisticsobjdef", "pg_get_statisticsobjdef_columns",
	"pg_get_triggerdef", "pg_get_userbyid", "pg_get_viewdef",
	"pg_has_role", "pg_index_column_has_property",
	"pg_index_has_property", "pg_indexam_has_property",
	"pg_is_other_temp_schema", "pg_my_temp_schema",
	"pg_opclass_is_visible", "pg_operator_is_visible",
	"pg_opfamily_is_visible", "pg_options_to_table",
	"pg_partition_root", "pg_postmaster_start_time",
	"pg_relation_is_publishable", "pg_size_pretty",
	"pg_statistics_obj_is_visible", "pg_table_is_visible",
	"pg_tablespace_location",
	"pg_ts_config_is_visible", "pg_ts_dict_is_visible",
	"pg_ts_parser_is_visible", "pg_ts_template_is_visible",
	"pg_type_is_visible", "pg_typeof", "phraseto_tsquery", "pi",
	"plainto_tsquery", "point", "polygon", "popen", "position",
	"pow", "power", "querytree", "quote_ident", "quote_literal",
	"quote_nullable", "radians", "radius", "range_agg",
	"range_intersect_agg", "range_merge", "rank", "regexp_count",
	"regexp_instr", "regexp_like", "regexp_match", "regexp_matches",
	"regexp_replace", "regexp_split_to_array",
	"regexp_split_to_table", "regexp_substr", "regr_avgx",
	"regr_avgy", "regr_count", "regr_intercept", "regr_r2",
	"regr_slope", "regr_sxx", "regr_sxy", "regr_syy", "repeat",
	"replace", "reverse", "right", "round", "row_number",
	"row_security_active", "row_to_json", "rpad", "rtrim", "scale",
	"session_user", "set_bit", "set_byte", "set_masklen",
	"setweight", "sha224", "sha256", "sha384", "sha512",
	"shobj_description", "sign", "similar_escape",
	"similar_to_escape", "sin", "sind", "sinh", "slope",
	"split_part", "sqrt", "starts_with", "statement_timestamp",
	"stddev", "stddev_pop", "stddev_samp", "string_agg",
	"string_to_array", "string_to_table", "strip", "strpos",
	"substr", "substring", "sum", "tan", "tand", "tanh", "text",
	"time", "timestamp", "timestamptz", "timetz", "timezone",
	"to_char", "to_date", "to_hex", "to_json", "to_jsonb",
	"to_number", "to_regclass", "to_regnamespace", "to_regproc",
	"to_regrole", "to_regtype", "to_timestamp", "to_tsquery",
	"to_tsvector", "transaction_timestamp", "translate",
	"trim_array", "trim_scale", "trunc", "ts_delete", "ts_filter",
	"ts_headline", "ts_lexize", "ts_rank", "ts_rank_cd",
	"ts_token_type", "tsmultirange", "tsquery_phrase", "tsrange",
	"tstzmultirange", "tstzrange", "tsvector_to_array", "unistr",
	"unnest", "upper", "upper_inc", "upper_inf", "var_pop",
	"var_samp", "varchar", "variance", "version",
	"websearch_to_tsquery", "width", "width_bucket",
};

static const char *const functions_volatile[] = {
	"clock_timestamp", "currval", "gen_random_uuid", "lastval",
	"nextval", "pg_is_in_recovery", "pg_partition_ancestors",
	"pg_partition_tree", "random", "timeofday",
};

/* Their one argument could be a row or a value; none is harmless. */
static const char *const notations[] = {
	"amvalidate", "brin_desummarize_range",
	"brin_summarize_new_values", "brin_summarize_range", "currval",
	"fmgr_c_validator", "fmgr_internal_validator",
	"fmgr_sql_validator", "gin_clean_pending_list",
	"inet_client_addr", "loread", "lowrite", "nextval",
	"plpgsql_validator", "row_security_active", "set_config",
	"setseed", "setval", "ts_debug", "ts_stat", "xmlparse",
};

static const char *const types[] = {
	"bit", "bool", "box", "bpchar", "bytea", "char", "cidr",
	"circle", "date", "datemultirange", "daterange", "float4",
	"float8", "inet", "int2", "int2vector", "int4", "int4multirange",
	"int4range", "int8", "int8multirange", "int8range", "interval",
	"json", "jsonb", "jsonpath", "line", "lseg", "macaddr",
	"macaddr8", "money", "name", "numeric", "nummultirange",
	"numrange", "oid", "oidvector", "path", "point", "polygon",
	"record", "refcursor", "text", "tid", "time", "timestamp",
	"timestamptz", "timetz", "tsmultirange", "tsquery", "tsrange",
	"tstzmultirange", "tstzrange", "tsvector", "unknown", "uuid",
	"varbit", "varchar", "xid", "xid8",
};

static const char *const regtypes[] = {
	"regclass", "regcollation", "regconfig", "regdictionary",
	"regnamespace", "regoper", "regoperator", "regproc",
	"regprocedure", "regrole", "regtype",
};

static const char *const catalogs[] = {
	"pg_aggregate", "pg_am", "pg_amop", "pg_amproc", "pg_attrdef",
	"pg_attribute", "pg_auth_members",
	"pg_available_extension_versions", "pg_available_extensions",
	"pg_cast", "pg_class", "pg_collation", "pg_constraint",
	"pg_conversion", "pg_database", "pg_default_acl", "pg_depend",
	"pg_description", "pg_enum", "pg_event_trigger", "pg_extension",
	"pg_foreign_data_wrapper", "pg_foreign_server",
	"pg_foreign_table", "pg_group", "pg_index", "pg_indexes",
	"pg_inherits", "pg_language", "pg_matviews", "pg_namespace",
	"pg_opclass", "pg_operator", "pg_opfamily",
	"pg_partitioned_table", "pg_policies", "pg_policy", "pg_proc",
	"pg_publication", "pg_publication_namespace",
	"pg_publication_rel", "pg_publication_tables", "pg_range",
	"pg_rewrite", "pg_roles", "pg_rules", "pg_sequence",
	"pg_settings", "pg_shdepend", "pg_shdescription",
	"pg_statistic_ext", "pg_tables", "pg_tablespace",
	"pg_timezone_abbrevs", "pg_timezone_names", "pg_transform",
	"pg_trigger", "pg_ts_config", "pg_ts_config_map", "pg_ts_dict",
	"pg_ts_parser", "pg_ts_template", "pg_type", "pg_user",
	"pg_views",
};

static const char *const system_columns[] = {
	"cmax", "cmin", "ctid", "tableoid", "xmax", "xmin",
};

static const char *const settings[] = {
	"application_name", "bytea_output", "datestyle",
	"default_transaction_isolation", "default_transaction_read_only",
	"extra_float_digits", "intervalstyle", "lock_timeout",
	"statement_timeout", "timezone", "transaction_isolation", "transaction_read_only",
	"xmloption",
};

static int
cmp(const void *key, const void *elem)
{
	return strcmp(key, *(const char *const *)elem);
}

#define LISTED(name, list)						\
	(bsearch(name, list, sizeof(list) / sizeof((list)[0]),		\
	    sizeof((list)[0]), cmp) != NULL)

enum fn_class
sqlname_function(const char *name)
{
	if (LISTED(name, functions_safe))
		return FN_SAFE;
	return LISTED(name, functions_volatile) ? FN_VOLATILE : FN_UNKNOWN;
}

bool
sqlname_size(const char *name)
{
	return strcmp(name, "pg_database_size") == 0 ||
	    strcmp(name, "pg_indexes_size") == 0 ||
	    strcmp(name, "pg_relation_size") == 0 ||
	    strcmp(name, "pg_table_size") == 0 ||
	    strcmp(name, "pg_tablespace_size") == 0 ||
	    strcmp(name, "pg_total_relation_size") == 0;
}

bool
sqlname_notation(const char *name)
{
	size_t	 n = strlen(name);

	return strncmp(name, "pg_", 3) == 0 || strncmp(name, "lo_", 3) == 0 ||
	    strncmp(name, "txid_", 5) == 0 ||
	    strncmp(name, "binary_upgrade_", 15) == 0 ||
	    (n > 7 && strcmp(name + n - 7, "_to_xml") == 0) ||
	    LISTED(name, notations);
}

bool
sqlname_type(const char *name)
{
	return LISTED(name, types);
}

bool
sqlname_regtype(const char *name)
{
	return LISTED(name, regtypes);
}

bool
sqlname_catalog(const char *name)
{
	return LISTED(name, catalogs);
}

bool
sqlname_raw_catalog(const char *name)
{
	return strcmp(name, "pg_class") == 0 ||
	    strcmp(name, "pg_attribute") == 0;
}

bool
sqlname_raw_column(const char *name)
{
	return strcmp(name, "reltuples") == 0 ||
	    strcmp(name, "relpages") == 0 ||
	    strcmp(name, "relallvisible") == 0 ||
	    strcmp(name, "relallfrozen") == 0 ||
	    strcmp(name, "relfrozenxid") == 0 ||
	    strcmp(name, "relminmxid") == 0 ||
	    strcmp(name, "attmissingval") == 0;
}

bool
sqlname_system_column(const char *name)
{
	return LISTED(name, system_columns);
}

bool
sqlname_setting(const char *name)
{
	return LISTED(name, settings);
}
