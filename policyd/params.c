/*
 * Bind parameters as people read them.  Runs in the parent.  The bytes are a
 * client's, passed on by a worker; neither is trusted.
 */
#include "request.h"

#include <stdlib.h>
#include <string.h>

#include "crypto.h"

struct reader {
	const uint8_t	*p;
	size_t		 left;
	bool		 bad;
};

static uint32_t
get(struct reader *r, size_t bytes)
{
	uint32_t	v = 0;
	size_t		i;

	if (r->left < bytes) {
		r->bad = true;
		return 0;
	}
	for (i = 0; i < bytes; i++)
		v = v << 8 | r->p[i];
	r->p += bytes;
	r->left -= bytes;
	return v;
}

static json_t *
value(const uint8_t *p, size_t len, bool binary)
{
	/* A NUL would hide what is behind it, and does not read back. */
	json_t	*v = binary || memchr(p, '\0', len) != NULL ? NULL :
		    json_stringn((const char *)p, len);
	char	*hex;

	if (v != NULL)
		return v;
	if ((hex = malloc(len * 2 + 1)) == NULL)
		return NULL;
	hex_encode(p, len, hex);
	v = json_pack("{s:s}", "hex", hex);
	free(hex);
	return v;
}

json_t *
params_json(const uint8_t *bytes, size_t len)
{
	struct reader	 r = { bytes, len, false };
	const uint8_t	*formats;
	json_t		*a = json_array(), *v;
	uint32_t	 nformats, n, i, size;
	bool		 binary;

	if (len == 0 || a == NULL)
		return a;
	nformats = get(&r, 2);
	formats = r.p;
	for (i = 0; i < nformats; i++)
		get(&r, 2);
	n = get(&r, 2);
	for (i = 0; i < n && !r.bad; i++) {
		binary = nformats == 1 ? formats[1] != 0 :
		    i < nformats && formats[2 * i + 1] != 0;
		size = get(&r, 4);
		if (size == UINT32_MAX)
			v = json_null();
		else if (r.bad || size > r.left)
			break;
		else {
			v = value(r.p, size, binary);
			r.p += size;
			r.left -= size;
		}
		if (json_array_append_new(a, v) == -1)
			break;
	}
	if (r.bad || i < n) {
		json_decref(a);
		return NULL;
	}
	return a;
}
