#ifndef POSTERN_EVENT_KINDS_H
#define POSTERN_EVENT_KINDS_H

#include "codec.h"
#include "ipc_msgs.h"

/*
 * Every kind of audit event, in one table: who may write it, and its fields.
 * Records in a spool are encoded by it (codec.h); auditd turns each into a row
 * of the store whose body is a JSON object with these names.  Field names are
 * part of the documented schema, postern-audit(5).
 */

#define LEN_PARAMS	(32 * 1024)	/* of a Bind, as JSON */
#define LEN_CHUNK	(64 * 1024)	/* of an answer, uncompressed */
#define LEN_MARKS	4096

/* --- written by policyd's parent, about identities and control ----------- */

#define EV_FIELDS_policy_start(F)					\
	F(STR, version, 64)						\
	F(U64, generation, 0)						\
	F(STR, policy_sha256, 64)
#define EV_FIELDS_policy_stop(F)					\
	F(STR, reason, LEN_REASON)
#define EV_FIELDS_policy_reload(F)					\
	F(U64, generation, 0)						\
	F(U8, accepted, 0)						\
	F(STR, old_sha256, 64)						\
	F(STR, new_sha256, 64)						\
	F(STR, error, LEN_REASON)
#define EV_FIELDS_login_refused(F)					\
	F(STR, reason, LEN_REASON)					\
	F(STR, peer, LEN_ADDR)						\
	F(STR, user, LEN_NAME)						\
	F(STR, database, LEN_NAME)					\
	F(STR, issuer, LEN_KEY)						\
	F(STR, subject, 255)						\
	F(STR, act, LEN_REASON)						\
	F(STR, jti, 64)							\
	F(STR, application, LEN_NAME)					\
	F(STR, tls_version, 16)						\
	F(STR, sqlstate, 5)
#define EV_FIELDS_session_open(F)					\
	F(STR, session, LEN_SESSION)					\
	F(STR, issuer, LEN_KEY)						\
	F(STR, subject, 255)						\
	F(STR, claims, LEN_CLAIMS)					\
	F(STR, profile, LEN_KEY)					\
	F(STR, database, LEN_KEY)					\
	F(STR, role, LEN_NAME)						\
	F(STR, peer, LEN_ADDR)						\
	F(STR, application, LEN_NAME)					\
	F(U8, tls, 0)							\
	F(STR, tls_version, 16)						\
	F(STR, act, LEN_REASON)	/* the claim, JSON (RFC 8693) */	\
	F(STR, jti, 64)		/* SHA-256 of the claim, hex */		\
	F(U64, token_expires, 0)					\
	F(U64, ends, 0)		/* wall time in us; 0: no limit */	\
	F(U32, grant, 0)	/* under which; 0: none was needed */	\
	F(STR, literals, 8)	/* keep, redact, hash */		\
	F(STR, parameters, 8)						\
	F(STR, answers, 8)	/* none, all */				\
	F(U64, keep, 0)		/* recorded answers: seconds; 0: for good */
#define EV_FIELDS_session_close(F)					\
	F(STR, session, LEN_SESSION)					\
	F(STR, reason, LEN_REASON)
#define EV_FIELDS_cancel(F)						\
	F(STR, session, LEN_SESSION)					\
	F(STR, peer, LEN_ADDR)						\
	F(STR, result, 64)
#define EV_FIELDS_control(F)						\
	F(STR, verb, 64)						\
	F(U32, uid, 0)							\
	F(STR, args, 4096)						\
	F(U32, code, 0)
/* A statement (or a login) waits for people.  `request` counts in policyd. */
#define EV_FIELDS_approval_request(F)					\
	F(U32, request, 0)						\
	F(STR, session, LEN_SESSION)					\
	F(STR, subject, 255)						\
	F(STR, profile, LEN_KEY)					\
	F(STR, rule, LEN_KEY)						\
	F(STR, kind, 64)						\
	F(BYTES, text, LEN_HOLD)					\
	F(STR, params, LEN_JSON)	/* a JSON array */		\
	F(U8, in_transaction, 0)					\
	F(STR, groups, LEN_REASON)	/* who may decide */		\
	F(U32, minimum, 0)						\
	F(U64, expires, 0)		/* wall time in us */		\
	F(STR, issuer, LEN_KEY)						\
	F(STR, act, LEN_REASON)		/* as in session_open */
