/*
 * visible: text of others on a terminal.  Runs in the tools; the text may be
 * anything.  A statement that reads otherwise than it runs is as bad as one
 * that drives the terminal, so what turns the writing direction, or has no
 * width, is written out too.
 */
#include "visible.h"

#include <stdio.h>

size_t
visible_char(const uint8_t *p, size_t left, uint32_t *c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 :
	    p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0, i;

	if (n == 0 || n > left)
		return 0;
	*c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (p[i] & 0x3f);
	}
	/* Overlong, a surrogate, beyond the last. */
	if (*c < least[n] || (*c >= 0xd800 && *c <= 0xdfff) || *c > 0x10ffff)
		return 0;
	return n;
}

/* Controls, and what changes how the rest is seen (UAX 9) or is not seen. */
static bool
deceives(uint32_t c)
{
	static const struct {
		uint32_t	from, to;
	} range[] = { { 0, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad },
	    { 0x34f, 0x34f }, { 0x61c, 0x61c }, { 0x115f, 0x1160 },
	    { 0x17b4, 0x17b5 }, { 0x180b, 0x180f }, { 0x200b, 0x200f },
	    { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0x3164, 0x3164 },
	    { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff }, { 0xffa0, 0xffa0 },
	    { 0xfff0, 0xfffb }, { 0xe0000, 0xe0fff } };
	size_t i;

	for (i = 0; i < sizeof(range) / sizeof(range[0]); i++)
		if (c >= range[i].from && c <= range[i].to)
			return true;
	return false;
}

int
visible_text(struct buf *b, const void *text, size_t len, bool ascii)
{
	const uint8_t *p = text, *end = p + len;
	char escaped[16];
	uint32_t c = 0;
	size_t n;
	int width;

	for (; p < end; p += n) {
		if ((n = visible_char(p, (size_t)(end - p), &c)) != 0 &&
		    !deceives(c) && (!ascii || c < 0x80)) {
			if (buf_add(b, p, n) == -1)
				return -1;
			continue;
		}
		width = n < 2 ? snprintf(escaped, sizeof(escaped), "\\x%02x",
		    p[0]) : snprintf(escaped, sizeof(escaped), "\\u{%x}",
		    (unsigned int)c);
		n = n == 0 ? 1 : n;
		if (buf_add(b, escaped, (size_t)width) == -1)
			return -1;
	}
	return 0;
}
