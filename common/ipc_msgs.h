#ifndef POSTERN_IPC_MSGS_H
#define POSTERN_IPC_MSGS_H

#include <stddef.h>
#include <stdint.h>

#include "codec.h"

/*
 * Every message between Postern's processes, in one table: from whom, to whom,
 * with how many descriptors, and its fields with types and maxima.  Enum,
 * structs, descriptions and names are expanded from here (see the end of the
 * file and ipc_msgs.c); PROTOCOL tells the same in prose.
 */

/* Roles are bits, so that a socket can be open to more than one. */
enum ipc_role {
	ROLE_MASTER	= 0x001,	/* gatewayd */
	ROLE_WORKER	= 0x002,	/* gatewayd, one or more sessions */
	ROLE_SPAWNER	= 0x004,	/* policyd's first process */
	ROLE_PARENT	= 0x008,	/* policyd: policy, sessions */
	ROLE_VERIFIER	= 0x010,
	ROLE_ENGINE	= 0x020,
	ROLE_KEEPER	= 0x040,
	ROLE_AUDITD	= 0x080,
	ROLE_CTL	= 0x100,	/* gatewayctl, policyctl, auditctl */
	ROLE_NOTIFIER	= 0x200
};
#define ROLES_CHILDREN	(ROLE_VERIFIER | ROLE_ENGINE | ROLE_KEEPER | \
			    ROLE_NOTIFIER)

#define LEN_NAME	63		/* PostgreSQL's NAMEDATALEN - 1 */
#define LEN_FUNCTION	127		/* schema.name */
#define LEN_SESSION	32		/* 128 random bits in hex (D25) */
#define LEN_KEY		63		/* a key of policy.yaml */
#define LEN_TOKEN	65535
#define LEN_CLAIMS	(64 * 1024)
#define LEN_REASON	1024
#define LEN_ADDR	128
#define LEN_PATH	4096
#define LEN_TEXT	(16 * 1024 * 1024)	/* a statement */
#define LEN_CONFIG	(4 * 1024 * 1024)
#define LEN_CA		(256 * 1024)
#define LEN_SASL	4096
#define LEN_JSON	(1024 * 1024)
#define LEN_SETTINGS	8192
#define LEN_PARAMETERS	10000		/* a startup packet's length */
#define LEN_URL		2048		/* of an issuer */
#define LEN_JWKS	(256 * 1024)
#define LEN_GUARD	(1024 * 1024)
#define LEN_HOLD	(64 * 1024)	/* what a person is asked to read */
#define LEN_SHAPE	(128 * 1024)	/* of it, without constants */
#define LEN_NOTICE	(64 * 1024)	/* what a hook is told */
#define LEN_ESTIMATE	(256 * 1024)	/* what the planner is asked about */
#define LEN_TAGS	1024
#define LEN_TOUCHED	4096

/* --- gatewayd: master and worker ---------------------------------------- */

/* A fresh channel to policyd's parent: at birth, and when policyd is back. */
#define IPC_FIELDS_worker_channel(F)					\
	F(U32, worker, 0)
/* How many sessions (or logins in progress) this worker has now. */
#define IPC_FIELDS_worker_busy(F)					\
	F(U32, sessions, 0)
/* It has no room for another client, and clients queue. */
#define IPC_FIELDS_worker_full(F)					\
	F(U32, sessions, 0)
/* A client that has not logged in came from this address, or is that no more:
 * it logged in, or is gone. */
#define IPC_FIELDS_client_came(F)					\
	F(U32, attempt, 0)	/* the worker's number for it */	\
	F(BYTES, addr, 16)	/* IPv6, or IPv4 mapped into it */
#define IPC_FIELDS_client_settled(F)					\
	F(U32, attempt, 0)
/* End it: too many of its address wait, or others queue for its place. */
#define IPC_FIELDS_client_drop(F)					\
	F(U32, attempt, 0)						\
	F(U32, queue, 0)	/* 1: the second, and so without a word */
/* Take no new client; end when the last session has ended. */
#define IPC_FIELDS_worker_drain(F)					\
	F(U32, reason, 0)

/* --- gatewayd's master and policyd's parent ------------------------------ */

/* First message on policyd's socket by gatewayd's master. */
#define IPC_FIELDS_master_hello(F)					\
	F(U32, version, 0)						\
	F(U32, pid, 0)
/* The answer to it: attach your workers ... */
#define IPC_FIELDS_master_welcome(F)					\
	F(U32, version, 0)
/* ... or: another master is connected; the parent closes. */
#define IPC_FIELDS_master_refused(F)					\
	F(STR, reason, LEN_REASON)
/* For the record: "start" (after each welcome), "reload" or "stop".  The
 * digests are of its configuration file; a refused one has none. */
#define IPC_FIELDS_master_event(F)					\
	F(STR, what, 16)						\
	F(STR, version, 64)						\
	F(U8, accepted, 0)						\
	F(STR, old_sha256, 64)						\
	F(STR, new_sha256, 64)						\
	F(STR, error, LEN_REASON)
