# policyd/: objects, programs and tests.

# policy.yaml, as every process of policyd parses it.
POLICY_LIBS =	$(YAML_LIBS) $(PCRE2_LIBS)
POLICY_OBJS =	policyd/policy.o policyd/policy_issuers.o \
		policyd/policy_masks.o policyd/policy_profiles.o \
		policyd/policy_rules.o policyd/policy_role.o \
		policyd/policy_approval.o policyd/policy_notify.o \
		policyd/policy_when.o policyd/policy_claims.o \
		policyd/fnclass.o policyd/match.o policyd/sqlnames.o \
		policyd/policy_limits.o policyd/policy_caps.o policyd/hours.o common/network.o \
		policyd/rulelint.o policyd/settings.o \
		policyd/kinds.o common/conf.o common/conf_print.o \
		common/conf_tree.o

UNIT_TESTS +=	tests/unit/policyd/test_policy
tests/unit/policyd/test_policy_OBJS =	$(POLICY_OBJS)
tests/unit/policyd/test_policy_LIBS =	$(POLICY_LIBS)

# verifier and keeper
VERIFIER_OBJS =	policyd/verifier.o policyd/issuers.o policyd/fetch.o \
		policyd/token.o policyd/jwks.o policyd/claims.o
VERIFIER_LIBS =	$(CJOSE_LIBS) $(CURL_LIBS) $(JANSSON_LIBS)
NOTIFIER_OBJS =	policyd/notifier.o policyd/hookcmd.o policyd/payload.o \
		policyd/fetch.o policyd/vault.o
KEEPER_OBJS =	policyd/keeper.o policyd/dblogin.o policyd/vault.o \
		policyd/scram.o policyd/dial.o policyd/helper.o \
		policyd/dbcancel.o policyd/catwatch.o policyd/catread.o \
		policyd/bodyscan.o \
		policyd/dbadmin.o policyd/dbpool.o policyd/errand.o \
		policyd/mint.o policyd/roles.o policyd/rolesql.o \
		policyd/sweep.o policyd/unmint.o policyd/estimator.o \
		policyd/plan.o policyd/bind.o
KEEPER_LIBS =	$(PQ_LIBS) $(JANSSON_LIBS) -lm

UNIT_TESTS +=	tests/unit/policyd/test_plan
tests/unit/policyd/test_plan_OBJS = policyd/plan.o policyd/bind.o \
		common/codec.o common/buf.o
tests/unit/policyd/test_plan_LIBS = $(JANSSON_LIBS) -lm

UNIT_TESTS +=	tests/unit/policyd/test_token tests/unit/policyd/test_jwks \
		tests/unit/policyd/test_scram tests/unit/policyd/test_rolesql
tests/unit/policyd/test_rolesql_OBJS = policyd/rolesql.o $(POLICY_OBJS) \
		common/buf.o
tests/unit/policyd/test_rolesql_LIBS = $(POLICY_LIBS)
tests/unit/policyd/test_token_OBJS = policyd/token.o policyd/jwks.o \
		policyd/claims.o $(POLICY_OBJS) tests/tools/forge.o \
		common/crypto.o common/log.o
tests/unit/policyd/test_token_LIBS = $(CJOSE_LIBS) $(JANSSON_LIBS) \
		$(SSL_LIBS) $(ZLIB_LIBS) $(POLICY_LIBS) -lm
tests/unit/policyd/test_jwks_OBJS = policyd/jwks.o tests/tools/forge.o \
		common/crypto.o common/log.o
tests/unit/policyd/test_jwks_LIBS = $(CJOSE_LIBS) $(JANSSON_LIBS) \
		$(SSL_LIBS) $(ZLIB_LIBS)
tests/unit/policyd/test_scram_OBJS = policyd/scram.o common/buf.o \
		common/crypto.o common/log.o
tests/unit/policyd/test_scram_LIBS = $(SSL_LIBS) $(ZLIB_LIBS)

# the first process, the parent, and the control tool
PARENT_OBJS =	policyd/main.o policyd/spawner.o policyd/parent.o \
		policyd/policyfile.o policyd/children.o policyd/childmsgs.o \
		policyd/catalogs.o policyd/estimates.o \
		policyd/attempts.o policyd/prepare.o policyd/handover.o \
		policyd/sessions.o policyd/sessionfile.o \
		policyd/sessionload.o policyd/minted.o \
		policyd/workers.o policyd/gateways.o policyd/cancel.o policyd/claims.o \
		policyd/access.o \
		policyd/throttle.o policyd/jtis.o \
		policyd/keycache.o \
		policyd/auditlink.o policyd/control.o \
		policyd/reload.o policyd/requests.o policyd/decisions.o \
		policyd/requestfile.o policyd/params.o policyd/approvals.o \
		policyd/notices.o policyd/requestnotice.o \
		policyd/actors.o policyd/grants.o policyd/requestload.o \
		policyd/explains.o policyd/leases.o \
		policyd/requestask.o policyd/recordkey.o \
		policyd/onlooker.o

