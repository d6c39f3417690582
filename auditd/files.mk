# auditd/: objects, programs and tests.
PROGRAMS +=	auditd auditctl

AUDIT_STORE_OBJS = auditd/chain.o auditd/json.o auditd/schema.o auditd/store.o
AUDIT_DRAIN_OBJS = $(AUDIT_STORE_OBJS) auditd/drain.o auditd/spoolfile.o

auditd_OBJS =	auditd/main.o auditd/auconf.o auditd/recorder.o \
		auditd/roster.o auditd/server.o $(AUDIT_DRAIN_OBJS) $(COMMON_OBJS)
auditd_LIBS =	$(SQLITE_LIBS) $(COMMON_LIBS)

auditctl_OBJS =	auditd/auditctl.o auditd/auconf.o auditd/chain.o \
		auditd/json.o auditd/schema.o auditd/showlog.o \
		auditd/verify.o $(COMMON_OBJS)
auditctl_LIBS =	$(SQLITE_LIBS) $(COMMON_LIBS)

UNIT_TESTS +=	tests/unit/auditd/test_json
tests/unit/auditd/test_json_OBJS = auditd/json.o auditd/chain.o $(COMMON_OBJS)
tests/unit/auditd/test_json_LIBS = $(COMMON_LIBS)

UNIT_TESTS +=	tests/unit/auditd/test_drain
tests/unit/auditd/test_drain_OBJS = tests/unit/auditd/fixture.o \
		$(AUDIT_DRAIN_OBJS) $(COMMON_OBJS)
tests/unit/auditd/test_drain_LIBS = $(SQLITE_LIBS) $(COMMON_LIBS)

UNIT_TESTS +=	tests/unit/auditd/test_recorder
tests/unit/auditd/test_recorder_OBJS = tests/unit/auditd/fixture.o \
		auditd/recorder.o auditd/roster.o $(AUDIT_DRAIN_OBJS) $(COMMON_OBJS)
tests/unit/auditd/test_recorder_LIBS = $(SQLITE_LIBS) $(COMMON_LIBS)

UNIT_TESTS +=	tests/unit/auditd/test_verify
tests/unit/auditd/test_verify_OBJS = tests/unit/auditd/fixture.o \
		auditd/verify.o $(AUDIT_DRAIN_OBJS) $(COMMON_OBJS)
tests/unit/auditd/test_verify_LIBS = $(SQLITE_LIBS) $(COMMON_LIBS)