/* The parent's end of a worker's channel.  `worker` is never used twice by
 * one master.  Sent for each new worker, and for each live one after
 * policyd's restart. */
#define IPC_FIELDS_worker_attach(F)					\
	F(U32, worker, 0)						\
	F(U32, pid, 0)							\
	F(U8, shared, 0)
/* All live workers are attached: what is not there is dead. */
#define IPC_FIELDS_attach_done(F)					\
	F(U32, workers, 0)
/* The worker is reaped. */
#define IPC_FIELDS_worker_gone(F)					\
	F(U32, worker, 0)						\
	F(U32, status, 0)
/* End this worker now, with SIGKILL. */
#define IPC_FIELDS_worker_kill(F)					\
	F(U32, worker, 0)						\
	F(STR, reason, LEN_REASON)

/* --- worker and parent --------------------------------------------------- */

#define IPC_FIELDS_login(F)						\
	F(U32, attempt, 0)	/* the worker's number for it */	\
	F(STR, user, LEN_NAME)						\
	F(STR, database, LEN_NAME)					\
	F(BYTES, token, LEN_TOKEN)					\
	F(STR, peer, LEN_ADDR)						\
	F(STR, application, LEN_NAME)					\
	F(U8, tls, 0)							\
	F(STR, tls_version, 16)	/* "TLSv1.3" */				\
	F(BYTES, params, LEN_PARAMETERS) /* settings: name NUL value NUL ... */
/* The attempt is over for the worker (its client went away). */
#define IPC_FIELDS_login_abort(F)					\
	F(U32, attempt, 0)
/* People must decide first: `message` is for the client, again and again. */
#define IPC_FIELDS_login_wait(F)					\
	F(U32, attempt, 0)						\
	F(STR, message, LEN_REASON)					\
	F(STR, hint, LEN_REASON)
/* An empty message: for no reason that the client may know. */
#define IPC_FIELDS_login_refused(F)					\
	F(U32, attempt, 0)						\
	F(STR, sqlstate, 5)						\
	F(STR, message, LEN_REASON)					\
	F(STR, hint, LEN_REASON)
/*
 * Descriptors: backend socket, policy channel (to an engine), spool, position
 * file, wake FIFO, ack FIFO (spool.h), policyd's page (page.h).
 */
#define IPC_FIELDS_login_ok(F)						\
	F(U32, attempt, 0)						\
	F(STR, session, LEN_SESSION)					\
	F(STR, profile, LEN_KEY)					\
	F(STR, role, LEN_NAME)		/* at the backend */		\
	F(STR, dbname, LEN_NAME)	/* at the backend */		\
	F(BYTES, settings, LEN_SETTINGS) /* name NUL value NUL ... */	\
	F(U8, dbtls, 0)			/* enum db_tls */		\
	F(STR, dbhost, LEN_ADDR)	/* for verify-full */		\
	F(BYTES, ca, LEN_CA)		/* PEM */			\
	F(U64, deadline, 0)		/* CLOCK_BOOTTIME ms; 0: none */ \
	F(U64, idle, 0)			/* ms; 0: none */		\
	F(U8, masked, 0)		/* the profile has masks */	\
	F(U8, content, 0)		/* enum content_mode */		\
	F(U8, literals, 0)		/* enum redact_mode */		\
	F(U8, parameters, 0)						\
	F(BYTES, record_key, 32)	/* RECORD_HASH, or empty */	\
	F(U8, answers, 0)		/* are recorded, ... */		\
	F(U64, max_bytes, 0)		/* ... so much of each */	\
	F(U64, max_session_bytes, 0)	/* ... and of all */
/* A new engine channel for a session: the engine, or policyd, was restarted. */
#define IPC_FIELDS_policy_channel(F)					\
	F(STR, session, LEN_SESSION)
/* What the server asks in SASL goes to the keeper, what it answers comes back
 * (PostgreSQL 55.3.1).  `step` is the authentication request's code: 10, 11, 12. */
#define IPC_FIELDS_sasl_ask(F)						\
	F(STR, session, LEN_SESSION)					\
	F(U32, step, 0)							\
	F(BYTES, data, LEN_SASL)					\
	F(BYTES, binding, 64)	/* tls-server-end-point digest, or empty */
/* `mechanism` is set in the answer to step 10; to step 12 the answer is empty. */
#define IPC_FIELDS_sasl_answer(F)					\
	F(STR, session, LEN_SESSION)					\
	F(U32, step, 0)							\
	F(STR, mechanism, 32)						\
	F(BYTES, data, LEN_SASL)
#define IPC_FIELDS_sasl_failed(F)					\
	F(STR, session, LEN_SESSION)					\
	F(STR, reason, LEN_REASON)
/* The backend said ReadyForQuery; its BackendKeyData. */
#define IPC_FIELDS_session_ready(F)					\
	F(STR, session, LEN_SESSION)					\
	F(U32, pid, 0)							\
	F(BYTES, key, 256)						\
	F(U8, long_key, 0)	/* the client speaks 3.2 */