PROGRAMS +=	policyd policyctl
policyd_OBJS =	$(sort $(PARENT_OBJS) $(POLICY_OBJS) $(VERIFIER_OBJS) \
		$(NOTIFIER_OBJS) \
		$(KEEPER_OBJS) $(ENGINE_OBJS) $(COMMON_OBJS))
policyd_LIBS =	$(COMMON_LIBS) $(PCRE2_LIBS) $(VERIFIER_LIBS) $(KEEPER_LIBS) \
		$(ENGINE_LIBS)
policyctl_OBJS = $(sort policyd/policyctl.o policyd/ctloptions.o \
		policyd/ctlrequests.o \
		policyd/ctlgrants.o policyd/ctlmasks.o policyd/ctlcatalog.o \
		policyd/ctlfiles.o policyd/schema.o $(PAGE_OBJS) \
		policyd/policyfile.o \
		policyd/setupsql.o policyd/rolesql.o \
		policyd/testcases.o policyd/testreport.o policyd/catdesc.o \
		policyd/described.o policyd/auditlines.o \
		policyd/policydiff.o policyd/learn.o policyd/learnrules.o \
		policyd/throttle.o \
		policyd/catalog_recs.o $(JUDGE_OBJS) $(POLICY_OBJS) \
		$(COMMON_OBJS))
policyctl_LIBS = $(COMMON_LIBS) $(PCRE2_LIBS) $(ENGINE_LIBS) $(CURL_LIBS) \
		$(MICROHTTPD_LIBS)

# the page for approvers, in policyctl serve
PAGE_OBJS =	policyd/ctlserve.o policyd/web.o policyd/webroutes.o \
		policyd/webpage.o policyd/webpolicy.o policyd/webdoor.o \
		policyd/websession.o policyd/oidc.o policyd/fetch.o \
		policyd/html.o
UNIT_TESTS +=	tests/unit/policyd/test_page
tests/unit/policyd/test_page_OBJS = policyd/html.o policyd/webpage.o \
		policyd/websession.o common/buf.o common/crypto.o \
		common/log.o common/visible.o
tests/unit/policyd/test_page_LIBS = $(JANSSON_LIBS) $(SSL_LIBS) $(ZLIB_LIBS)

UNIT_TESTS +=	tests/unit/policyd/test_claims \
		tests/unit/policyd/test_throttle \
		tests/unit/policyd/test_sessionfile \
		tests/unit/policyd/test_attempts
UNIT_TESTS +=	tests/unit/policyd/test_jtis tests/unit/policyd/test_limits
tests/unit/policyd/test_jtis_OBJS =	policyd/jtis.o common/crypto.o \
		common/log.o
tests/unit/policyd/test_jtis_LIBS =	$(SSL_LIBS) $(ZLIB_LIBS)
tests/unit/policyd/test_limits_OBJS =	policyd/hours.o common/network.o
tests/unit/policyd/test_claims_OBJS = policyd/claims.o policyd/access.o \
		$(POLICY_OBJS)
tests/unit/policyd/test_claims_LIBS = $(JANSSON_LIBS) $(POLICY_LIBS)
tests/unit/policyd/test_throttle_OBJS = policyd/throttle.o
tests/unit/policyd/test_sessionfile_OBJS = policyd/sessionfile.o \
		common/crypto.o common/log.o
tests/unit/policyd/test_sessionfile_LIBS = $(JANSSON_LIBS) $(SSL_LIBS) \
		$(ZLIB_LIBS)
tests/unit/policyd/test_attempts_OBJS = policyd/attempts.o policyd/prepare.o \
		policyd/handover.o policyd/throttle.o policyd/jtis.o \
		policyd/hours.o policyd/settings.o policyd/sqlnames.o \
		common/conf.o common/conf_print.o common/conf_tree.o \
		common/codec.o common/redact.o common/sqllex.o \
		common/visible.o \
		common/buf.o common/crypto.o common/ev.o common/log.o
tests/unit/policyd/test_attempts_LIBS = $(JANSSON_LIBS) $(SSL_LIBS) \
		$(ZLIB_LIBS) $(EVENT_LIBS) $(YAML_LIBS)

