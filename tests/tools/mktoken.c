/*
 * mktoken: keys and signed tokens for tests.
 *
 *	mktoken keygen DIR
 *		DIR/{rsa,ec,ed}.pem and their public set DIR/jwks.json;
 *		DIR/foreign.pem is in no set
 *	mktoken sign --key F --alg A --kid K --iss I --aud A --sub S
 *	    [--group G]... [--claim JSON]... [--ttl SECONDS] [--nbf SECONDS]
 *		prints a token; times are relative to now and may be negative
 */
#include <err.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>
#include <openssl/pem.h>

#include "tests/tools/forge.h"

static void	usage(void) __attribute__((noreturn));

static void
usage(void)
{
	fprintf(stderr, "usage: mktoken keygen DIR\n"
	    "       mktoken sign --key F --alg A --kid K --iss I --aud A "
	    "--sub S\n"
	    "           [--group G]... [--claim JSON]... [--ttl SECONDS] "
	    "[--nbf SECONDS]\n");
	exit(1);
}

static FILE *
create(const char *dir, const char *name, mode_t mode)
{
	char path[4096];
	FILE *f;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if ((fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode)) == -1 ||
	    (f = fdopen(fd, "w")) == NULL)
		err(1, "%s", path);
	return f;
}

static EVP_PKEY *
make_key(const char *dir, const char *name, const char *kind)
{
	EVP_PKEY *k = forge_key(kind);
	FILE *f = create(dir, name, 0600);

	if (PEM_write_PrivateKey(f, k, NULL, NULL, 0, NULL, NULL) != 1 ||
	    fclose(f) != 0)
		errx(1, "%s/%s: cannot write", dir, name);
	return k;
}

static void
keygen(const char *dir)
{
	static const struct {
		const char	*kind, *file, *kid;
	} keys[] = { { "rsa", "rsa.pem", "test-rsa" },
	    { "ec", "ec.pem", "test-ec" }, { "ed", "ed.pem", "test-ed" } };
	FILE *f = create(dir, "jwks.json", 0644);
	EVP_PKEY *k;
	size_t i;
	char *jwk;

	fputs("{\"keys\":[", f);
	for (i = 0; i < 3; i++) {
		k = make_key(dir, keys[i].file, keys[i].kind);
		jwk = forge_jwk(k, keys[i].kid, NULL);
		fprintf(f, "%s%s", i == 0 ? "\n" : ",\n", jwk);
		free(jwk);
		EVP_PKEY_free(k);
	}
	fputs("]}\n", f);
	if (fclose(f) != 0)
		err(1, "%s/jwks.json", dir);
	EVP_PKEY_free(make_key(dir, "foreign.pem", "rsa"));
}

static EVP_PKEY *
load_key(const char *path)
{
	FILE *f = fopen(path, "r");
	EVP_PKEY *k;

	if (f == NULL)
		err(1, "%s", path);
	if ((k = PEM_read_PrivateKey(f, NULL, NULL, NULL)) == NULL)
		errx(1, "%s: not a private key", path);
	fclose(f);
	return k;
}

enum { O_KEY = 1, O_TEXT, O_GROUP, O_CLAIM, O_TTL, O_NBF };

static void
merge(json_t *claims, const char *text)
{
	json_error_t e;
	json_t *o = json_loads(text, 0, &e);

	if (!json_is_object(o))
		errx(1, "--claim: not a JSON object: %s", text);
	json_object_update(claims, o);
	json_decref(o);
}

/* The token's header and claims from the command line; --key's file. */
static const char *
sign_options(int argc, char **argv, json_t *header, json_t *claims)
{
	static const struct option opts[] = {
		{ "key", 1, NULL, O_KEY }, { "alg", 1, NULL, O_TEXT },
		{ "kid", 1, NULL, O_TEXT }, { "iss", 1, NULL, O_TEXT },
		{ "aud", 1, NULL, O_TEXT }, { "sub", 1, NULL, O_TEXT },
		{ "group", 1, NULL, O_GROUP }, { "claim", 1, NULL, O_CLAIM },
		{ "ttl", 1, NULL, O_TTL }, { "nbf", 1, NULL, O_NBF },
		{ NULL, 0, NULL, 0 } };
	json_t *groups = json_array(), *extra = json_object(), *o;
	const char *key = NULL;
	time_t now = time(NULL);
	long ttl = 300;
	int ch, i = 0;

	while ((ch = getopt_long(argc, argv, "", opts, &i)) != -1)
		switch (ch) {
		case O_KEY:
			key = optarg;
			break;
		case O_TEXT:
			o = strcmp(opts[i].name, "alg") == 0 ||
			    strcmp(opts[i].name, "kid") == 0 ? header : claims;
			json_object_set_new(o, opts[i].name,
			    json_string(optarg));
			break;
		case O_GROUP:
			json_array_append_new(groups, json_string(optarg));
			break;
		case O_CLAIM:
			merge(extra, optarg);
			break;
		case O_TTL:
			ttl = atol(optarg);
			break;
		case O_NBF:
			json_object_set_new(claims, "nbf",
			    json_integer(now + atol(optarg)));
			break;
		default:
			usage();
		}
	if (key == NULL || optind != argc)
		usage();
	json_object_set_new(claims, "iat", json_integer(now));
	json_object_set_new(claims, "exp", json_integer(now + ttl));
	if (json_array_size(groups) > 0)
		json_object_set(claims, "groups", groups);
	json_object_update(claims, extra);
	json_decref(groups);
	json_decref(extra);
	return key;
}

static void
sign(int argc, char **argv)
{
	json_t *header = json_object(), *claims = json_object();
	const char *key, *alg;
	char *h, *c, *token;
	EVP_PKEY *k;

	json_object_set_new(header, "alg", json_string("RS256"));
	json_object_set_new(header, "typ", json_string("JWT"));
	key = sign_options(argc, argv, header, claims);
	alg = json_string_value(json_object_get(header, "alg"));
	h = json_dumps(header, JSON_COMPACT);
	c = json_dumps(claims, JSON_COMPACT);
	k = load_key(key);
	if (h == NULL || c == NULL ||
	    (token = forge_sign(k, alg, h, c)) == NULL)
		errx(1, "%s: this key cannot sign by %s", key, alg);
	puts(token);
	free(token);
	free(h);
	free(c);
	json_decref(header);
	json_decref(claims);
	EVP_PKEY_free(k);
}

int
main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "keygen") == 0)
		keygen(argv[2]);
	else if (argc > 2 && strcmp(argv[1], "sign") == 0)
		sign(argc - 1, argv + 1);
	else
		usage();
	return 0;
}