/* The client's BackendKeyData: same pid, a key of our own. */
#define IPC_FIELDS_session_key(F)					\
	F(STR, session, LEN_SESSION)					\
	F(U32, pid, 0)							\
	F(BYTES, key, 256)
#define IPC_FIELDS_session_end(F)					\
	F(STR, session, LEN_SESSION)					\
	F(STR, reason, LEN_REASON)
/* End the session with this FATAL: deadline, kill, revoked. */
#define IPC_FIELDS_session_kill(F)					\
	F(STR, session, LEN_SESSION)					\
	F(STR, sqlstate, 5)						\
	F(STR, message, LEN_REASON)
/* A CancelRequest that arrived at this worker, for whatever session. */
#define IPC_FIELDS_cancel_request(F)					\
	F(U32, attempt, 0)						\
	F(U32, pid, 0)							\
	F(BYTES, key, 256)
/* D26: hold back the next statement; is one running, and which? */
#define IPC_FIELDS_cancel_hold(F)					\
	F(STR, session, LEN_SESSION)					\
	F(U32, id, 0)
#define IPC_FIELDS_cancel_held(F)					\
	F(STR, session, LEN_SESSION)					\
	F(U32, id, 0)							\
	F(U8, active, 0)
#define IPC_FIELDS_cancel_over(F)					\
	F(STR, session, LEN_SESSION)					\
	F(U32, id, 0)
/* The request of this connection is carried out, or came to nothing. */
#define IPC_FIELDS_cancel_answered(F)					\
	F(U32, attempt, 0)
/* D11: void every verdict of an older generation, and say so. */
#define IPC_FIELDS_generation_new(F)					\
	F(U64, generation, 0)
#define IPC_FIELDS_generation_taken(F)					\
	F(U64, generation, 0)
/* A statement that changes the catalogue has ended. */
#define IPC_FIELDS_catalog_stale(F)					\
	F(STR, session, LEN_SESSION)

/*
 * A statement needs a person's approval (VERDICT_HOLD).  The same id again:
 * policy or catalogue changed meanwhile, or policyd was restarted; it is asked
 * whether what was asked still holds.  `params` is a Bind's body behind the
 * names, or empty.
 */
#define IPC_FIELDS_hold_ask(F)						\
	F(STR, session, LEN_SESSION)					\
	F(U32, id, 0)							\
	F(U32, ask, 0)		/* counts; the answer has it too */	\
	F(U64, generation, 0)	/* of the verdict */			\
	F(STR, rule, LEN_KEY)						\
	F(STR, kind, 64)						\
	F(U8, in_transaction, 0)					\
	F(U8, estimate, 0)	/* as in judge */			\
	F(U64, est_rows, 0)						\
	F(U64, est_cost, 0)						\
	F(BYTES, text, LEN_HOLD)					\
	F(BYTES, params, LEN_HOLD)
/* Waiting: `message` is for the client to read.  Refused: with this error. */
#define IPC_FIELDS_hold_answer(F)					\
	F(STR, session, LEN_SESSION)					\
	F(U32, id, 0)							\
	F(U32, ask, 0)		/* to which question */			\
	F(U8, answer, 0)	/* enum hold_answer */			\
	F(U32, number, 0)	/* of the request */			\
	F(STR, sqlstate, 5)						\
	F(STR, message, LEN_REASON)					\
	F(STR, hint, LEN_REASON)
/* The client cancelled, or it is no longer asked. */
#define IPC_FIELDS_hold_withdraw(F)					\
	F(STR, session, LEN_SESSION)					\
	F(U32, id, 0)							\
	F(STR, reason, LEN_REASON)

/*
 * What does the planner expect of it (VERDICT_ESTIMATE)?  `types` are those of
 * a Parse behind the text, `params` a Bind's body behind the names; or empty.
 */
#define IPC_FIELDS_estimate_ask(F)					\
	F(STR, session, LEN_SESSION)					\
	F(U32, id, 0)							\
	F(BYTES, text, LEN_ESTIMATE)					\
	F(BYTES, types, LEN_ESTIMATE)					\
	F(BYTES, params, LEN_ESTIMATE)
#define IPC_FIELDS_estimate_answer(F)					\
	F(STR, session, LEN_SESSION)					\
	F(U32, id, 0)							\
	F(U8, ok, 0)							\
	F(U64, rows, 0)							\
	F(U64, cost, 0)

/* --- worker and engine (one connection a session) ------------------------ */

/* (OID, attribute number) pairs, two little-endian u32 each, that no
 * RowDescription may show; sent at once and after every change. */
#define IPC_FIELDS_guard(F)						\
	F(BYTES, pairs, LEN_GUARD)
#define IPC_FIELDS_judge(F)						\
	F(U64, seq, 0)							\
	F(U8, form, 0)		/* enum judge_form; FUNCTION: "OID arguments" */ \
	F(U8, transaction, 0)	/* 'I', 'T', 'E'; 0: not known */	\
	F(U8, estimate, 0)	/* enum estimate_told */		\
	F(U64, est_rows, 0)						\
	F(U64, est_cost, 0)						\
	F(BYTES, text, LEN_TEXT)
