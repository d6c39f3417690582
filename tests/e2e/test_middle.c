/*
 * Somebody between gatewayd and the real server, who ends TLS on both sides
 * with a certificate of his own.  The policy does not verify the server's
 * (`tls: {mode: require}`), so it is SCRAM-SHA-256-PLUS alone that keeps the
 * session from him: he is seen, also when he hides that the server offers it.
 * Who passes the bytes on as they are is no harm.
 */
#include "e2e.h"

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum how { PASSES_ON, ENDS_TLS, HIDES_PLUS };

/* What the man in the middle does, and what he has seen. */
struct shared {
	enum how	how;
	int		offered;	/* the server's list of mechanisms */
	int		chosen;		/* the gateway's SCRAM-SHA-256-PLUS */
	int		welcomed;	/* AuthenticationOk */
};

static struct shared *sh;
static pid_t middle;
static char cert[256], key[256];

/* One side: TLS if ssl is there. */
struct side {
	int	 fd;
	SSL	*ssl;
};

static int
get(struct side *s, char *buf, int size)
{
	int n;

	if (s->ssl == NULL)
		return (int)recv(s->fd, buf, (size_t)size, 0);
	n = SSL_read(s->ssl, buf, size);
	/* A record that is not for us: it is tried again when more comes. */
	return n <= 0 && SSL_get_error(s->ssl, n) == SSL_ERROR_WANT_READ ?
	    -1 : n;
}

static void
put(struct side *s, const char *buf, int n)
{
	if (s->ssl != NULL ? SSL_write(s->ssl, buf, n) != n :
	    send(s->fd, buf, (size_t)n, MSG_NOSIGNAL) != n)
		_exit(0);
}

static const char *
seek(const char *buf, int n, const char *what)
{
	return memmem(buf, (size_t)n, what, strlen(what));
}

/* Read what it is about; *n bytes, and fewer after it if something is hidden. */
static void
look(char *buf, int *n, bool from_server)
{
	/* As the server writes its list, with the type and length before it. */
	static const char plus[] = "R\0\0\0\x2a\0\0\0\x0aSCRAM-SHA-256-PLUS";
	static const char plain[] = "R\0\0\0\x17\0\0\0\x0a";

	if (sh->how == PASSES_ON)
		return;
	if (!from_server) {
		sh->chosen += seek(buf, *n, "SCRAM-SHA-256-PLUS") != NULL;
		return;
	}
	sh->welcomed += *n >= 9 && memcmp(buf, "R\0\0\0\x08\0\0\0\0", 9) == 0;
	if (*n < (int)sizeof plus ||
	    memcmp(buf, plus, sizeof plus) != 0)
		return;
	sh->offered++;
	if (sh->how != HIDES_PLUS)
		return;
	memmove(buf + 9, buf + sizeof plus, (size_t)*n - sizeof plus);
	memcpy(buf, plain, 9);
	*n -= (int)sizeof plus - 9;
}

static void
carry(struct side side[2])
{
	char buf[65536];
	struct pollfd p[2] = { { side[0].fd, POLLIN, 0 },
	    { side[1].fd, POLLIN, 0 } };
	int i, n;

	for (;;) {
		for (i = 0; i < 2; i++)
			while (side[i].ssl != NULL && SSL_pending(side[i].ssl)) {
				n = get(&side[i], buf, sizeof buf);
				look(buf, &n, i == 1);
				put(&side[!i], buf, n);
			}
		if (poll(p, 2, -1) == -1)
			_exit(1);
		for (i = 0; i < 2; i++) {
			if (p[i].revents == 0)
				continue;
			if ((n = get(&side[i], buf, sizeof buf)) == -1)
				continue;
			if (n == 0)
				_exit(0);
			look(buf, &n, i == 1);
			put(&side[!i], buf, n);
		}
	}
}

/* TLS over a socket, as the one side or the other; nobody is verified. */
static SSL *
tls(int fd, bool server)
{
	SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() :
	    TLS_client_method());
	SSL *ssl;

	SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_num_tickets(ctx, 0);
	if (server && (SSL_CTX_use_certificate_file(ctx, cert,
	    SSL_FILETYPE_PEM) != 1 || SSL_CTX_use_PrivateKey_file(ctx, key,
	    SSL_FILETYPE_PEM) != 1))
		_exit(1);
	ssl = SSL_new(ctx);
	SSL_set_fd(ssl, fd);
	if ((server ? SSL_accept(ssl) : SSL_connect(ssl)) != 1)
		_exit(1);
	return ssl;
}

