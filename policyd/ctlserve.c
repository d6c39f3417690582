/*
 * policyctl serve: the page for approvers, and policyctl approve --device.
 *
 * Two processes: the door (webdoor.c), which is who started this, and the page,
 * its child, which reads what the network sends.  Started as root the page runs
 * as a user of its own.  It has a socket to listen at, the door, and nothing
 * else: what it may do is what the tokens of those who are logged in let them.
 */
#include "ctlserve.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "oidc.h"
#include "proc.h"
#include "unixsock.h"
#include "web.h"
#include "webdoor.h"

#define LISTEN_DEFAULT	"127.0.0.1:8787"
#define USER_DEFAULT	"_policyd_page"
#define ORIGIN_MAX	256

static int
complain(const char *what, const char *why)
{
	fprintf(stderr, "policyctl: %s: %s\n", what, why);
	return -1;
}

/* --- where to listen ------------------------------------------------------------------ */

/* This machine's own addresses only. */
static int
parse_address(const char *text, struct sockaddr_storage *ss)
{
	struct sockaddr_in	*in4 = (void *)ss;
	struct sockaddr_in6	*in6 = (void *)ss;
	const char		*colon = strrchr(text, ':');
	char			 host[64], *end;
	unsigned long		 port;

	memset(ss, 0, sizeof(*ss));
	port = strtoul(colon == NULL ? text : colon + 1, &end, 10);
	if (*end != '\0' || port > 65535 || end == text || end[-1] == ':')
		return -1;
	snprintf(host, sizeof(host), "%.*s", colon == NULL ? 9 :
	    (int)(colon - text), colon == NULL ? "127.0.0.1" : text);
	in4->sin_family = AF_INET;
	in4->sin_port = htons((uint16_t)port);
	if (inet_pton(AF_INET, host, &in4->sin_addr) == 1)
		return ntohl(in4->sin_addr.s_addr) >> 24 == 127 ? 0 : -1;
	in6->sin6_family = AF_INET6;
	in6->sin6_addr = in6addr_loopback;
	return strcmp(host, "[::1]") == 0 ? 0 : -1;
}

/* -1, and it was said why.  `origin` is what a browser then has to say. */
static int
listen_tcp(const char *text, char origin[ORIGIN_MAX])
{
	struct sockaddr_storage	 ss;
	struct sockaddr_in	*in4 = (void *)&ss;
	socklen_t		 len = sizeof(ss);
	char			 host[INET_ADDRSTRLEN];
	int			 fd, on = 1;

	if (parse_address(text, &ss) == -1)
		return complain(text, "not an address and port of this "
		    "machine's loopback interface");
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
	    sizeof(on)) == -1 || bind(fd, (struct sockaddr *)&ss,
	    ss.ss_family == AF_INET ? sizeof(struct sockaddr_in) :
	    sizeof(struct sockaddr_in6)) == -1 || listen(fd, 64) == -1 ||
	    getsockname(fd, (struct sockaddr *)&ss, &len) == -1) {
		complain(text, strerror(errno));
		if (fd != -1)
			close(fd);
		return -1;
	}
	/* sin_port and sin6_port are at one place. */
	if (ss.ss_family == AF_INET)
		snprintf(origin, ORIGIN_MAX, "http://%s:%u", inet_ntop(AF_INET,
		    &in4->sin_addr, host, sizeof(host)),
		    ntohs(in4->sin_port));
	else
		snprintf(origin, ORIGIN_MAX, "http://[::1]:%u",
		    ntohs(in4->sin_port));
	return fd;
}

/* "https://name[:port]", or http on this machine; as browsers write it. */
static bool
origin_good(const char *s)
{
	static const char *const	here[] = { "127.0.0.1", "localhost",
					    "[::1]" };
	const char			*host;
	size_t				 i, n;

	if (strlen(s) >= ORIGIN_MAX || (host = strstr(s, "://")) == NULL)
		return false;
	host += 3;
	if (*host == '\0' || host[strspn(host, "abcdefghijklmnopqrstuvwxyz"
	    "0123456789.-:[]")] != '\0')
		return false;
	if (strncmp(s, "https://", 8) == 0 && host == s + 8)
		return true;
	for (i = 0; i < sizeof(here) / sizeof(here[0]); i++) {
		n = strlen(here[i]);
		if (strncmp(s, "http://", 7) == 0 && host == s + 7 &&
		    strncmp(host, here[i], n) == 0 &&
		    (host[n] == '\0' || host[n] == ':'))
			return true;
	}
	return false;
}

static int
listen_unix(const struct ctl_serve *o, uid_t *peer)
{
	const struct passwd	*pw;
	int			 fd;

	*peer = geteuid();
	if (o->peer != NULL) {
		if ((pw = getpwnam(o->peer)) == NULL)
			return complain(o->peer, "no such user");
		*peer = pw->pw_uid;
	}
	fd = unix_listen(o->unix_path, *peer == geteuid() ? (uid_t)-1 : *peer);
	if (fd == -1)
		complain(o->unix_path, strerror(errno));
	return fd;
}

/* --- the page ------------------------------------------------------------------------------ */