#define EV_FIELDS_approval_decision(F)					\
	F(U32, request, 0)						\
	F(STR, session, LEN_SESSION)					\
	F(STR, decision, 8)		/* approve, deny */		\
	F(STR, approver, 255)						\
	F(STR, issuer, LEN_KEY)		/* "": a local user */		\
	F(U32, uid, 0)			/* who ran policyctl */		\
	F(STR, reason, LEN_REASON)					\
	F(STR, subject, 255)		/* whose request it is */	\
	F(STR, act, LEN_REASON)
#define EV_FIELDS_approval_end(F)					\
	F(U32, request, 0)						\
	F(STR, session, LEN_SESSION)					\
	F(STR, result, 16)	/* approved, denied, expired, withdrawn */ \
	F(STR, reason, LEN_REASON)
/* A profile is open to somebody for a while: `request` was approved. */
#define EV_FIELDS_grant(F)						\
	F(U32, request, 0)						\
	F(STR, issuer, LEN_KEY)						\
	F(STR, subject, 255)						\
	F(STR, act, LEN_REASON)						\
	F(STR, profile, LEN_KEY)					\
	F(STR, approvers, 4096)		/* a JSON array of names */	\
	F(STR, reason, LEN_REASON)					\
	F(U64, ends, 0)			/* wall time in us */
/* ... and is no more. */
#define EV_FIELDS_grant_end(F)						\
	F(U32, request, 0)						\
	F(STR, issuer, LEN_KEY)						\
	F(STR, subject, 255)						\
	F(STR, act, LEN_REASON)						\
	F(STR, profile, LEN_KEY)					\
	F(STR, result, 16)		/* ended, revoked */		\
	F(STR, revoker, 255)						\
	F(STR, revoker_issuer, LEN_KEY)	/* "": a local user */		\
	F(U32, uid, 0)			/* who ran policyctl */		\
	F(STR, reason, LEN_REASON)
/* `request` was approved with what is similar to it. */
#define EV_FIELDS_lease(F)						\
	F(U32, request, 0)						\
	F(STR, issuer, LEN_KEY)						\
	F(STR, subject, 255)						\
	F(STR, act, LEN_REASON)						\
	F(STR, profile, LEN_KEY)					\
	F(STR, rule, LEN_KEY)						\
	F(BYTES, shape, LEN_SHAPE)					\
	F(STR, approver, 255)						\
	F(STR, approver_issuer, LEN_KEY)				\
	F(U32, uid, 0)			/* who ran policyctl */		\
	F(U32, uses, 0)			/* so many may there be */	\
	F(U64, ends, 0)			/* wall time in us */
#define EV_FIELDS_lease_end(F)						\
	F(U32, request, 0)						\
	F(STR, issuer, LEN_KEY)						\
	F(STR, subject, 255)						\
	F(STR, profile, LEN_KEY)					\
	F(STR, result, 16)		/* ended, used, revoked, policy */ \
	F(U32, used, 0)							\
	F(STR, revoker, 255)						\
	F(STR, revoker_issuer, LEN_KEY)	/* "": a local user */		\
	F(U32, uid, 0)			/* who ran policyctl */		\
	F(STR, reason, LEN_REASON)
/* A hook was not told of something, and will not be. */
#define EV_FIELDS_notify_failed(F)					\
	F(U32, request, 0)						\
	F(STR, hook, 32)		/* notify[0] */			\
	F(STR, event, 16)		/* request, decision, end */	\
	F(U32, attempts, 0)						\
	F(STR, reason, LEN_REASON)