#define IPC_FIELDS_verdict(F)						\
	F(U64, seq, 0)							\
	F(U64, generation, 0)						\
	F(U64, epoch, 0)						\
	F(U8, action, 0)	/* enum verdict_action */		\
	F(U32, flags, 0)	/* VERDICT_* */				\
	F(STR, rule, LEN_KEY)						\
	F(STR, kind, 64)	/* of the first statement */		\
	F(STR, sqlstate, 5)	/* deny */				\
	F(STR, message, LEN_REASON)					\
	F(STR, hint, LEN_REASON)					\
	F(BYTES, rewritten, LEN_TEXT)	/* mask */			\
	F(STR, masked, 4096)	/* columns, "schema.table.column, ..." */ \
	/* VERDICT_STATEMENTS, VERDICT_PORTALS: which; empty: any of them */ \
	F(STR, name, LEN_FUNCTION) /* or, of JUDGE_FUNCTION, what it calls */ \
	F(STR, tags, LEN_TAGS)	/* for the record, "a, b" */		\
	F(STR, observed, LEN_TAGS) /* rules that did not refuse, likewise */ \
	F(STR, touched, LEN_TOUCHED) /* for the record, touched.h */ \
	/* D14: of its answer, and of what it touches; 0: none */	\
	F(U64, cap_rows, 0)						\
	F(U64, cap_bytes, 0)						\
	F(U64, cap_affected, 0)

/* --- parent and its children --------------------------------------------- */

/* policy.yaml as it was read: every child parses it and takes its part. */
#define IPC_FIELDS_config(F)						\
	F(U64, generation, 0)						\
	F(STR, path, LEN_PATH)						\
	F(BYTES, text, LEN_CONFIG)
/* ok = 0: the child cannot work with it (a file is missing, ...). */
#define IPC_FIELDS_config_done(F)					\
	F(U64, generation, 0)						\
	F(U8, ok, 0)							\
	F(STR, error, LEN_REASON)
#define IPC_FIELDS_verify(F)						\
	F(U32, id, 0)							\
	F(BYTES, token, LEN_TOKEN)					\
	F(STR, peer, LEN_ADDR)
#define IPC_FIELDS_verified(F)						\
	F(U32, id, 0)							\
	F(STR, issuer, LEN_KEY)	/* key in policy.yaml */		\
	F(STR, subject, 255)						\
	F(STR, claims, LEN_CLAIMS)	/* JSON object */		\
	F(U64, expires, 0)	/* seconds since the epoch */		\
	F(U64, generation, 0)	/* of the policy that it was judged by */
/* For the log and the record only; what could be read of the claims. */
#define IPC_FIELDS_verify_refused(F)					\
	F(U32, id, 0)							\
	F(STR, reason, LEN_REASON)
/*
 * Keys that discovery found, for the parent to keep; and back, to the next
 * verifier.  Times are CLOCK_BOOTTIME ms, 0: never.  Without jwks it is only
 * that they were asked for.
 */
#define IPC_FIELDS_issuer_keys(F)					\
	F(STR, url, LEN_URL)						\
	F(U64, asked_at, 0)						\
	F(U64, keys_at, 0)						\
	F(BYTES, jwks, LEN_JWKS)
#define IPC_FIELDS_dial(F)						\
	F(U32, id, 0)							\
	F(STR, session, LEN_SESSION)					\
	F(STR, profile, LEN_KEY)					\
	F(STR, database, LEN_KEY)					\
	F(U64, deadline, 0)	/* CLOCK_BOOTTIME ms; 0: none */
#define IPC_FIELDS_dialed(F)						\
	F(U32, id, 0)							\
	F(STR, role, LEN_NAME)						\
	F(STR, dbname, LEN_NAME)					\
	F(U8, dbtls, 0)							\
	F(STR, dbhost, LEN_ADDR)					\
	F(BYTES, ca, LEN_CA)						\
	F(U64, generation, 0)	/* of the policy that these are from */
#define IPC_FIELDS_dial_failed(F)					\
	F(U32, id, 0)							\
	F(STR, reason, LEN_REASON)
/*
 * Parent to keeper: the session is over: forget its exchange, end its backend,
 * drop its role.  Of a login that was no session yet only `session` is set.
 */
#define IPC_FIELDS_keeper_forget(F)					\
	F(STR, session, LEN_SESSION)					\
	F(STR, database, LEN_KEY)					\
	F(STR, role, LEN_NAME)						\
	F(U32, pid, 0)							\
	F(STR, backend_start, 40)
/* First of all to a keeper: whose roles it mints (rolesql.h). */
#define IPC_FIELDS_keeper_instance(F)					\
	F(STR, instance, 16)
/* The session is logged in at the database: its role may not log in again. */
#define IPC_FIELDS_backend_up(F)					\
	F(STR, session, LEN_SESSION)					\
	F(STR, database, LEN_KEY)					\
	F(STR, role, LEN_NAME)						\
	F(U32, pid, 0)