/* What of the policy is needed to log in; -1, and it was said. */
static int
login_conf(const struct policy *policy, const struct ctl_login *l,
    struct oidc_conf *c)
{
	const struct issuer	*iss;

	iss = policy == NULL ? NULL : policy_issuer(policy, l->issuer);
	if (iss == NULL)
		return complain(l->issuer, "no such issuer in the policy");
	if (l->client_id == NULL)
		return complain(l->issuer, "--client-id is needed");
	memset(c, 0, sizeof(*c));
	c->issuer = iss->issuer;
	c->ca_file = iss->ca_file;
	c->http_loopback = iss->allow_http_loopback;
	c->client_id = l->client_id;
	c->scope = l->scope == NULL ? "openid" : l->scope;
	c->resource = l->resource;
	c->id_token = l->id_token;
	return 0;
}

static void
run_page(struct web *w, int fd, int door, const struct oidc_conf *conf)
{
	w->loop = ev_loop_new();
	if (conf != NULL)
		w->oidc = oidc_new(w->loop, conf);
	w->policy = webpolicy_new(w->loop, door);
	if ((w->sessions = websessions_new()) == NULL)
		fatal("step=sessions");
	web_listen(w, fd);
	printf("%s/\n", w->origin);
	fflush(stdout);
	ev_run(w->loop);
}

static int
run_door(pid_t child, int at, const char *socket)
{
	int	status;

	webdoor_run(at, socket);
	if (waitpid(child, &status, 0) == -1)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int
start(struct web *w, int fd, const char *socket, const char *user,
    const struct oidc_conf *conf)
{
	int	pair[2];
	pid_t	child, me = getpid();

	log_init("serve", 1, LOG_L_INFO);
	signal(SIGPIPE, SIG_IGN);
	/* Blocking: each end waits for the other's word. */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1 ||
	    (child = fork()) == -1)
		fatal("step=fork");
	if (child != 0) {
		close(fd);
		close(pair[1]);
		proc_harden();
		return run_door(child, pair[0], socket);
	}
	close(pair[0]);
	log_process("page");
	proc_drop(user, NULL);
	proc_harden();
	proc_die_with_parent(me);
	run_page(w, fd, pair[1], conf);
	return 1;
}

int
ctl_serve(const char *socket, const struct policy *policy,
    const struct ctl_serve *o)
{
	struct web		w = { .local = o->unix_path != NULL };
	struct oidc_conf	conf;
	char			origin[ORIGIN_MAX], redirect[ORIGIN_MAX + 16];
	int			fd;

	if (o->login.issuer != NULL &&
	    login_conf(policy, &o->login, &conf) == -1)
		return 1;
	if (o->origin != NULL && !origin_good(o->origin)) {
		complain(o->origin, "not https://name, nor http:// on this "
		    "machine");
		return 1;
	}
	if (w.local && o->origin == NULL) {
		complain(o->unix_path, "--origin is needed: what a browser "
		    "sees");
		return 1;
	}
	fd = w.local ? listen_unix(o, &w.peer) : listen_tcp(o->listen == NULL ?
	    LISTEN_DEFAULT : o->listen, origin);
	if (fd == -1)
		return 1;
	if (o->origin != NULL)
		snprintf(origin, sizeof(origin), "%s", o->origin);
	w.origin = origin;
	w.issuer = o->login.issuer;
	if (w.issuer != NULL) {
		w.issuer_url = conf.issuer;
		snprintf(redirect, sizeof(redirect), "%s/callback", origin);
		conf.redirect_uri = redirect;
	}
	return start(&w, fd, socket, o->user == NULL ? USER_DEFAULT : o->user,
	    w.issuer == NULL ? NULL : &conf);
}

/* --- by a browser elsewhere ------------------------------------------------------------------ */

struct device {
	struct ev_loop	*loop;
	char		*token;
	bool		 done;
};

static void
on_tell(void *ctx, const char *url, const char *code, const char *whole)
{
	(void)ctx;
	fprintf(stderr, "Open %s\nand enter %s\n", url, code);
	if (whole != NULL)
		fprintf(stderr, "or open %s\n", whole);
}

static void
on_token(void *ctx, const char *token, const char *error)
{
	struct device	*d = ctx;

	if (token == NULL)
		fprintf(stderr, "policyctl: %s\n", error);
	else if ((d->token = strdup(token)) == NULL)
		fprintf(stderr, "policyctl: out of memory\n");
	d->done = true;
	ev_stop(d->loop);
}

char *
ctl_device(const struct policy *policy, const struct ctl_login *l)
{
	struct device		 d = { .token = NULL };
	struct oidc_conf	 conf;
	struct oidc		*o;

	if (l->issuer == NULL) {
		complain("--device", "--issuer is needed");
		return NULL;
	}
	if (login_conf(policy, l, &conf) == -1)
		return NULL;
	d.loop = ev_loop_new();
	o = oidc_new(d.loop, &conf);
	oidc_device(o, on_tell, on_token, &d);
	/* It may have failed at once. */
	if (!d.done)
		ev_run(d.loop);
	oidc_free(&o);
	ev_loop_free(&d.loop);
	return d.token;
}