/* A worker or child of policyd ended when it should not have. */
#define EV_FIELDS_process_died(F)					\
	F(STR, process, 64)						\
	F(U32, status, 0)

/* A role was made for a session; dropped after it. */
#define EV_FIELDS_mint(F)						\
	F(STR, session, LEN_SESSION)					\
	F(STR, database, LEN_KEY)					\
	F(STR, role, LEN_NAME)						\
	F(STR, until, 40)	/* UTC; "none" */
#define EV_FIELDS_drop(F)						\
	F(STR, session, LEN_SESSION)					\
	F(STR, database, LEN_KEY)					\
	F(STR, role, LEN_NAME)
/* What a session left behind, or its role that cannot be dropped. */
#define EV_FIELDS_leftover(F)						\
	F(STR, session, LEN_SESSION)					\
	F(STR, database, LEN_KEY)					\
	F(STR, role, LEN_NAME)						\
	F(STR, what, 8)		/* objects, role */			\
	F(STR, detail, LEN_REASON)
/* A session's time is up. */
#define EV_FIELDS_deadline(F)						\
	F(STR, session, LEN_SESSION)					\
	F(STR, limit, 8)	/* ttl, token, grant */			\
	F(STR, role, LEN_NAME)
/* gatewayd is there: it was started, or (pid known already) is back. */
#define EV_FIELDS_gateway_start(F)					\
	F(STR, version, 64)						\
	F(U32, pid, 0)							\
	F(STR, conf_sha256, 64)
#define EV_FIELDS_gateway_stop(F)					\
	F(U32, pid, 0)							\
	F(STR, reason, LEN_REASON)
#define EV_FIELDS_gateway_reload(F)					\
	F(U32, pid, 0)							\
	F(U8, accepted, 0)						\
	F(STR, old_sha256, 64)						\
	F(STR, new_sha256, 64)						\
	F(STR, error, LEN_REASON)

/* --- written by a worker, about its session ------------------------------- */

/* `stmt` comes first where there is one: it is a column of the store, too. */

/* A Parse: judged, and named by later executions. `stmt` counts in the session. */
#define EV_FIELDS_prepare(F)						\
	F(U64, stmt, 0)							\
	F(STR, name, LEN_REASON)					\
	F(STR, action, 8)						\
	F(STR, rule, LEN_KEY)						\
	F(STR, kind, 64)						\
	F(STR, sqlstate, 5)						\
	F(BYTES, text, LEN_TEXT)					\
	F(BYTES, sent, LEN_TEXT)	/* if rewritten */		\
	F(STR, masked, 4096)						\
	F(U64, generation, 0)						\
	F(STR, touched, LEN_TOUCHED)	/* touched.h */
/* Something is about to be executed (or was refused: action deny).  `prepared`
 * is the stmt of its prepare event, or 0 and then the text is here. */
#define EV_FIELDS_intent(F)						\
	F(U64, stmt, 0)							\
	F(U64, prepared, 0)						\
	F(STR, form, 16)	/* query, execute, function */		\
	F(STR, action, 8)	/* allow, mask, deny */			\
	F(STR, rule, LEN_KEY)						\
	F(STR, kind, 64)						\
	F(STR, sqlstate, 5)	/* deny */				\
	F(BYTES, text, LEN_TEXT)					\
	F(BYTES, sent, LEN_TEXT)					\
	F(STR, masked, 4096)						\
	F(U64, generation, 0)						\
	F(U32, approval, 0)	/* by this request; 0: none was needed */ \
	F(STR, params, LEN_PARAMS)	/* a JSON array; "": it has none */ \
	F(STR, touched, LEN_TOUCHED)					\
	F(U64, held_us, 0)		/* it waited for people so long */
/* What rules want to be found by: before the intent (or the prepare of a
 * refused statement) of the same stmt, when there is something. */
#define EV_FIELDS_mark(F)						\
	F(U64, stmt, 0)							\
	F(STR, tags, LEN_TAGS)						\
	F(STR, observed, LEN_TAGS)	/* rules that did not refuse */