/* What tells a fixed role's backend from a later one with its pid. */
#define IPC_FIELDS_backend_seen(F)					\
	F(STR, session, LEN_SESSION)					\
	F(STR, backend_start, 40)
/* Remove the roles of all sessions but these (LEN_SESSION bytes each). */
#define IPC_FIELDS_role_sweep(F)					\
	F(BYTES, live, LEN_CONFIG)
#define IPC_FIELDS_role_news(F)						\
	F(STR, session, LEN_SESSION)					\
	F(STR, database, LEN_KEY)					\
	F(STR, role, LEN_NAME)						\
	F(U8, what, 0)		/* enum role_news */			\
	F(STR, detail, LEN_REASON)
#define IPC_FIELDS_cancel_backend(F)					\
	F(U32, id, 0)							\
	F(STR, database, LEN_KEY)					\
	F(U32, pid, 0)							\
	F(BYTES, key, 256)
/* The server has closed the cancel connection (or it failed). */
#define IPC_FIELDS_cancel_sent(F)					\
	F(U32, id, 0)							\
	F(U8, ok, 0)
/* The same to the keeper, which asks as a role like the session's (D15). */
#define IPC_FIELDS_estimate(F)						\
	F(U32, id, 0)							\
	F(STR, profile, LEN_KEY)					\
	F(STR, database, LEN_KEY)					\
	F(BYTES, text, LEN_ESTIMATE)					\
	F(BYTES, types, LEN_ESTIMATE)					\
	F(BYTES, params, LEN_ESTIMATE)
#define IPC_FIELDS_estimated(F)						\
	F(U32, id, 0)							\
	F(U8, ok, 0)							\
	F(U64, rows, 0)							\
	F(U64, cost, 0)							\
	F(STR, reason, LEN_REASON)
#define IPC_FIELDS_catalog_read(F)					\
	F(STR, database, LEN_KEY)
/* A sealed memfd of catalogue records (catalog_recs.h). */
#define IPC_FIELDS_catalog(F)						\
	F(STR, database, LEN_KEY)					\
	F(U64, epoch, 0)	/* the parent's number; keeper sends 0 */
#define IPC_FIELDS_catalog_failed(F)					\
	F(STR, database, LEN_KEY)					\
	F(STR, reason, LEN_REASON)
/* A session's connection for this engine. */
#define IPC_FIELDS_engine_session(F)					\
	F(STR, session, LEN_SESSION)					\
	F(STR, profile, LEN_KEY)					\
	F(STR, database, LEN_KEY)					\
	F(STR, claims, LEN_CLAIMS)	/* JSON object */		\
	F(STR, application, LEN_NAME)					\
	F(STR, client, LEN_ADDR)	/* without its port */
/* The engine judges by these now. */
#define IPC_FIELDS_engine_ready(F)					\
	F(U64, generation, 0)						\
	F(U64, epoch, 0)
/* A name that the snapshot does not hold: read the catalogue again. */
#define IPC_FIELDS_catalog_wanted(F)					\
	F(STR, database, LEN_KEY)
#define IPC_FIELDS_explain(F)						\
	F(U32, id, 0)							\
	F(STR, profile, LEN_KEY)					\
	F(STR, database, LEN_KEY)					\
	F(STR, claims, LEN_CLAIMS)	/* empty: not known */		\
	F(STR, application, LEN_NAME)	/* likewise */			\
	F(STR, client, LEN_ADDR)	/* likewise */			\
	F(U64, time, 0)	/* s since 1970; 0: now */			\
	F(U8, transaction, 0)		/* as in judge */		\
	F(U8, estimate, 0)		/* likewise */			\
	F(U64, est_rows, 0)						\
	F(U64, est_cost, 0)						\
	F(BYTES, text, LEN_TEXT)
/* What is masked, and why; answered by `explained`, too. */
#define IPC_FIELDS_masks(F)						\
	F(U32, id, 0)							\
	F(STR, profile, LEN_KEY)					\
	F(STR, database, LEN_KEY)
#define IPC_FIELDS_explained(F)						\
	F(U32, id, 0)							\
	F(BYTES, json, LEN_JSON)

/* Tell one hook, in one attempt.  `event` is a JSON object (notices.c). */
#define IPC_FIELDS_notify(F)						\
	F(U32, id, 0)							\
	F(U64, generation, 0)	/* `hook` counts in this policy's list */ \
	F(U32, hook, 0)							\
	F(STR, event, LEN_NOTICE)
#define IPC_FIELDS_notified(F)						\
	F(U32, id, 0)							\
	F(U8, result, 0)	/* enum notify_result */		\
	F(STR, reason, LEN_REASON)

/* --- policyd's spawner --------------------------------------------------- */

/* Start a child with this end of a channel; kind is the child's ROLE_*. */
#define IPC_FIELDS_spawn(F)						\
	F(U32, id, 0)							\
	F(U32, kind, 0)
#define IPC_FIELDS_spawned(F)						\
	F(U32, id, 0)							\
	F(U32, pid, 0)
