#ifndef POSTERN_EV_H
#define POSTERN_EV_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The event loop: a thin wrapper, so that libevent is known in one file.
 * Everything is single-threaded; callbacks run from ev_run().  A callback may
 * free any handle, its own included.
 */
struct ev_loop;
struct ev_io;
struct ev_timer;
struct ev_signal;

enum { EV_IN = 1, EV_OUT = 2 };

typedef void	ev_io_cb(void *ctx, int what);
typedef void	ev_timer_cb(void *ctx);
typedef void	ev_signal_cb(void *ctx, int signo);

/* All *_new() end the process (fatal) when memory is out: they run at set-up. */
struct ev_loop	*ev_loop_new(void);
void		 ev_loop_free(struct ev_loop **);
/* After fork(), in the child, before any other use of the loop. */
void		 ev_loop_reinit(struct ev_loop *);
void		 ev_run(struct ev_loop *);
/* Make ev_run() return after the current callback. */
void		 ev_stop(struct ev_loop *);

/* Level-triggered; `what` may be 0 to start with nothing wanted. */
struct ev_io	*ev_io_new(struct ev_loop *, int fd, int what, ev_io_cb *,
		    void *ctx);
void		 ev_io_want(struct ev_io *, int what);
/* Does not close the descriptor; call it before close(). */
void		 ev_io_free(struct ev_io **);

struct ev_timer	*ev_timer_new(struct ev_loop *, ev_timer_cb *, void *ctx);
/* Once, `ms` from now; replaces what was set. */
void		 ev_timer_set(struct ev_timer *, uint64_t ms);
void		 ev_timer_stop(struct ev_timer *);
bool		 ev_timer_pending(const struct ev_timer *);
void		 ev_timer_free(struct ev_timer **);

struct ev_signal *ev_signal_new(struct ev_loop *, int signo, ev_signal_cb *,
		    void *ctx);
void		 ev_signal_free(struct ev_signal **);

/* CLOCK_BOOTTIME in milliseconds: for deadlines and heartbeats (D28). */
uint64_t	 now_boot_ms(void);
/* CLOCK_REALTIME in microseconds since the epoch: for people and tokens. */
uint64_t	 now_wall_us(void);

#endif
