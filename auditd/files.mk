# auditd/: objects, programs and tests.
PROGRAMS +=	auditd auditctl

AUDIT_STORE_OBJS = auditd/chain.o auditd/checkpoint.o auditd/json.o \
		auditd/recfile.o auditd/schema.o auditd/seal.o auditd/segments.o \
		auditd/store.o auditd/store_file.o
AUDIT_VERIFY_OBJS = auditd/anchors.o auditd/verify.o auditd/verify_file.o \
		auditd/verify_rec.o auditd/verify_sign.o auditd/verify_touched.o
AUDIT_DRAIN_OBJS = $(AUDIT_STORE_OBJS) auditd/drain.o auditd/spoolfile.o

auditd_OBJS =	auditd/main.o auditd/auconf.o auditd/keyfile.o \
		auditd/prune.o auditd/recorder.o auditd/roster.o auditd/server.o \
		$(AUDIT_DRAIN_OBJS) $(COMMON_OBJS)
auditd_LIBS =	$(SQLITE_LIBS) $(COMMON_LIBS)

auditctl_OBJS =	auditd/against.o auditd/answer.o auditd/auditctl.o \
		auditd/auconf.o auditd/chain.o auditd/compare.o \
		auditd/checkpoint.o auditd/cursor.o \
		auditd/export.o auditd/filter.o auditd/forward.o auditd/json.o \
		auditd/keyfile.o auditd/progress.o auditd/prove.o \
		auditd/prunectl.o auditd/reader.o auditd/recfile.o \
		auditd/reconcile.o auditd/recording.o auditd/relations.o \
		auditd/replay.o auditd/replayhtml.o \
		auditd/replaysql.o auditd/replayterm.o auditd/report.o auditd/rowsterm.o \
		auditd/schema.o auditd/segments.o auditd/serverlog.o \
		auditd/showlog.o auditd/sink.o auditd/sqltext.o \
		auditd/summary.o auditd/syslogmsg.o \
		$(AUDIT_VERIFY_OBJS) $(COMMON_OBJS)
auditctl_LIBS =	$(SQLITE_LIBS) $(PQ_LIBS) $(ZSTD_LIBS) $(COMMON_LIBS)

UNIT_TESTS +=	tests/unit/auditd/test_json
tests/unit/auditd/test_json_OBJS = auditd/json.o auditd/chain.o $(COMMON_OBJS)
tests/unit/auditd/test_json_LIBS = $(COMMON_LIBS)

UNIT_TESTS +=	tests/unit/auditd/test_sqltext
tests/unit/auditd/test_sqltext_OBJS = auditd/sqltext.o $(COMMON_OBJS)
tests/unit/auditd/test_sqltext_LIBS = $(COMMON_LIBS)

UNIT_TESTS +=	tests/unit/auditd/test_drain
tests/unit/auditd/test_drain_OBJS = tests/unit/auditd/fixture.o \
		$(AUDIT_DRAIN_OBJS) $(COMMON_OBJS)
tests/unit/auditd/test_drain_LIBS = $(SQLITE_LIBS) $(COMMON_LIBS)

UNIT_TESTS +=	tests/unit/auditd/test_recorder
tests/unit/auditd/test_recorder_OBJS = tests/unit/auditd/fixture.o \
		auditd/prune.o auditd/recorder.o auditd/roster.o \
		$(AUDIT_DRAIN_OBJS) $(COMMON_OBJS)
tests/unit/auditd/test_recorder_LIBS = $(SQLITE_LIBS) $(COMMON_LIBS)

UNIT_TESTS +=	tests/unit/auditd/test_verify
tests/unit/auditd/test_verify_OBJS = tests/unit/auditd/fixture.o \
		$(AUDIT_VERIFY_OBJS) $(AUDIT_DRAIN_OBJS) $(COMMON_OBJS)
tests/unit/auditd/test_verify_LIBS = $(SQLITE_LIBS) $(COMMON_LIBS)

UNIT_TESTS +=	tests/unit/auditd/test_tamper
tests/unit/auditd/test_tamper_OBJS = tests/unit/auditd/fixture.o \
		$(AUDIT_VERIFY_OBJS) $(AUDIT_DRAIN_OBJS) $(COMMON_OBJS)
tests/unit/auditd/test_tamper_LIBS = $(SQLITE_LIBS) $(COMMON_LIBS)

UNIT_TESTS +=	tests/unit/auditd/test_seal
tests/unit/auditd/test_seal_OBJS = tests/unit/auditd/fixture.o \
		$(AUDIT_VERIFY_OBJS) $(AUDIT_DRAIN_OBJS) $(COMMON_OBJS)
tests/unit/auditd/test_seal_LIBS = $(SQLITE_LIBS) $(COMMON_LIBS)

UNIT_TESTS +=	tests/unit/auditd/test_recording
tests/unit/auditd/test_recording_OBJS = tests/unit/auditd/fixture.o \
		auditd/prune.o $(AUDIT_VERIFY_OBJS) $(AUDIT_DRAIN_OBJS) \
		$(COMMON_OBJS)
tests/unit/auditd/test_recording_LIBS = $(SQLITE_LIBS) $(COMMON_LIBS)

UNIT_TESTS +=	tests/unit/auditd/test_compare
tests/unit/auditd/test_compare_OBJS = auditd/answer.o auditd/compare.o \
		$(COMMON_OBJS)
tests/unit/auditd/test_compare_LIBS = $(COMMON_LIBS)

UNIT_TESTS +=	tests/unit/auditd/test_powercut
tests/unit/auditd/test_powercut_OBJS = tests/unit/auditd/fixture.o \
		tests/unit/auditd/powercut.o \
		auditd/prune.o auditd/recorder.o auditd/roster.o \
		$(AUDIT_VERIFY_OBJS) $(AUDIT_DRAIN_OBJS) $(COMMON_OBJS)
tests/unit/auditd/test_powercut_LIBS = $(SQLITE_LIBS) $(COMMON_LIBS)