#define EV_FIELDS_outcome(F)						\
	F(U64, stmt, 0)							\
	F(STR, status, 16)	/* ok, error, denied, skipped, lost */	\
	F(STR, tag, 64)		/* of the last command */		\
	F(U64, rows, 0)							\
	F(U64, bytes, 0)	/* of the answer, to the client */	\
	F(U64, duration_us, 0)						\
	F(STR, sqlstate, 5)						\
	F(STR, error, LEN_REASON)					\
	F(STR, masked, 4096)						\
	F(U64, first_us, 0)	/* of duration: until its answer began */ \
	F(U64, client_us, 0)	/* of duration: the client did not read */ \
	F(U64, copied, 0)	/* bytes of COPY FROM STDIN */		\
	F(STR, transaction, 16)	/* committed, rolled back, partly, open, \
				 * failed */
/* The server told of a setting; "" where literals are not recorded. */
#define EV_FIELDS_setting(F)						\
	F(STR, name, LEN_NAME)						\
	F(STR, value, LEN_REASON)
/* The client was sent what somebody had notified. */
#define EV_FIELDS_notification(F)					\
	F(STR, channel, LEN_NAME)					\
	F(U32, pid, 0)		/* of the backend that did */		\
	F(U32, length, 0)	/* of the payload */
/* What looked like personal data or a secret in an answer, by pattern and how
 * often, before the outcome of the same stmt; 0: outside a statement. */
#define EV_FIELDS_content(F)						\
	F(U64, stmt, 0)							\
	F(STR, action, 8)	/* mask, report */			\
	F(STR, found, 256)	/* "email 2, card 1" */
/* The worker's last word about the session. */
#define EV_FIELDS_end(F)						\
	F(STR, reason, LEN_REASON)					\
	F(U64, client_bytes, 0)						\
	F(U64, server_bytes, 0)

/*
 * A piece of what the client gets, its bytes as they are, compressed: `stmt` is
 * whose answer it begins with, `marks` where in it (uncompressed) others begin.
 * It is no event of the store: auditd puts it aside, and makes an answer of it.
 */
#define EV_FIELDS_chunk(F)						\
	F(U64, stmt, 0)							\
	F(U64, size, 0)		/* uncompressed */			\
	F(STR, marks, LEN_MARKS)	/* "offset:stmt offset:stmt" */	\
	F(BYTES, data, LEN_CHUNK + 1024)	/* a zstd frame */
/* What was not recorded of an answer, as it was too much. */
#define EV_FIELDS_cut(F)						\
	F(U64, stmt, 0)							\
	F(STR, limit, 32)	/* max_bytes, max_session_bytes */	\
	F(U64, messages, 0)						\
	F(U64, bytes, 0)

/* --- written by auditd itself --------------------------------------------- */

#define EV_FIELDS_audit_start(F)					\
	F(STR, version, 64)						\
	F(STR, durability, 8)						\
	F(U32, leftover, 0)	/* spools found */
#define EV_FIELDS_audit_stop(F)						\
	F(STR, reason, LEN_REASON)
/* A spool was not what its writer should have made of it (D8). */
#define EV_FIELDS_gap(F)						\
	F(STR, session, LEN_SESSION)					\
	F(STR, reason, LEN_REASON)					\
	F(U64, position, 0)						\
	F(U64, seq, 0)
#define EV_FIELDS_audit_reload(F)					\
	F(U8, accepted, 0)						\
	F(STR, old_sha256, 64)						\
	F(STR, new_sha256, 64)						\
	F(STR, error, LEN_REASON)

/* The first event of a segment, and where the one before begins (0: none). */
#define EV_FIELDS_segment(F)						\
	F(STR, store, 32)						\
	F(U64, from, 0)							\
	F(U64, previous, 0)
/* The last event of a segment, but for a checkpoint. */
#define EV_FIELDS_seal(F)						\
	F(STR, reason, LEN_REASON)					\
	F(U64, from, 0)
