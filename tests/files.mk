# tests/: objects, programs and tests.
TEST_PROGRAMS = mktoken bearer

mktoken_OBJS =	tests/tools/mktoken.o tests/tools/forge.o
mktoken_LIBS =	$(JANSSON_LIBS) $(SSL_LIBS)

bearer_OBJS =	tests/tools/bearer.o
bearer_LIBS =	$(PQ_LIBS)

# tests/e2e/test_x.c is the program e2e_x; tests/run brings its stack up.
E2E =	$(shell cat tests/e2e/list)
TEST_PROGRAMS += $(addprefix e2e_,$(E2E))
define e2e_program
e2e_$(1)_OBJS =	tests/e2e/e2e.o tests/e2e/raw.o tests/e2e/load.o \
		tests/e2e/held.o tests/e2e/test_$(1).o
e2e_$(1)_LIBS =	$(PQ_LIBS) $(SQLITE_LIBS) $(SSL_LIBS) $(CHECK_LIBS)
endef
$(foreach t,$(E2E),$(eval $(call e2e_program,$(t))))

# policyd with engines that lie when they are told to (tests/e2e/liar.c).
TEST_PROGRAMS += policyd_liar
policyd_liar_OBJS = $(sort $(filter-out policyd/engine.o,$(policyd_OBJS)) \
		tests/e2e/liar.o)
policyd_liar_LIBS = $(policyd_LIBS)

# auditd on a disk that fails when it is told to (tests/e2e/failing.c).
TEST_PROGRAMS += auditd_failing
auditd_failing_OBJS = $(sort $(auditd_OBJS) tests/e2e/failing.o)
auditd_failing_LIBS = $(auditd_LIBS)

# tests/fuzz/x.c is a target for the pure part x.  fuzz_x runs files (the
# corpus, in make check); make fuzz lets libFuzzer make them up.
FUZZ =		pgmsg codec prescan conf token
pgmsg_FUZZED =	gatewayd/pgmsg.o common/buf.o
codec_FUZZED =	$(IPC_OBJS)
prescan_FUZZED = policyd/prescan.o common/sqllex.o common/redact.o \
		common/visible.o common/buf.o common/crypto.o common/log.o
conf_FUZZED =	common/conf.o common/conf_print.o common/conf_tree.o
token_FUZZED =	policyd/token.o policyd/jwks.o policyd/claims.o \
		$(POLICY_OBJS) common/crypto.o common/log.o common/buf.o
FUZZ_LIBS =	$(CJOSE_LIBS) $(JANSSON_LIBS) $(SSL_LIBS) $(ZLIB_LIBS) \
		$(YAML_LIBS) $(PCRE2_LIBS) $(EVENT_LIBS) -lm
TEST_PROGRAMS += $(addprefix fuzz_,$(FUZZ))
define fuzz_program
fuzz_$(1)_OBJS = tests/fuzz/$(if $(FUZZING),,main.o tests/fuzz/)$(1).o \
		$$($(1)_FUZZED)
fuzz_$(1)_LIBS = $(FUZZ_LIBS)
endef
$(foreach t,$(FUZZ),$(eval $(call fuzz_program,$(t))))
e2e_twins_OBJS +=	tests/e2e/twin.o tests/e2e/sqlgen.o

# What an event costs, without the network: tests/bench/record.c.
TEST_PROGRAMS += bench_record
bench_record_OBJS = tests/bench/record.o $(AUDIT_DRAIN_OBJS) \
		$(COMMON_OBJS)
bench_record_LIBS = $(SQLITE_LIBS) $(COMMON_LIBS)
$(O)/tests/bench/record.o: INCLUDES = -I. -Icommon -Iauditd

# What a verdict costs: in an engine, in a worker that has it, to a client.
TEST_PROGRAMS += bench_verdicts bench_cached bench_pair
bench_verdicts_OBJS = $(sort tests/bench/verdicts.o policyd/policyfile.o \
		policyd/described.o policyd/catdesc.o policyd/catalog_recs.o \
		$(JUDGE_OBJS) $(POLICY_OBJS) $(COMMON_OBJS))
bench_verdicts_LIBS = $(COMMON_LIBS) $(PCRE2_LIBS) $(ENGINE_LIBS)
$(O)/tests/bench/verdicts.o: INCLUDES = -I. -Icommon -Ipolicyd
bench_cached_OBJS = tests/bench/cached.o gatewayd/verdicts.o $(COMMON_OBJS)
bench_cached_LIBS = $(COMMON_LIBS)
$(O)/tests/bench/cached.o: INCLUDES = -I. -Icommon -Igatewayd
bench_pair_OBJS = tests/bench/pair.o
bench_pair_LIBS = $(PQ_LIBS)

# Answers looked through.
TEST_PROGRAMS += bench_content
bench_content_OBJS = tests/bench/content.o common/content.o
$(O)/tests/bench/content.o: INCLUDES = -I. -Icommon

# Statements that wait for people: tests/bench/held.c.
TEST_PROGRAMS += bench_held
bench_held_OBJS = tests/bench/held.o
bench_held_LIBS = $(PQ_LIBS)

# Logins: tests/bench/verify.c, firstrow.c, flood.c.
TEST_PROGRAMS += bench_verify bench_firstrow bench_flood
bench_verify_OBJS = tests/bench/verify.o tests/tools/forge.o policyd/token.o \
		policyd/jwks.o policyd/claims.o $(POLICY_OBJS) \
		common/crypto.o common/log.o common/buf.o
bench_verify_LIBS = $(FUZZ_LIBS)
$(O)/tests/bench/verify.o: INCLUDES = -I. -Icommon -Ipolicyd
bench_firstrow_OBJS = tests/bench/firstrow.o
bench_firstrow_LIBS = $(PQ_LIBS)
bench_flood_OBJS = tests/bench/flood.o
bench_flood_LIBS = $(SSL_LIBS)
# Conversations made by a program: tests/e2e/talk.c, talkgen.c.
$(foreach t,denials frames storm crowd,$(eval e2e_$(t)_OBJS += tests/e2e/talk.o \
		tests/e2e/talkgen.o))
e2e_frames_OBJS += tests/e2e/rechunk.o
e2e_identity_OBJS += tests/e2e/cases.o tests/tools/forge.o
e2e_page_OBJS +=	tests/e2e/page.o $(IPC_OBJS)
e2e_page_LIBS +=	$(EVENT_LIBS)