#define IPC_FIELDS_spawn_exit(F)					\
	F(U32, id, 0)							\
	F(U32, pid, 0)							\
	F(U32, status, 0)	/* as waitpid() gives it */
#define IPC_FIELDS_spawn_kill(F)					\
	F(U32, id, 0)
/* The parent may not reach auditd's socket; root connects for it. */
#define IPC_FIELDS_audit_connect(F)					\
	F(STR, path, LEN_PATH)
#define IPC_FIELDS_audit_socket(F)					\
	F(U32, pid, 0)
#define IPC_FIELDS_audit_absent(F)					\
	F(STR, reason, LEN_REASON)
#define IPC_FIELDS_reload(F)						\
	F(U32, reason, 0)
#define IPC_FIELDS_shutdown(F)						\
	F(U32, reason, 0)

/* --- parent and auditd ---------------------------------------------------- */

/* First message on auditd's socket by policyd's parent. */
#define IPC_FIELDS_audit_hello(F)					\
	F(U32, version, 0)
/* Make a spool.  `owner` is ROLE_WORKER for a session's, ROLE_PARENT for
 * policyd's own (then `session` names the spool only). */
#define IPC_FIELDS_spool_open(F)					\
	F(U32, id, 0)							\
	F(STR, session, LEN_SESSION)					\
	F(U32, owner, 0)
/* Descriptors: spool, position file, wake FIFO, ack FIFO. */
#define IPC_FIELDS_spool_opened(F)					\
	F(U32, id, 0)							\
	F(STR, session, LEN_SESSION)
#define IPC_FIELDS_spool_failed(F)					\
	F(U32, id, 0)							\
	F(STR, reason, LEN_REASON)
/* No process writes it any more: drain it, then unlink it. */
#define IPC_FIELDS_spool_close(F)					\
	F(STR, session, LEN_SESSION)
/* Its files are gone, or there never were any. */
#define IPC_FIELDS_spool_closed(F)					\
	F(STR, session, LEN_SESSION)
/* auditd found the spool broken: the session must end (D8). */
#define IPC_FIELDS_spool_broken(F)					\
	F(STR, session, LEN_SESSION)					\
	F(STR, reason, LEN_REASON)

/* --- control tools -------------------------------------------------------- */

/* First and only kind of message of a control tool; args is a JSON object.
 * gatewayd's master says for whom it asks; from others `uid` is ignored. */
#define IPC_FIELDS_ctl_request(F)					\
	F(U32, id, 0)							\
	F(U32, uid, 0)							\
	F(STR, verb, 64)						\
	F(BYTES, args, LEN_JSON)
/* One JSON object, no newline. */
#define IPC_FIELDS_ctl_row(F)						\
	F(U32, id, 0)							\
	F(BYTES, json, LEN_JSON)
/* code becomes the tool's exit code. */
#define IPC_FIELDS_ctl_end(F)						\
	F(U32, id, 0)							\
	F(U32, code, 0)							\
	F(STR, message, LEN_REASON)