/* The signed line says all of it, postern-audit(5). */
#define EV_FIELDS_checkpoint(F)						\
	F(STR, reason, 16)						\
	F(STR, line, 512)

/* A chunk, put aside: `stored` bytes at `offset` of the session's recording,
 * with this digest. */
#define EV_FIELDS_answer(F)						\
	F(U64, stmt, 0)							\
	F(U64, size, 0)							\
	F(STR, marks, LEN_MARKS)					\
	F(U64, offset, 0)						\
	F(U64, stored, 0)						\
	F(STR, sha256, 64)
/* The recording of a session was removed. */
#define EV_FIELDS_prune(F)						\
	F(STR, session, LEN_SESSION)					\
	F(STR, reason, LEN_REASON)					\
	F(U32, uid, 0)							\
	F(U64, bytes, 0)

/*	kind, writer; new ones at the end: spools hold their numbers */
#define EVENT_KINDS(M)							\
	M(policy_start, ROLE_PARENT)					\
	M(policy_stop, ROLE_PARENT)					\
	M(policy_reload, ROLE_PARENT)					\
	M(login_refused, ROLE_PARENT)					\
	M(session_open, ROLE_PARENT)					\
	M(session_close, ROLE_PARENT)					\
	M(cancel, ROLE_PARENT)						\
	M(control, ROLE_PARENT)						\
	M(process_died, ROLE_PARENT)					\
	M(approval_request, ROLE_PARENT)				\
	M(approval_decision, ROLE_PARENT)				\
	M(approval_end, ROLE_PARENT)					\
	M(prepare, ROLE_WORKER)						\
	M(intent, ROLE_WORKER)						\
	M(mark, ROLE_WORKER)						\
	M(outcome, ROLE_WORKER)						\
	M(end, ROLE_WORKER)						\
	M(audit_start, ROLE_AUDITD)					\
	M(audit_stop, ROLE_AUDITD)					\
	M(gap, ROLE_AUDITD)						\
	M(mint, ROLE_PARENT)						\
	M(drop, ROLE_PARENT)						\
	M(leftover, ROLE_PARENT)					\
	M(deadline, ROLE_PARENT)					\
	M(segment, ROLE_AUDITD)						\
	M(seal, ROLE_AUDITD)						\
	M(checkpoint, ROLE_AUDITD)					\
	M(notify_failed, ROLE_PARENT)					\
	M(grant, ROLE_PARENT)						\
	M(grant_end, ROLE_PARENT)					\
	M(lease, ROLE_PARENT)						\
	M(lease_end, ROLE_PARENT)					\
	M(setting, ROLE_WORKER)						\
	M(notification, ROLE_WORKER)					\
	M(chunk, ROLE_WORKER)						\
	M(cut, ROLE_WORKER)						\
	M(answer, ROLE_AUDITD)						\
	M(prune, ROLE_AUDITD)						\
	M(content, ROLE_WORKER)						\
	M(gateway_start, ROLE_PARENT)					\
	M(gateway_stop, ROLE_PARENT)					\
	M(gateway_reload, ROLE_PARENT)					\
	M(audit_reload, ROLE_AUDITD)

#define EV_M_ENUM(name, writer)	EVENT_##name,
enum event_kind {
	EVENT_KINDS(EV_M_ENUM)
	EVENT_NKINDS
};
#undef EV_M_ENUM

#define EV_F_MEMBER(type, name, max)	FIELD_CTYPE_##type name;
#define EV_M_STRUCT(name, writer)					\
	struct event_##name {						\
		EV_FIELDS_##name(EV_F_MEMBER)				\
	};
EVENT_KINDS(EV_M_STRUCT)
#undef EV_M_STRUCT
#undef EV_F_MEMBER

/* NULL for a number that is no kind.  desc->from is the writer's role. */
const struct msg_desc *event_desc(unsigned int kind);

#endif
