/*
 * The statement kinds and their groups, expanded from the table in kinds.h.
 *
 * Used by the policy parser (which words may stand in a rule) and by the
 * engine (does a rule fit).  No I/O, no state, nothing untrusted: the words
 * come from the policy.
 */
#include "kinds.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char	*name;
	unsigned int	 groups;
} kinds[NKINDS] = {
#define KIND_M_ROW(id, name, groups)	{ name, groups },
	KINDS(KIND_M_ROW)
#undef KIND_M_ROW
};

static const struct {
	const char	*name;
	unsigned int	 bit;
} groups[] = {
#define KIND_M_GROUP(name, bit)		{ name, bit },
	KIND_GROUPS(KIND_M_GROUP)
#undef KIND_M_GROUP
};

const char *const kind_words[] = {
#define KIND_M_WORD(id, name, groups)	name,
	KINDS(KIND_M_WORD)
#undef KIND_M_WORD
#define KIND_M_WORD(name, bit)		name,
	KIND_GROUPS(KIND_M_WORD)
#undef KIND_M_WORD
	NULL
};

const char *
kind_name(enum kind k)
{
	return (unsigned int)k < NKINDS ? kinds[k].name : "other";
}

unsigned int
kind_groups(enum kind k)
{
	return (unsigned int)k < NKINDS ? kinds[k].groups : KIND_G_DANGEROUS;
}

static unsigned int
group_bit(const char *word)
{
	size_t	 i;

	for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (strcmp(groups[i].name, word) == 0)
			return groups[i].bit;
	return 0;
}

bool
kind_is(enum kind k, const char *word)
{
	if ((unsigned int)k >= NKINDS)
		return false;
	if (strcmp(kinds[k].name, word) == 0)
		return true;
	return (kinds[k].groups & group_bit(word)) != 0;
}

bool
kind_known(const char *word)
{
	size_t	 i;

	if (group_bit(word) != 0)
		return true;
	for (i = 0; i < NKINDS; i++)
		if (strcmp(kinds[i].name, word) == 0)
			return true;
	return false;
}

void
kind_set_add(struct kind_set *s, const char *word)
{
	unsigned int	 k;

	for (k = 0; k < NKINDS; k++)
		if (kind_is((enum kind)k, word))
			s->bits[k / 64] |= (uint64_t)1 << k % 64;
}

bool
kind_set_has(const struct kind_set *s, enum kind k)
{
	if ((unsigned int)k >= NKINDS)
		return false;
	return (s->bits[(unsigned int)k / 64] >> (unsigned int)k % 64 & 1) !=
	    0;
}
