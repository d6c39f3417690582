/*
 * What the tests of the page share: policyctl serve, and curl as the browser.
 */
#include "page.h"

#include <check.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "e2e.h"

char		page_url[64];
static pid_t	page_pid;

static void
path_of(const char *name, char *out, size_t size)
{
	snprintf(out, size, "%s/page.%d.%s", e2e_env("STACK_DIR"),
	    (int)getpid(), name);
}

void
page_line(FILE *f, char *out, size_t size)
{
	if (fgets(out, (int)size, f) == NULL)
		out[0] = '\0';
}

void
page_up(const char *args)
{
	char cmd[2048], path[512];
	FILE *f;

	path_of("url", path, sizeof(path));
	unlink(path);
	snprintf(cmd, sizeof(cmd), "exec %s/policyctl -s %s serve %s >%s "
	    "2>>%s/page.log", e2e_env("POSTERN_BIN"),
	    e2e_env("POLICYD_SOCK"), args, path, e2e_env("STACK_DIR"));
	ck_assert_int_ne(page_pid = fork(), -1);
	if (page_pid == 0) {
		execl("/bin/sh", "sh", "-c", cmd, (char *)NULL);
		_exit(127);
	}
	page_url[0] = '\0';
	ck_assert_msg(E2E_UNTIL(10000, (f = fopen(path, "r")) != NULL &&
	    (page_line(f, page_url, sizeof(page_url)), fclose(f),
	    strchr(page_url, '\n') != NULL)), "policyctl serve does not "
	    "start");
	page_url[strcspn(page_url, "\n") - 1] = '\0';
}

void
page_down(void)
{
	kill(page_pid, SIGTERM);
	waitpid(page_pid, NULL, 0);
}

pid_t
page_process(void)
{
	char cmd[128];
	FILE *f;
	int pid = 0;

	snprintf(cmd, sizeof(cmd), "ps -o pid= --ppid %d", (int)page_pid);
	ck_assert_ptr_nonnull(f = popen(cmd, "r"));
	ck_assert_int_eq(fscanf(f, "%d", &pid), 1);
	pclose(f);
	return pid;
}

int
page_ask(const char *who, const char *path, const char *fmt, ...)
{
	char args[1024], cmd[4096], out[512], jar[512];
	va_list ap;
	FILE *f;
	int status = 0;

	va_start(ap, fmt);
	vsnprintf(args, sizeof(args), fmt, ap);
	va_end(ap);
	path_of("out", out, sizeof(out));
	path_of(who, jar, sizeof(jar));
	snprintf(cmd, sizeof(cmd), "curl -s -m 20 -o %s -D %s.head -w "
	    "'%%{http_code}' -b %s -c %s %s '%s%s'", out, out, jar, jar, args,
	    page_url, path);
	ck_assert_ptr_nonnull(f = popen(cmd, "r"));
	if (fscanf(f, "%d", &status) != 1)
		status = -1;
	pclose(f);
	return status;
}

int
page_get(const char *who, const char *path)
{
	return page_ask(who, path, "%s", "");
}

bool
page_said(const char *text)
{
	char out[512];

	path_of("out", out, sizeof(out));
	return e2e_file_has(out, text);
}

bool
page_header(const char *text)
{
	char out[512];

	path_of("out.head", out, sizeof(out));
	return e2e_file_has(out, text);
}

const char *
page_csrf(void)
{
	static char csrf[128];
	char cmd[1024], out[512];
	FILE *f;

	path_of("out", out, sizeof(out));
	snprintf(cmd, sizeof(cmd), "sed -n 's/.*name=\"csrf\" "
	    "value=\"\\([0-9a-f]*\\)\".*/\\1/p' %s | head -1", out);
	ck_assert_ptr_nonnull(f = popen(cmd, "r"));
	csrf[0] = '\0';
	if (fscanf(f, "%127s", csrf) != 1)
		csrf[0] = '\0';
	pclose(f);
	return csrf;
}

int
page_login_by(const char *who, const char *token)
{
	char path[512];
	FILE *f;

	ck_assert_int_eq(page_get(who, "/login"), 200);
	path_of("token", path, sizeof(path));
	ck_assert_ptr_nonnull(f = fopen(path, "w"));
	fputs(token, f);
	fclose(f);
	return page_ask(who, "/login", "-H 'Origin: %s' --data-urlencode "
	    "token@%s -d csrf=%s", page_url, path, page_csrf());
}

void
page_login(const char *who, const char *group)
{
	char *token = e2e_token(who, group);

	ck_assert_int_eq(page_login_by(who, token), 303);
	free(token);
}

int
page_decide(const char *who, long n, const char *decision)
{
	char path[64];

	snprintf(path, sizeof(path), "/request/%ld", n);
	ck_assert_int_eq(page_get(who, path), 200);
	return page_ask(who, path, "-H 'Origin: %s' -d csrf=%s -d "
	    "decision=%s -d 'reason=a b%%3Cc'", page_url, page_csrf(),
	    decision);
}
