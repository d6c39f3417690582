/*
 * ev: the event loop, over libevent.  Runs in all processes.
 *
 * Handles may be freed from any callback, their own too: event_del() of
 * libevent takes an event off the active queue as well, so nothing stale is
 * ever called.
 */
#include "ev.h"

#include <event2/event.h>
#include <stdlib.h>
#include <time.h>

#include "log.h"

struct ev_loop {
	struct event_base	*base;
};

struct ev_io {
	struct ev_loop	*loop;
	struct event	*in, *out;	/* persistent; added when wanted */
	int		 want;
	ev_io_cb	*cb;
	void		*ctx;
};

struct ev_timer {
	struct event	*event;
	ev_timer_cb	*cb;
	void		*ctx;
};

struct ev_signal {
	struct event	*event;
	ev_signal_cb	*cb;
	void		*ctx;
};

static void *
must(void *p)
{
	if (p == NULL)
		fatalx("event=out_of_memory");
	return p;
}

struct ev_loop *
ev_loop_new(void)
{
	struct ev_loop *l = must(calloc(1, sizeof(*l)));
	struct event_config *cfg = must(event_config_new());

	/*
	 * No epoll changelist: descriptors travel between processes here, and
	 * a removal that waits until after close() would leave the other
	 * process's copy registered.
	 */
	event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK);
	l->base = must(event_base_new_with_config(cfg));
	event_config_free(cfg);
	return l;
}

void
ev_loop_free(struct ev_loop **l)
{
	if (*l == NULL)
		return;
	event_base_free((*l)->base);
	free(*l);
	*l = NULL;
}

void
ev_loop_reinit(struct ev_loop *l)
{
	if (event_reinit(l->base) == -1)
		fatalx("event=reinit_failed");
}

void
ev_run(struct ev_loop *l)
{
	if (event_base_dispatch(l->base) == -1)
		fatal("event=loop_failed");
}

void
ev_stop(struct ev_loop *l)
{
	event_base_loopbreak(l->base);
}

static void
on_io(evutil_socket_t fd, short what, void *arg)
{
	struct ev_io *io = arg;

	(void)fd;
	io->cb(io->ctx, what & EV_READ ? EV_IN : EV_OUT);
}

struct ev_io *
ev_io_new(struct ev_loop *l, int fd, int what, ev_io_cb *cb, void *ctx)
{
	struct ev_io *io = must(calloc(1, sizeof(*io)));

	io->loop = l;
	io->cb = cb;
	io->ctx = ctx;
	io->in = must(event_new(l->base, fd, EV_READ | EV_PERSIST, on_io, io));
	io->out = must(event_new(l->base, fd, EV_WRITE | EV_PERSIST, on_io,
	    io));
	ev_io_want(io, what);
	return io;
}

static void
io_set(struct event *e, int on)
{
	if (on ? event_add(e, NULL) == -1 : event_del(e) == -1)
		fatalx("event=cannot_poll");
}

void
ev_io_want(struct ev_io *io, int what)
{
	int diff = io->want ^ what;

	if (diff & EV_IN)
		io_set(io->in, what & EV_IN);
	if (diff & EV_OUT)
		io_set(io->out, what & EV_OUT);
	io->want = what;
}

void
ev_io_free(struct ev_io **io)
{
	if (*io == NULL)
		return;
	event_free((*io)->in);
	event_free((*io)->out);
	free(*io);
	*io = NULL;
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct ev_timer *t = arg;

	(void)fd;
	(void)what;
	t->cb(t->ctx);
}

struct ev_timer *
ev_timer_new(struct ev_loop *l, ev_timer_cb *cb, void *ctx)
{
	struct ev_timer *t = must(calloc(1, sizeof(*t)));

	t->cb = cb;
	t->ctx = ctx;
	t->event = must(evtimer_new(l->base, on_timer, t));
	return t;
}

void
ev_timer_set(struct ev_timer *t, uint64_t ms)
{
	struct timeval tv;

	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	if (evtimer_add(t->event, &tv) == -1)
		fatalx("event=cannot_set_timer");
}

void
ev_timer_stop(struct ev_timer *t)
{
	evtimer_del(t->event);
}

bool
ev_timer_pending(const struct ev_timer *t)
{
	return evtimer_pending(t->event, NULL) != 0;
}

void
ev_timer_free(struct ev_timer **t)
{
	if (*t == NULL)
		return;
	event_free((*t)->event);
	free(*t);
	*t = NULL;
}

static void
on_signal(evutil_socket_t signo, short what, void *arg)
{
	struct ev_signal *s = arg;

	(void)what;
	s->cb(s->ctx, (int)signo);
}

struct ev_signal *
ev_signal_new(struct ev_loop *l, int signo, ev_signal_cb *cb, void *ctx)
{
	struct ev_signal *s = must(calloc(1, sizeof(*s)));

	s->cb = cb;
	s->ctx = ctx;
	s->event = must(evsignal_new(l->base, signo, on_signal, s));
	if (evsignal_add(s->event, NULL) == -1)
		fatalx("event=cannot_catch_signal signo=%d", signo);
	return s;
}

void
ev_signal_free(struct ev_signal **s)
{
	if (*s == NULL)
		return;
	event_free((*s)->event);
	free(*s);
	*s = NULL;
}

uint64_t
now_boot_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t
now_wall_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}