/*	name, from, to, descriptors */
#define IPC_MSGS(M)							\
	M(worker_channel, ROLE_MASTER, ROLE_WORKER, 1)			\
	M(worker_busy, ROLE_WORKER, ROLE_MASTER, 0)			\
	M(worker_full, ROLE_WORKER, ROLE_MASTER, 0)			\
	M(worker_drain, ROLE_MASTER, ROLE_WORKER, 0)			\
	M(client_came, ROLE_WORKER, ROLE_MASTER, 0)			\
	M(client_settled, ROLE_WORKER, ROLE_MASTER, 0)			\
	M(client_drop, ROLE_MASTER, ROLE_WORKER, 0)			\
	M(master_hello, ROLE_MASTER, ROLE_PARENT, 0)			\
	M(master_welcome, ROLE_PARENT, ROLE_MASTER, 0)			\
	M(master_refused, ROLE_PARENT, ROLE_MASTER, 0)			\
	M(master_event, ROLE_MASTER, ROLE_PARENT, 0)			\
	M(worker_attach, ROLE_MASTER, ROLE_PARENT, 1)			\
	M(attach_done, ROLE_MASTER, ROLE_PARENT, 0)			\
	M(worker_gone, ROLE_MASTER, ROLE_PARENT, 0)			\
	M(worker_kill, ROLE_PARENT, ROLE_MASTER, 0)			\
	M(login, ROLE_WORKER, ROLE_PARENT, 0)				\
	M(login_abort, ROLE_WORKER, ROLE_PARENT, 0)			\
	M(login_wait, ROLE_PARENT, ROLE_WORKER, 0)			\
	M(login_refused, ROLE_PARENT, ROLE_WORKER, 0)			\
	M(login_ok, ROLE_PARENT, ROLE_WORKER, 7)			\
	M(policy_channel, ROLE_PARENT, ROLE_WORKER, 1)			\
	M(sasl_ask, ROLE_WORKER | ROLE_PARENT, ROLE_PARENT | ROLE_KEEPER, 0) \
	M(sasl_answer, ROLE_KEEPER | ROLE_PARENT, ROLE_PARENT | ROLE_WORKER, 0) \
	M(sasl_failed, ROLE_KEEPER | ROLE_PARENT, ROLE_PARENT | ROLE_WORKER, 0) \
	M(session_ready, ROLE_WORKER, ROLE_PARENT, 0)			\
	M(session_key, ROLE_PARENT, ROLE_WORKER, 0)			\
	M(session_end, ROLE_WORKER, ROLE_PARENT, 0)			\
	M(session_kill, ROLE_PARENT, ROLE_WORKER, 0)			\
	M(cancel_request, ROLE_WORKER, ROLE_PARENT, 0)			\
	M(cancel_hold, ROLE_PARENT, ROLE_WORKER, 0)			\
	M(cancel_held, ROLE_WORKER, ROLE_PARENT, 0)			\
	M(cancel_over, ROLE_PARENT, ROLE_WORKER, 0)			\
	M(cancel_answered, ROLE_PARENT, ROLE_WORKER, 0)			\
	M(generation_new, ROLE_PARENT, ROLE_WORKER, 0)			\
	M(generation_taken, ROLE_WORKER, ROLE_PARENT, 0)		\
	M(catalog_stale, ROLE_WORKER, ROLE_PARENT, 0)			\
	M(hold_ask, ROLE_WORKER, ROLE_PARENT, 0)			\
	M(hold_answer, ROLE_PARENT, ROLE_WORKER, 0)			\
	M(hold_withdraw, ROLE_WORKER, ROLE_PARENT, 0)			\
	M(estimate_ask, ROLE_WORKER, ROLE_PARENT, 0)			\
	M(estimate_answer, ROLE_PARENT, ROLE_WORKER, 0)			\
	M(guard, ROLE_ENGINE, ROLE_WORKER, 0)				\
	M(judge, ROLE_WORKER, ROLE_ENGINE, 0)				\
	M(verdict, ROLE_ENGINE, ROLE_WORKER, 0)				\
	M(config, ROLE_PARENT, ROLES_CHILDREN, 0)			\
	M(config_done, ROLES_CHILDREN, ROLE_PARENT, 0)			\
	M(verify, ROLE_PARENT, ROLE_VERIFIER, 0)			\
	M(verified, ROLE_VERIFIER, ROLE_PARENT, 0)			\
	M(verify_refused, ROLE_VERIFIER, ROLE_PARENT, 0)		\
	M(issuer_keys, ROLE_VERIFIER | ROLE_PARENT, ROLE_PARENT | ROLE_VERIFIER, 0) \
	M(dial, ROLE_PARENT, ROLE_KEEPER, 0)				\
	M(dialed, ROLE_KEEPER, ROLE_PARENT, 1)				\
	M(dial_failed, ROLE_KEEPER, ROLE_PARENT, 0)			\
	M(keeper_forget, ROLE_PARENT, ROLE_KEEPER, 0)			\
	M(keeper_instance, ROLE_PARENT, ROLE_KEEPER, 0)			\
	M(backend_up, ROLE_PARENT, ROLE_KEEPER, 0)			\
	M(backend_seen, ROLE_KEEPER, ROLE_PARENT, 0)			\
	M(role_sweep, ROLE_PARENT, ROLE_KEEPER, 0)			\
	M(role_news, ROLE_KEEPER, ROLE_PARENT, 0)			\
	M(cancel_backend, ROLE_PARENT, ROLE_KEEPER, 0)			\
	M(cancel_sent, ROLE_KEEPER, ROLE_PARENT, 0)			\
	M(estimate, ROLE_PARENT, ROLE_KEEPER, 0)			\
	M(estimated, ROLE_KEEPER, ROLE_PARENT, 0)			\
	M(catalog_read, ROLE_PARENT, ROLE_KEEPER, 0)			\
	M(catalog, ROLE_KEEPER | ROLE_PARENT, ROLE_PARENT | ROLE_ENGINE, 1) \
	M(catalog_failed, ROLE_KEEPER, ROLE_PARENT, 0)			\
	M(engine_session, ROLE_PARENT, ROLE_ENGINE, 1)			\
	M(engine_ready, ROLE_ENGINE, ROLE_PARENT, 0)			\
	M(catalog_wanted, ROLE_ENGINE, ROLE_PARENT, 0)			\
	M(explain, ROLE_PARENT, ROLE_ENGINE, 0)				\
	M(explained, ROLE_ENGINE, ROLE_PARENT, 0)			\
	M(masks, ROLE_PARENT, ROLE_ENGINE, 0)				\
	M(notify, ROLE_PARENT, ROLE_NOTIFIER, 0)			\
	M(notified, ROLE_NOTIFIER, ROLE_PARENT, 0)			\
	M(spawn, ROLE_PARENT, ROLE_SPAWNER, 1)				\
	M(spawned, ROLE_SPAWNER, ROLE_PARENT, 0)			\
	M(spawn_exit, ROLE_SPAWNER, ROLE_PARENT, 0)			\
	M(spawn_kill, ROLE_PARENT, ROLE_SPAWNER, 0)			\
	M(audit_connect, ROLE_PARENT, ROLE_SPAWNER, 0)			\
	M(audit_socket, ROLE_SPAWNER, ROLE_PARENT, 1)			\
	M(audit_absent, ROLE_SPAWNER, ROLE_PARENT, 0)			\
	M(reload, ROLE_SPAWNER, ROLE_PARENT, 0)				\
	M(shutdown, ROLE_SPAWNER, ROLE_PARENT, 0)			\
	M(audit_hello, ROLE_PARENT, ROLE_AUDITD, 0)			\
	M(spool_open, ROLE_PARENT, ROLE_AUDITD, 0)			\
	M(spool_opened, ROLE_AUDITD, ROLE_PARENT, 4)			\
	M(spool_failed, ROLE_AUDITD, ROLE_PARENT, 0)			\
	M(spool_close, ROLE_PARENT, ROLE_AUDITD, 0)			\
	M(spool_closed, ROLE_AUDITD, ROLE_PARENT, 0)			\
	M(spool_broken, ROLE_AUDITD, ROLE_PARENT, 0)			\
	M(ctl_request, ROLE_CTL | ROLE_MASTER, ROLE_MASTER | ROLE_PARENT | ROLE_AUDITD, 0) \
	M(ctl_row, ROLE_MASTER | ROLE_PARENT | ROLE_AUDITD, ROLE_CTL | ROLE_MASTER, 0) \
	M(ctl_end, ROLE_MASTER | ROLE_PARENT | ROLE_AUDITD, ROLE_CTL | ROLE_MASTER, 0)