static void
between(int client)
{
	static const char request[] = { 0, 0, 0, 8, 4, (char)210, 22, 47 };
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct side side[2] = { { client, NULL }, { -1, NULL } };
	char buf[8];

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons((uint16_t)atoi(e2e_env("PG_PORT")));
	side[1].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(side[1].fd, (struct sockaddr *)&to, sizeof to) == -1)
		_exit(1);
	if (sh->how != PASSES_ON) {
		if (recv(client, buf, 8, MSG_WAITALL) != 8 ||
		    memcmp(buf, request, 8) != 0)
			_exit(1);
		put(&side[1], request, 8);
		if (recv(side[1].fd, buf, 1, 0) != 1 || buf[0] != 'S')
			_exit(1);
		put(&side[0], buf, 1);
		side[1].ssl = tls(side[1].fd, false);
		side[0].ssl = tls(client, true);
	}
	carry(side);
}

static void
setup(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, c;

	snprintf(cert, sizeof cert, "%s/middle.pem", e2e_env("STACK_DIR"));
	snprintf(key, sizeof key, "%s/middle.key", e2e_env("STACK_DIR"));
	ck_assert_int_eq(e2e_sh("openssl req -x509 -newkey ec -pkeyopt "
	    "ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost "
	    "-keyout '%s' -out '%s' 2>/dev/null", key, cert), 0);
	sh = mmap(NULL, sizeof *sh, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(sh, MAP_FAILED);
	sin.sin_port = htons((uint16_t)atoi(e2e_env("GW_OAUTH_PORT")));
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, sizeof sin), 0);
	ck_assert_int_eq(listen(fd, 64), 0);
	if ((middle = fork()) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGCHLD, SIG_IGN);
		signal(SIGPIPE, SIG_IGN);
		while ((c = accept(fd, NULL, NULL)) != -1) {
			if (fork() == 0) {
				prctl(PR_SET_PDEATHSIG, SIGKILL);
				between(c);
			}
			close(c);
		}
		_exit(1);
	}
	ck_assert_int_gt(middle, 0);
	close(fd);
}

static void
teardown(void)
{
	kill(middle, SIGKILL);
	waitpid(middle, NULL, 0);
	munmap(sh, sizeof *sh);
}

/* A session with the database that the man in the middle stands before. */
static PGconn *
session(const char *token, bool shared)
{
	const char *keys[] = { "host", "port", "dbname", "user", "password",
	    "sslmode", "sslrootcert", "connect_timeout", NULL };
	const char *values[] = { e2e_env("GW_HOST"), e2e_env(shared ?
	    "GW_SHARED_PORT" : "GW_PORT"), "liar_tls", "dba", token,
	    "verify-full", e2e_env("GW_CA"), "30", NULL };

	return PQconnectdbParams(keys, values, 0);
}

START_TEST(is_seen)
{
	char *token = e2e_token("middle", "dba"), *v;
	PGconn *c;
	enum how how;

	for (how = PASSES_ON; how <= HIDES_PLUS; how++) {
		sh->how = how;
		c = session(token, _i != 0);
		if (how == PASSES_ON) {
			ck_assert_msg(PQstatus(c) == CONNECTION_OK, "%s",
			    PQerrorMessage(c));
			v = e2e_value(c, "SELECT 7");
			ck_assert_str_eq(v, "7");
			free(v);
		} else
			ck_assert_msg(PQstatus(c) != CONNECTION_OK,
			    "a session through him (%d)", (int)how);
		PQfinish(c);
	}
	/* It came to this in both, at least once, and he never got further. */
	ck_assert_int_ge(sh->offered, 2);
	ck_assert_int_ge(sh->chosen, 1);
	ck_assert_int_eq(sh->welcomed, 0);
	free(token);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("middle");
	TCase *tc = tcase_create("middle");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, is_seen, 0, 2);
	suite_add_tcase(s, tc);
	return e2e_main(s);
}
