/*
 * Runs a fuzz target over files: the corpus in `make check`, or one input that
 * was found.  Linked in place of libFuzzer's main.  A target that fails
 * crashes.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int
run(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = malloc(1 << 20);
	size_t n, cut;

	if (f == NULL || data == NULL) {
		perror(path);
		free(data);
		return -1;
	}
	n = fread(data, 1, 1 << 20, f);
	fclose(f);
	LLVMFuzzerTestOneInput(data, n);
	/* Cut short at every place, in memory of just that size. */
	for (cut = 0; cut < n && cut < 4096; cut++) {
		uint8_t *part = malloc(cut + 1);
		size_t i;

		if (part == NULL)
			break;
		for (i = 0; i < cut; i++)
			part[i] = data[i];
		LLVMFuzzerTestOneInput(part, cut);
		free(part);
	}
	free(data);
	printf("ok %s\n", path);
	return 0;
}

int
main(int argc, char **argv)
{
	int i, rc = argc < 2;

	for (i = 1; i < argc; i++)
		if (run(argv[i]) == -1)
			rc = 1;
	return rc;
}
