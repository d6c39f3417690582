#ifndef POSTERN_TEST_SHOP_H
#define POSTERN_TEST_SHOP_H

#include "catalog.h"
#include "judge.h"

/*
 * A made-up catalogue and policy for the tests of the judge; profiles "bot"
 * and "analyst" (masks), "masked" (masks, predicates: masked, rules that allow
 * all), "writer", "dba".
 */
const struct catalog	*shop_catalog(void);
/* The same with a cast that runs unseen; to catalog_free(). */
struct catalog		*shop_hidden_cast(void);
const struct policy	*shop_policy(void);
/* The records of the catalogue; to free(). */
uint8_t			*shop_records(size_t *len);
/* The verdict on a text, good until the next call; ends the test program on a
 * profile that there is not. */
const struct verdict	*shop_judge(const char *profile, const char *text);
const struct verdict	*shop_judge_bytes(const char *profile,
			    enum judge_form, const char *, size_t);
const struct verdict	*shop_judge_ask(const char *profile,
			    const struct judge_ask *);
/* The rewritten text of SELECT over customers stands for this. */
extern const char	 shop_customers[];
extern const char	 shop_policy_text[];

#endif