# the engine: SQL in, verdict out (kinds.o is in POLICY_OBJS)
JUDGE_OBJS =	policyd/analysis.o policyd/arena.o policyd/catalog.o \
		policyd/claims.o policyd/code.o policyd/facts.o \
		policyd/keyed.o policyd/views.o policyd/writes.o \
		policyd/spread.o policyd/matviews.o policyd/masklist.o \
		policyd/masktype.o \
		policyd/exprs.o policyd/judge.o policyd/judge_caps.o \
		policyd/estimable.o \
		policyd/judge_names.o policyd/judge_rules.o \
		policyd/mask.o policyd/touches.o \
		policyd/names.o policyd/prescan.o policyd/protect.o \
		policyd/bodyscan.o policyd/setscan.o \
		policyd/returning.o policyd/rewrite.o policyd/rules.o policyd/scene.o \
		policyd/scope.o policyd/sqltree.o \
		policyd/stmtkind.o policyd/targets.o policyd/utility.o \
		policyd/verdict.o
ENGINE_OBJS =	policyd/engine.o policyd/doom.o policyd/catalog_recs.o $(JUDGE_OBJS)
ENGINE_LIBS =	-lpg_query $(PROTOBUFC_LIBS) $(JANSSON_LIBS) -lpthread

JUDGE_TEST_OBJS = $(JUDGE_OBJS) $(POLICY_OBJS) policyd/catalog_recs.o \
		tests/unit/policyd/shop.o common/buf.o common/codec.o \
		common/sqllex.o common/touched.o
JUDGE_TEST_LIBS = $(ENGINE_LIBS) $(POLICY_LIBS)
UNIT_TESTS +=	tests/unit/policyd/test_judge tests/unit/policyd/test_masking \
		tests/unit/policyd/test_estimable \
		tests/unit/policyd/test_prescan \
		tests/unit/policyd/test_catalog
UNIT_TESTS +=	tests/unit/policyd/test_kinds tests/unit/policyd/test_settings
tests/unit/policyd/test_settings_OBJS =	$(JUDGE_TEST_OBJS)
tests/unit/policyd/test_settings_LIBS =	$(JUDGE_TEST_LIBS)
tests/unit/policyd/test_kinds_OBJS =	$(JUDGE_TEST_OBJS)
tests/unit/policyd/test_kinds_LIBS =	$(JUDGE_TEST_LIBS)
tests/unit/policyd/test_estimable_OBJS = $(JUDGE_TEST_OBJS)
tests/unit/policyd/test_estimable_LIBS = $(JUDGE_TEST_LIBS)
tests/unit/policyd/test_judge_OBJS =	$(JUDGE_TEST_OBJS)
tests/unit/policyd/test_judge_LIBS =	$(JUDGE_TEST_LIBS)
tests/unit/policyd/test_masking_OBJS =	$(JUDGE_TEST_OBJS)
tests/unit/policyd/test_masking_LIBS =	$(JUDGE_TEST_LIBS)
tests/unit/policyd/test_prescan_OBJS =	policyd/prescan.o common/sqllex.o
tests/unit/policyd/test_catalog_OBJS =	$(JUDGE_TEST_OBJS)
tests/unit/policyd/test_catalog_LIBS =	$(JUDGE_TEST_LIBS)
UNIT_TESTS +=	tests/unit/policyd/test_engine
tests/unit/policyd/test_engine_OBJS = $(sort policyd/engine.o policyd/doom.o \
		$(JUDGE_TEST_OBJS) $(COMMON_OBJS))
tests/unit/policyd/test_engine_LIBS = $(JUDGE_TEST_LIBS) $(COMMON_LIBS)

UNIT_TESTS +=	tests/unit/policyd/test_params
tests/unit/policyd/test_params_OBJS = policyd/params.o policyd/requestfile.o \
		common/crypto.o common/ev.o common/log.o
tests/unit/policyd/test_params_LIBS = $(JANSSON_LIBS) $(SSL_LIBS) $(ZLIB_LIBS) \
		$(EVENT_LIBS)

UNIT_TESTS +=	tests/unit/policyd/test_payload
tests/unit/policyd/test_payload_OBJS = policyd/payload.o common/buf.o \
		common/crypto.o common/log.o
tests/unit/policyd/test_payload_LIBS = $(JANSSON_LIBS) $(SSL_LIBS) $(ZLIB_LIBS)

UNIT_TESTS +=	tests/unit/policyd/test_actors
tests/unit/policyd/test_actors_OBJS = policyd/actors.o
tests/unit/policyd/test_actors_LIBS = $(JANSSON_LIBS)