/* --- expansion ------------------------------------------------------------ */

#define IPC_M_ENUM(name, from, to, nfds)	IPC_##name,
enum ipc_type {
	IPC_MSGS(IPC_M_ENUM)
	IPC_NTYPES
};
#undef IPC_M_ENUM

#define IPC_F_MEMBER(type, name, max)	FIELD_CTYPE_##type name;
#define IPC_M_STRUCT(name, from, to, nfds)				\
	struct ipc_##name {						\
		IPC_FIELDS_##name(IPC_F_MEMBER)				\
	};
IPC_MSGS(IPC_M_STRUCT)
#undef IPC_M_STRUCT
#undef IPC_F_MEMBER

/* --- values of fields ----------------------------------------------------- */

enum judge_form { JUDGE_QUERY, JUDGE_PARSE, JUDGE_FUNCTION };
enum verdict_action { VERDICT_DENY, VERDICT_ALLOW, VERDICT_MASK };
/* Delivered; try again; do not; it has another policy than was meant. */
enum notify_result { NOTIFIED_OK, NOTIFIED_RETRY, NOTIFIED_DEAD,
	NOTIFIED_STALE };
enum hold_answer { HOLD_WAITING, HOLD_APPROVED, HOLD_REFUSED };

#define VERDICT_CACHEABLE	0x01	/* same text, same verdict, in this generation and epoch */
#define VERDICT_READONLY	0x02	/* proven to write nothing (D9) */
#define VERDICT_PROTECTED	0x04	/* touches a protected relation: hide errors */
#define VERDICT_DDL		0x08	/* changes the catalogue */
#define VERDICT_COPY_IN		0x10	/* holds a COPY ... FROM STDIN */
#define VERDICT_STATEMENTS	0x20	/* PREPARE, DEALLOCATE: names of statements change */
#define VERDICT_PORTALS		0x40	/* DECLARE, CLOSE: names of portals change */
#define VERDICT_HOLD		0x80	/* allow, mask: only once a person has approved it */
#define VERDICT_UNREAD		0x100	/* allow: the parser did not understand it */
#define VERDICT_SESSION		0x200	/* depends on whose session it is (D12) */
#define VERDICT_MOMENT		0x400	/* depends on transaction or time: ask again at each use */
/* The next three in profiles with masks only; `name` is the one name. */
#define VERDICT_GIVES		0x800	/* PREPARE, DECLARE: with the flag above, it stands for this text then */
#define VERDICT_LASTS		0x1000	/* DECLARE WITH HOLD */
#define VERDICT_USES		0x2000	/* EXECUTE (and VERDICT_PORTALS: FETCH) of what stands there already */

#define VERDICT_ESTIMATE	0x4000	/* not refused, were it small: to be judged again with the planner's estimate */

/* A judge without an estimate, with one, or with the word that there is none. */
enum estimate_told { ESTIMATE_UNASKED, ESTIMATE_TOLD, ESTIMATE_UNTOLD };

/*
 * What happened to a minted role: made; dropped; objects or grants were left
 * behind (detail says which, and what became of them); it cannot be dropped, so
 * it is NOLOGIN and tried again.
 */
enum role_news { NEWS_MINTED, NEWS_DROPPED, NEWS_OBJECTS, NEWS_STUCK };

/* How a worker talks to the backend; names as libpq's sslmode. */
enum db_tls { DB_TLS_DISABLE, DB_TLS_REQUIRE, DB_TLS_VERIFY_CA,
	DB_TLS_VERIFY_FULL };

#endif
